import CLinux
import Linux

/// Connections to the port for streams that have not yet said which stream they are.
final class StreamIntroductions {
    struct Introduction: Equatable {
        let token: [UInt8]
        let command: UInt32
        let stream: CommandStream
    }

    /// The oldest makes way for one more: the agent itself says at once which stream it is.
    static let limit = 256
    private static let patience: UInt64 = 10_000_000_000

    private final class Visitor {
        /// nil once it is handed on.
        var descriptor: OwnedDescriptor?
        let number: CInt
        let ordinal: Int
        var watch: EventLoop.Watch?
        var timer: TimerQueue.ID?
        var header: [UInt8] = []

        init(_ descriptor: consuming OwnedDescriptor, ordinal: Int) {
            self.ordinal = ordinal
            number = descriptor.rawValue
            self.descriptor = consume descriptor
        }
    }

    private let loop: EventLoop
    private let introduce: (Introduction, consuming OwnedDescriptor) -> Void
    /// In the order in which they came.
    private var visitors: [Int: Visitor] = [:]
    private var lastOrdinal = 0

    /// - Parameter introduce: is given those that have said who they are.
    init(loop: EventLoop, introduce: @escaping (Introduction, consuming OwnedDescriptor) -> Void) {
        self.loop = loop
        self.introduce = introduce
    }

    deinit { stop() }

    func add(_ descriptor: consuming OwnedDescriptor) {
        if visitors.count == Self.limit, let oldest = visitors.keys.min().flatMap({ visitors[$0] }) { remove(oldest) }
        lastOrdinal += 1
        let visitor = Visitor(descriptor, ordinal: lastOrdinal)
        do throws(SystemCallError) {
            visitor.watch = try loop.watch(visitor.number, for: .readable) { [unowned self, unowned visitor] _ in
                read(visitor)
            }
        } catch {
            return
        }
        visitor.timer = loop.schedule(after: Self.patience) { [weak self, weak visitor] in
            if let visitor { self?.remove(visitor) }
        }
        visitors[visitor.ordinal] = visitor
    }

    func stop() {
        for visitor in visitors.values { remove(visitor) }
    }

    private func remove(_ visitor: Visitor) {
        if let watch = visitor.watch.take() { loop.remove(watch) }
        if let timer = visitor.timer.take() { loop.cancel(timer) }
        visitors[visitor.ordinal] = nil
    }

    private func read(_ visitor: Visitor) {
        let missing = AgentProtocol.streamHeaderSize - visitor.header.count
        var count = 0
        visitor.header += [UInt8](unsafeUninitializedCapacity: missing) { bytes, filled in
            count = CLinux.read(visitor.number, bytes.baseAddress, missing)
            filled = max(count, 0)
        }
        if count < 0, [.wouldBlock, .interrupted].contains(currentErrno) { return }
        guard count > 0 else { return remove(visitor) }
        if visitor.header.count == AgentProtocol.streamHeaderSize { finish(visitor) }
    }

    private func finish(_ visitor: Visitor) {
        remove(visitor)
        guard let descriptor = visitor.descriptor.take(), let introduction = Introduction(visitor.header) else {
            return
        }
        introduce(introduction, descriptor)
    }
}

extension StreamIntroductions.Introduction {
    /// - Returns: nil for no stream's header.
    init?(_ header: [UInt8]) {
        do throws(PayloadReader.Malformed) {
            var reader = PayloadReader(header)
            token = try reader.raw(AgentProtocol.tokenSize)
            command = try reader.number()
            guard let stream = CommandStream(rawValue: try reader.number()) else { return nil }
            self.stream = stream
            try reader.finish()
        } catch {
            return nil
        }
    }
}
