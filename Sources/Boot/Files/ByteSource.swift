import CLinux
import Glibc
import Linux

/// Bytes to be loaded into a guest: an open file, or memory. Reading is positioned, so threads can share one.
///
/// A file is never mapped: one that shrinks while it is read must end in an error, not in SIGBUS.
public final class ByteSource: Sendable {
    /// What errors call it: the path, for a file.
    public let name: String
    /// Bytes; for a file, as many as it had when opened.
    public let count: UInt64
    private let storage: Storage

    private enum Storage: ~Copyable, Sendable {
        case file(OwnedDescriptor)
        case mapping(MemoryMapping)
        case array([UInt8])
    }

    /// Opens a regular file.
    ///
    /// - Throws: `ByteSourceError`, also for pipes, devices and directories, whose size cannot be planned with.
    public convenience init(path: String) throws(ByteSourceError) {
        do throws(SystemCallError) {
            // Opening a named pipe would otherwise wait for a writer.
            try self.init(file: OwnedDescriptor.open(path, O_RDONLY | O_NONBLOCK), name: path)
        } catch {
            throw ByteSourceError(name: path, problem: .system(error))
        }
        if let kind = irregularKind { throw ByteSourceError(name: path, problem: .notRegular(kind)) }
    }

    /// Takes over an open file, of which only a regular one can be read.
    ///
    /// - Parameter tailCount: bytes at the file's end that `count` leaves out.
    init(file: consuming OwnedDescriptor, name: String, tailCount: UInt64 = 0) throws(SystemCallError) {
        let size = UInt64(clamping: try file.status().st_size)
        count = size - min(size, tailCount)
        self.name = name
        storage = .file(file)
    }

    /// Takes over memory.
    ///
    /// - Parameter count: how many of its bytes there are, from its start on; nil for all.
    public init(mapping: consuming MemoryMapping, count: Int? = nil, name: String) {
        self.count = UInt64(clamping: min(count ?? mapping.count, mapping.count))
        self.name = name
        storage = .mapping(mapping)
    }

    public init(bytes: [UInt8], name: String) {
        count = UInt64(bytes.count)
        self.name = name
        storage = .array(bytes)
    }

    /// The file's status; nil for memory, and where the file system does not answer.
    func fileStatus() -> stat? {
        switch storage {
        case .file(let file): try? file.status()
        case .mapping: nil
        case .array: nil
        }
    }

    /// Calls `body` with all bytes where they are in memory, and not at all for a file.
    func withMemory(_ body: (UnsafeRawBufferPointer) -> Void) {
        switch storage {
        case .file: return
        case .mapping(let mapping): body(bytes(of: mapping))
        case .array(let bytes): bytes.withUnsafeBytes { body($0) }
        }
    }

    private func bytes(of mapping: borrowing MemoryMapping) -> UnsafeRawBufferPointer {
        UnsafeRawBufferPointer(rebasing: UnsafeRawBufferPointer(mapping.bytes)[..<Int(clamping: count)])
    }

    private var irregularKind: IrregularFile? {
        fileStatus().flatMap { IrregularFile(mode: $0.st_mode) }
    }

    /// Fills `buffer` from `offset` on, which may also be in the tail that `count` leaves out.
    ///
    /// - Throws: `ByteSourceError`, also when there are fewer bytes than that.
    func read(into buffer: UnsafeMutableRawBufferPointer, at offset: UInt64) throws(ByteSourceError) {
        guard let end = Int(exactly: offset).map({ $0.addingReportingOverflow(buffer.count) }), !end.overflow else {
            throw ByteSourceError(name: name, problem: .shrunk)
        }
        let start = end.partialValue - buffer.count
        switch storage {
        case .file(let file): try read(file, into: buffer, at: start)
        case .mapping(let mapping): try copy(bytes(of: mapping), into: buffer, from: start)
        case .array(let bytes):
            try bytes.span.withUnsafeBytes { bytes throws(ByteSourceError) in
                try copy(bytes, into: buffer, from: start)
            }
        }
    }

    /// Fills `buffer`, which must be zero, from `offset` on, without touching it where a file has holes.
    func read(intoZeroed buffer: UnsafeMutableRawBufferPointer, at offset: UInt64) throws(ByteSourceError) {
        guard let start = Int(exactly: offset), !start.addingReportingOverflow(buffer.count).overflow else {
            throw ByteSourceError(name: name, problem: .shrunk)
        }
        let end = start + buffer.count
        var position = start
        while position < end {
            let data = nextData(from: position, to: end)
            let part = UnsafeMutableRawBufferPointer(
                rebasing: buffer[(data.lowerBound - start)..<(data.upperBound - start)])
            try read(into: part, at: UInt64(data.lowerBound))
            position = max(data.upperBound, position + 1)
        }
    }

    /// The first run of data from `position` on; empty at `end` where a hole reaches that far.
    private func nextData(from position: Int, to end: Int) -> Range<Int> {
        switch storage {
        case .mapping: return position..<end
        case .array: return position..<end
        case .file(let file):
            // Not on every file system, and never beyond the end of the file: then reading it tells.
            let data = lseek(file.rawValue, position, SEEK_DATA)
            if data < 0 && errno != ENXIO { return position..<end }
            if data < 0 { return isWithinFile(end) ? end..<end : position..<end }
            guard data < end else { return end..<end }
            let hole = lseek(file.rawValue, data, SEEK_HOLE)
            return data..<(hole > data ? min(hole, end) : end)
        }
    }

    private func isWithinFile(_ end: Int) -> Bool {
        fileStatus().map { end <= $0.st_size } ?? false
    }

    /// The bytes from `offset` on, as far as there are any and at most `limit` of them.
    public func prefix(_ limit: Int, at offset: UInt64 = 0) throws(ByteSourceError) -> [UInt8] {
        let available = offset < count ? count - offset : 0
        let size = Int(min(available, UInt64(clamping: limit)))
        if size == 0 { return [] }
        var bytes = [UInt8](repeating: 0, count: size)
        var span = bytes.mutableSpan
        try span.withUnsafeMutableBytes { buffer throws(ByteSourceError) in try read(into: buffer, at: offset) }
        return bytes
    }

    private func copy(
        _ bytes: UnsafeRawBufferPointer, into buffer: UnsafeMutableRawBufferPointer, from start: Int
    ) throws(ByteSourceError) {
        guard start <= bytes.count, buffer.count <= bytes.count - start else {
            throw ByteSourceError(name: name, problem: .shrunk)
        }
        buffer.copyMemory(from: UnsafeRawBufferPointer(rebasing: bytes[start...].prefix(buffer.count)))
    }

    private func read(
        _ file: borrowing OwnedDescriptor, into buffer: UnsafeMutableRawBufferPointer, at start: Int
    ) throws(ByteSourceError) {
        let descriptor = file.rawValue
        var done = 0
        while done < buffer.count {
            let rest = UnsafeMutableRawBufferPointer(rebasing: buffer[done...])
            let got: Int
            do throws(SystemCallError) {
                got = try systemCall("pread") { pread(descriptor, rest.baseAddress, rest.count, start + done) }
            } catch {
                throw ByteSourceError(name: name, problem: .system(error))
            }
            guard got > 0 else { throw ByteSourceError(name: name, problem: .shrunk) }
            done += got
        }
    }
}
