import CLinux
import SystemPackage
import Virtio

/// A request's arguments, copied out of guest memory once, and taken off one after the other.
struct FUSEArguments {
    private let bytes: [UInt8]
    private var position = 0

    /// - Throws: `E2BIG` for more than any request has.
    init(_ list: SegmentList) throws(Errno) {
        guard list.byteCount <= FUSESizes.longestArguments else { throw .argListTooLong }
        bytes = [UInt8](unsafeUninitializedCapacity: list.byteCount) { buffer, count in
            count = list.read(into: UnsafeMutableRawBufferPointer(buffer))
        }
    }

    var rest: ArraySlice<UInt8> { bytes[position...] }

    /// - Throws: `EINVAL` where the request is shorter.
    mutating func take<Value: BitwiseCopyable>(_ type: Value.Type) throws(Errno) -> Value {
        let size = MemoryLayout<Value>.size
        guard rest.count >= size else { throw .invalidArgument }
        defer { position += size }
        return bytes.withUnsafeBytes { $0.loadUnaligned(fromByteOffset: position, as: Value.self) }
    }

    /// A text up to its zero byte, which is taken off as well.
    mutating func takeText() throws(Errno) -> ArraySlice<UInt8> {
        guard let end = rest.firstIndex(of: 0) else { throw .invalidArgument }
        defer { position = end + 1 }
        return bytes[position..<end]
    }

    mutating func takeName() throws(Errno) -> FileName {
        try FileName(try takeText())
    }

    mutating func take(count: Int) throws(Errno) -> ArraySlice<UInt8> {
        guard count >= 0, rest.count >= count else { throw .invalidArgument }
        defer { position += count }
        return rest.prefix(count)
    }
}

extension Errno {
    /// An offset or a length as the host has it.
    ///
    /// - Throws: `EINVAL` for more than any file has.
    static func checked(_ value: UInt64) throws(Errno) -> off_t {
        guard let offset = off_t(exactly: value) else { throw .invalidArgument }
        return offset
    }
}
