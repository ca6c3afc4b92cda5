import CLinux

/// The part of this process's memory that it really uses.
public enum WorkingSet {
    /// Lets go of the program's code pages, most of which only parsed the command line and prepared the run; those
    /// still in use come back from the page cache by minor faults (madvise(2), `MADV_DONTNEED`).
    public static func releaseCode() {
        let page = UInt(sysconf(CInt(_SC_PAGESIZE)))
        let start = UInt(bitPattern: program_start()) & ~(page - 1)
        let end = UInt(bitPattern: program_code_end()) & ~(page - 1)
        guard end > start, let address = UnsafeMutableRawPointer(bitPattern: start) else { return }
        madvise(address, Int(end - start), MADV_DONTNEED)
    }
}
