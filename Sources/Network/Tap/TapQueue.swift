import CLinux
import Glibc
import Linux

/// A queue of a tap interface: a descriptor where each read or write is one frame with its header.
public final class TapQueue {
    public let descriptor: OwnedDescriptor

    /// - Parameter descriptor: non-blocking.
    public init(descriptor: consuming OwnedDescriptor) {
        self.descriptor = descriptor
    }

    func receive(into segments: UnsafeMutableBufferPointer<iovec>) -> ReceiveResult {
        while true {
            let count = readv(descriptor.rawValue, segments.baseAddress, CInt(clamping: segments.count))
            if count > 0 { return .received(count) }
            if count == 0 { return .closed }
            switch errno {
            case EINTR: continue
            case EAGAIN: return .empty
            default: return .closed
            }
        }
    }

    func send(_ segments: UnsafeMutableBufferPointer<iovec>) -> SendResult {
        while true {
            if writev(descriptor.rawValue, segments.baseAddress, CInt(clamping: segments.count)) >= 0 { return .sent }
            switch errno {
            case EINTR: continue
            case EAGAIN: return .blocked
            // The interface was removed.
            case EBADFD, ENODEV: return .closed
            // The header makes no sense, or the interface is down.
            default: return .refused
            }
        }
    }
}
