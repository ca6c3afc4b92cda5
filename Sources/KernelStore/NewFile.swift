import Archives
import Glibc
import Linux

/// A file that is being written.
struct NewFile: ~Copyable {
    private let path: String
    private let file: OwnedDescriptor

    /// Begins it anew where it is there already, as archives may have a file twice.
    init(_ path: String) throws(SystemCallError) {
        self.path = path
        file = try OwnedDescriptor.open(path, O_WRONLY | O_CREAT | O_TRUNC, mode: 0o644)
    }

    func copy(from source: String) throws {
        let input = try OwnedDescriptor.open(source, O_RDONLY)
        try fill { buffer in
            try systemCall("read", on: source) { read(input.rawValue, buffer.baseAddress, buffer.count) }
        }
    }

    /// Writes the present member of an archive.
    func copy(from archive: ArchiveReader) throws {
        try fill { try archive.read(into: $0) }
    }

    /// Writes what `next` puts into its buffer, until that is nothing.
    private func fill(_ next: (UnsafeMutableRawBufferPointer) throws -> Int) throws {
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 256 << 10, alignment: 16)
        defer { buffer.deallocate() }
        while true {
            let count = try next(buffer)
            if count == 0 { return }
            var rest = UnsafeRawBufferPointer(rebasing: buffer[..<count])
            while !rest.isEmpty {
                let written = try systemCall("write", on: path) { write(file.rawValue, rest.baseAddress, rest.count) }
                rest = UnsafeRawBufferPointer(rebasing: rest[written...])
            }
        }
    }
}
