import CLinux
import Glibc
import Linux

/// Frames on a stream socket, each after its length in four bytes, the highest first, as passt and QEMU's `-netdev
/// stream` have them. The header before a frame is not carried: zeros take its place on receipt. Frames for the loopback
/// interface of the host are not sent.
public final class FrameStream {
    public let descriptor: OwnedDescriptor
    private var input = ReceiveBuffer(capacity: 2 * (lengthSize + Frame.greatestLength))
    /// The rest of a frame that the socket had room for in part only.
    private let rest: UnsafeMutableRawBufferPointer
    private var restRange = 0..<0
    private let vector: UnsafeMutableBufferPointer<iovec>
    /// Of the frame to send: the guest may change its own memory once this has been looked at.
    private let head: UnsafeMutableRawBufferPointer

    private static let lengthSize = 4
    /// `UIO_MAXIOV`.
    private static let longestVector = 1024

    /// - Parameter descriptor: a connected stream socket, non-blocking.
    public init(descriptor: consuming OwnedDescriptor) {
        self.descriptor = descriptor
        rest = .allocate(byteCount: Self.lengthSize + Frame.greatestLength, alignment: 16)
        vector = .allocate(capacity: Self.longestVector)
        head = .allocate(byteCount: FrameHead.length, alignment: 16)
    }

    deinit {
        rest.deallocate()
        vector.deallocate()
        head.deallocate()
    }

    func receive(into segments: UnsafeMutableBufferPointer<iovec>) -> ReceiveResult {
        while true {
            if let length = input.nextLength {
                // Who sends such a thing has lost count, or never counted.
                guard (Frame.leastLength...Frame.greatestLength).contains(length) else { return .closed }
                if input.takeFrame(length, into: segments) { return .received(Frame.headerLength + length) }
            }
            let room = input.makeRoom()
            let count = recv(descriptor.rawValue, room.baseAddress, room.count, 0)
            if count > 0 {
                input.add(count)
                continue
            }
            switch count == 0 ? 0 : errno {
            case EINTR: continue
            case EAGAIN: return .empty
            default: return .closed
            }
        }
    }

    func send(_ segments: UnsafeMutableBufferPointer<iovec>) -> SendResult {
        flush()
        if hasUnsent { return .blocked }
        guard segments.count + 2 <= Self.longestVector, let frame = gather(segments) else { return .refused }
        var prefix = UInt32(frame.byteCount).bigEndian
        let result = withUnsafeMutableBytes(of: &prefix) { prefix in
            vector[0] = iovec(iov_base: prefix.baseAddress, iov_len: prefix.count)
            var message = msghdr()
            message.msg_iov = vector.baseAddress
            message.msg_iovlen = frame.count + 1
            let sent = transmit(&message)
            if sent > 0 { keepRest(vector: frame.count + 1, after: sent) }
            return sent
        }
        if result >= 0 { return .sent }
        return errno == EAGAIN ? .blocked : .closed
    }

    /// Puts the frame after the header into `vector`, from its second element on: the beginning as it is now, and where
    /// the rest is.
    ///
    /// - Returns: elements and bytes; nil for a frame that is too short or too long, or not to be sent.
    private func gather(_ segments: UnsafeMutableBufferPointer<iovec>) -> (count: Int, byteCount: Int)? {
        var toSkip = Frame.headerLength
        var (count, byteCount) = (1, 0)
        for segment in segments {
            let skipped = min(toSkip, segment.iov_len)
            toSkip -= skipped
            let length = segment.iov_len - skipped
            guard length > 0 else { continue }
            let room = UnsafeMutableRawBufferPointer(rebasing: head[min(byteCount, head.count)...])
            let copied = min(length, room.count)
            room.copyMemory(from: UnsafeRawBufferPointer(start: segment.iov_base + skipped, count: copied))
            byteCount += length
            guard byteCount <= Frame.greatestLength else { return nil }
            guard length > copied else { continue }
            count += 1
            vector[count] = iovec(iov_base: segment.iov_base + skipped + copied, iov_len: length - copied)
        }
        let beginning = UnsafeMutableRawBufferPointer(rebasing: head[..<min(byteCount, head.count)])
        guard byteCount >= Frame.leastLength, !FrameHead.leadsToLoopback(UnsafeRawBufferPointer(beginning)) else {
            return nil
        }
        vector[1] = iovec(iov_base: beginning.baseAddress, iov_len: beginning.count)
        return (count, byteCount)
    }

    private func keepRest(vector count: Int, after sent: Int) {
        var (toSkip, end) = (sent, 0)
        for segment in vector[..<count] {
            let skipped = min(toSkip, segment.iov_len)
            toSkip -= skipped
            let bytes = UnsafeRawBufferPointer(start: segment.iov_base + skipped, count: segment.iov_len - skipped)
            UnsafeMutableRawBufferPointer(rebasing: rest[end...]).copyMemory(from: bytes)
            end += bytes.count
        }
        restRange = 0..<end
    }

    var hasUnsent: Bool { !restRange.isEmpty }

    func flush() {
        while !restRange.isEmpty {
            let bytes = UnsafeMutableRawBufferPointer(rebasing: rest[restRange])
            let sent = CLinux.send(descriptor.rawValue, bytes.baseAddress, bytes.count, CInt(MSG_NOSIGNAL))
            if sent < 0 {
                if errno == EINTR { continue }
                // Other failures last, and the next transmission, which is then tried, comes upon them as well.
                if errno != EAGAIN { restRange = 0..<0 }
                return
            }
            restRange = restRange.lowerBound + sent..<restRange.upperBound
        }
    }

    private func transmit(_ message: inout msghdr) -> Int {
        while true {
            let sent = sendmsg(descriptor.rawValue, &message, CInt(MSG_NOSIGNAL))
            if sent >= 0 || errno != EINTR { return sent }
        }
    }
}

/// What came from a stream of frames and was not taken yet.
private struct ReceiveBuffer: ~Copyable {
    private let bytes: UnsafeMutableRawBufferPointer
    private var range = 0..<0

    init(capacity: Int) {
        bytes = .allocate(byteCount: capacity, alignment: 16)
    }

    deinit { bytes.deallocate() }

    /// The length of the frame at the start; nil when it is not there yet.
    var nextLength: Int? {
        guard range.count >= 4 else { return nil }
        return Int(UInt32(bigEndian: bytes.loadUnaligned(fromByteOffset: range.lowerBound, as: UInt32.self)))
    }

    /// Moves the first frame into `segments`, after a header of zeros; what does not fit is lost.
    ///
    /// - Returns: whether it was there completely.
    mutating func takeFrame(_ length: Int, into segments: UnsafeMutableBufferPointer<iovec>) -> Bool {
        guard range.count >= 4 + length else { return false }
        var source = range.lowerBound + 4
        let end = source + length
        var zeros = Frame.headerLength
        for segment in segments {
            let target = UnsafeMutableRawBufferPointer(start: segment.iov_base, count: segment.iov_len)
            let zeroed = min(zeros, target.count)
            target.prefix(zeroed).withMemoryRebound(to: UInt8.self) { $0.update(repeating: 0) }
            zeros -= zeroed
            let count = min(target.count - zeroed, end - source)
            guard count > 0 else {
                if zeros == 0, source == end { break }
                continue
            }
            UnsafeMutableRawBufferPointer(rebasing: target[zeroed..<zeroed + count])
                .copyMemory(from: UnsafeRawBufferPointer(rebasing: bytes[source..<source + count]))
            source += count
        }
        range = end..<range.upperBound
        return true
    }

    /// Where to put what comes next, which is at least as much as the frame at the start lacks.
    mutating func makeRoom() -> UnsafeMutableRawBufferPointer {
        if range.isEmpty {
            range = 0..<0
        } else if range.lowerBound > 0 {
            bytes.copyMemory(from: UnsafeRawBufferPointer(rebasing: bytes[range]))
            range = 0..<range.count
        }
        return UnsafeMutableRawBufferPointer(rebasing: bytes[range.upperBound...])
    }

    mutating func add(_ count: Int) {
        range = range.lowerBound..<range.upperBound + count
    }
}
