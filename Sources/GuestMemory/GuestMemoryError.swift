import Linux
import MachineConfiguration
import SystemPackage

/// Why guest memory could not be made or reached.
public enum GuestMemoryError: Error, Equatable, CustomStringConvertible {
    /// The range is not all within one region of memory.
    case outOfRange(address: UInt64, count: UInt64)
    /// Not a positive multiple of `granule` bytes.
    case unusableSize(UInt64, granule: UInt64)
    /// The host would not map that much.
    case mapping(SystemCallError, size: UInt64, pages: HugePages)

    public var description: String {
        switch self {
        case .outOfRange(let address, let count):
            return "\(count) bytes at guest address 0x\(String(address, radix: 16)) are not all in guest memory"
        case .unusableSize(let size, let granule):
            return "\(size) bytes of guest memory: the size must be a positive multiple of \(granule) bytes"
        case .mapping(let error, let size, .hugetlbfs) where error.errno == .noMemory:
            return """
                \(size >> 20) MiB of guest memory on reserved huge pages: the host has not got enough of them free; \
                reserve them with 'sysctl vm.nr_hugepages=\(size >> 21)', or ask for 'transparent' huge pages
                """
        case .mapping(let error, let size, _):
            return "\(size >> 20) MiB of guest memory: \(error); try less memory"
        }
    }
}
