import CLinux

/// A way for Ethernet frames in and out, each with a header of `Frame.headerLength` bytes before it. It never blocks.
public enum FrameChannel {
    case tap(TapQueue)
    case stream(FrameStream)

    /// To be watched for being readable and writable.
    public var descriptor: CInt {
        switch self {
        case .tap(let queue): queue.descriptor.rawValue
        case .stream(let stream): stream.descriptor.rawValue
        }
    }

    /// Receives one frame into `segments`, of which there are at most 1024.
    public func receive(into segments: UnsafeMutableBufferPointer<iovec>) -> ReceiveResult {
        switch self {
        case .tap(let queue): queue.receive(into: segments)
        case .stream(let stream): stream.receive(into: segments)
        }
    }

    /// Sends the frame that `segments` make up together, of which there are at most 1023.
    public func send(_ segments: UnsafeMutableBufferPointer<iovec>) -> SendResult {
        switch self {
        case .tap(let queue): queue.send(segments)
        case .stream(let stream): stream.send(segments)
        }
    }

    /// Whether a part of what was sent waits for the descriptor to be writable.
    public var hasUnsent: Bool {
        if case .stream(let stream) = self { stream.hasUnsent } else { false }
    }

    /// Sends what an earlier `send` could not; to be called when the descriptor is writable.
    public func flush() {
        if case .stream(let stream) = self { stream.flush() }
    }
}
