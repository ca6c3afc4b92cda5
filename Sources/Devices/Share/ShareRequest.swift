import CLinux
import SystemPackage
import Virtio

/// A FUSE request between its chain's coming and going: where its arguments are, and where its reply goes.
final class ShareRequest: @unchecked Sendable {
    // Sendable: one thread has it at a time.

    /// The index of its queue, and its chain's first descriptor.
    let queue: Int
    let head: UInt16
    let header: fuse_in_header
    /// What follows the header, as far as the header says.
    private(set) var arguments: SegmentList
    /// Where the reply goes, behind its header.
    private(set) var body: SegmentList
    private let replyHeader: SegmentList
    /// Bytes of the reply, once there is one.
    private(set) var written = 0
    /// What was moved between the guest and a file, in bytes; nil for requests that move nothing.
    private(set) var transfer: Transfer?
    private let segments: UnsafeMutablePointer<iovec>

    enum Transfer {
        case toGuest(Int)
        case fromGuest(Int)
        case failed(toGuest: Bool)
    }

    /// - Throws: where a driver left out the header, or the place for the reply's.
    init(_ chain: DescriptorChain, queue: Int) throws(QueueError) {
        guard let header = chain.readable.load(as: fuse_in_header.self) else {
            throw .malformed("a file system request without a header")
        }
        let length = Int(header.len)
        guard (FUSESizes.requestHeader...chain.readable.byteCount).contains(length) else {
            throw .malformed(
                "a file system request of \(header.len) bytes in a buffer of \(chain.readable.byteCount)")
        }
        let room = chain.writable.byteCount
        guard Self.isSilent(header.opcode) || room >= FUSESizes.replyHeader else {
            throw .malformed("a file system request with \(room) bytes for its reply")
        }
        self.queue = queue
        head = chain.head
        self.header = header

        let (readCount, writeCount) = (chain.readable.count, chain.writable.count)
        // No buffer is empty: the header is in as many as it has bytes at most.
        let headerCount = min(writeCount, FUSESizes.replyHeader)
        segments = .allocate(capacity: readCount + writeCount + headerCount)
        let (bodyStart, headerStart) = (segments + readCount, segments + readCount + writeCount)
        chain.readable.copySegments(to: segments)
        chain.writable.copySegments(to: bodyStart)
        headerStart.update(from: bodyStart, count: headerCount)
        arguments = SegmentList(base: segments, count: readCount)
        arguments.truncate(to: length)
        arguments.removeFirst(FUSESizes.requestHeader)
        body = SegmentList(base: bodyStart, count: writeCount)
        body.removeFirst(FUSESizes.replyHeader)
        replyHeader = SegmentList(base: headerStart, count: headerCount)
    }

    deinit { segments.deallocate() }

    /// Whether nobody waits for a reply.
    static func isSilent(_ opcode: UInt32) -> Bool {
        [FUSE_FORGET.rawValue, FUSE_BATCH_FORGET.rawValue, FUSE_INTERRUPT.rawValue].contains(opcode)
    }

    func take(_ reply: FileReply) {
        if Self.isSilent(header.opcode) { return }
        switch reply {
        case .empty: finish(error: 0, count: 0)
        case .bytes(let bytes): finish(error: 0, count: bytes.withUnsafeBytes { body.write($0) })
        case .filled(let count):
            transfer = .toGuest(count)
            finish(error: 0, count: count)
        case .stored(let count):
            transfer = .fromGuest(count)
            finish(
                error: 0,
                count: withUnsafeBytes(of: fuse_write_out(size: UInt32(clamping: count), padding: 0)) {
                    body.write($0)
                })
        }
    }

    func take(_ error: Errno) {
        if Self.isSilent(header.opcode) { return }
        if header.opcode == FUSE_READ.rawValue { transfer = .failed(toGuest: true) }
        if header.opcode == FUSE_WRITE.rawValue { transfer = .failed(toGuest: false) }
        finish(error: -error.rawValue, count: 0)
    }

    private func finish(error: CInt, count: Int) {
        written = FUSESizes.replyHeader + count
        replyHeader.store(fuse_out_header(len: UInt32(clamping: written), error: error, unique: header.unique))
    }
}

/// What a guest is answered, behind the header.
enum FileReply {
    case empty
    case bytes([UInt8])
    /// That many bytes of a file, which are where they belong already.
    case filled(Int)
    /// That so many bytes were written to a file.
    case stored(Int)

    /// A structure of the protocol, whose padding has a name and is zero.
    static func value<Value: BitwiseCopyable>(_ value: Value) -> FileReply {
        .bytes(withUnsafeBytes(of: value) { Array($0) })
    }
}
