import System

/// Disks by their serial numbers, as their names depend on which others there are.
enum Disks {
    /// - Returns: the path of the disk's device; nil where there is none.
    static func device(serial: UnsafePointer<CChar>) -> UnsafeMutablePointer<CChar>? {
        guard let directory = opendir(text("/sys/block")) else { return nil }
        defer { closedir(directory) }
        let path = UnsafeMutablePointer<CChar>.allocate(capacity: 300)
        while let entry = readdir(directory) {
            strcpy(path, "/sys/block/")
            strcat(path, entry_name(entry))
            strcat(path, "/serial")
            guard has(path, serial) else { continue }
            strcpy(path, "/dev/")
            strcat(path, entry_name(entry))
            return path
        }
        path.deallocate()
        return nil
    }

    /// Whether a file has these words in it, and nothing else.
    private static func has(_ path: UnsafePointer<CChar>, _ words: UnsafePointer<CChar>) -> Bool {
        let file = open_file(path, O_RDONLY)
        guard file >= 0 else { return false }
        defer { close(file) }
        let length = strlen(words)
        var contents = [CChar](repeating: 0, count: length + 2)
        let count = read(file, &contents, contents.count)
        // The kernel may end it as a line.
        let isLine = count == length + 1 && contents[length] == CChar(bitPattern: UInt8(ascii: "\n"))
        return (count == length || isLine) && memcmp(contents, words, length) == 0
    }
}
