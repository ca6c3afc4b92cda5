import CLinux
import Linux
import Virtio

/// The host's end of a connection: a Unix socket that is never waited for.
final class VsockHostSocket {
    enum ReadResult: Equatable {
        case bytes(Int)
        case wouldBlock
        /// The peer sends no more.
        case ended
        case failed
    }

    let descriptor: OwnedDescriptor
    /// Whether reading may give something: from the loop's word until there is nothing.
    var mayRead = false
    /// Whether the peer neither sends nor receives any more.
    var isHungUp = false
    private var backlog: VsockBacklog
    private var takesBytes = true

    /// - Parameter capacity: bytes that are kept at most while the peer does not take them.
    init(_ descriptor: consuming OwnedDescriptor, capacity: Int) {
        self.descriptor = descriptor
        backlog = VsockBacklog(capacity: capacity)
    }

    var hasBacklog: Bool { !backlog.isEmpty }

    /// Sends what the socket takes, and keeps the rest.
    ///
    /// - Returns: how many bytes are off our hands, those of earlier calls among them; nil when the peer takes no more
    ///   or there is no room for the rest: then all that was kept is dropped.
    func write(_ payload: SegmentList) -> Int? {
        guard takesBytes else { return nil }
        var rest = payload
        var sent = 0
        if backlog.isEmpty {
            sent = transmit(rest.segments)
            guard sent >= 0 else { return close() }
            rest.removeFirst(sent)
        }
        for segment in rest.segments {
            guard backlog.append(UnsafeRawBufferPointer(start: segment.iov_base, count: segment.iov_len)) else {
                return close()
            }
        }
        return sent
    }

    /// Sends a few bytes at the beginning, when the socket has room for sure.
    ///
    /// - Returns: whether it took them.
    func write(_ bytes: [UInt8]) -> Bool {
        send(descriptor.rawValue, bytes, bytes.count, CInt(MSG_NOSIGNAL)) == bytes.count
    }

    /// Sends more of what was kept.
    ///
    /// - Returns: as `write` does.
    func flush() -> Int? {
        let sent = backlog.consume { transmit($0) }
        return sent >= 0 ? sent : close()
    }

    private func close() -> Int? {
        takesBytes = false
        backlog.removeAll()
        return nil
    }

    /// - Returns: bytes sent, none when the socket is full; -1 when the peer takes no more.
    private func transmit(_ segments: UnsafeMutableBufferPointer<iovec>) -> Int {
        var message = msghdr()
        message.msg_iov = segments.baseAddress
        message.msg_iovlen = segments.count
        while true {
            let sent = sendmsg(descriptor.rawValue, &message, CInt(MSG_NOSIGNAL))
            if sent >= 0 { return sent }
            switch currentErrno {
            case .interrupted: continue
            case .wouldBlock: return 0
            default: return -1
            }
        }
    }

    /// Reads up to `limit` bytes straight into `room`.
    func read(into room: SegmentList, limit: Int) -> ReadResult {
        if limit >= room.byteCount { return read(room.segments) }
        return withUnsafeTemporaryAllocation(of: iovec.self, capacity: room.count) { segments in
            guard let base = segments.baseAddress else { return .wouldBlock }
            room.copySegments(to: base)
            var limited = SegmentList(base: base, count: room.count)
            limited.truncate(to: limit)
            return read(limited.segments)
        }
    }

    private func read(_ segments: UnsafeMutableBufferPointer<iovec>) -> ReadResult {
        while true {
            let count = readv(descriptor.rawValue, segments.baseAddress, CInt(clamping: segments.count))
            if count > 0 { return .bytes(count) }
            if count == 0 { return .ended }
            switch currentErrno {
            case .interrupted: continue
            case .wouldBlock: return .wouldBlock
            default: return .failed
            }
        }
    }

    /// Tells the peer what the guest will not do any more; a peer that is gone need not know.
    func shutDown(_ shutdown: VsockShutdown) {
        if shutdown.contains(.receive) { CLinux.shutdown(descriptor.rawValue, CInt(SHUT_RD)) }
        if shutdown.contains(.send), backlog.isEmpty { CLinux.shutdown(descriptor.rawValue, CInt(SHUT_WR)) }
    }
}
