/// What a guest's console printed, between the thread that reads it and the tasks that want it.
///
/// It always keeps the latest output. As long as somebody reads, nothing unread is dropped: the buffer then has no more
/// room, its filler stops, and in the end the guest waits. While nobody reads, the oldest output makes room.
final class ConsoleBuffer: Sendable {
    /// Bytes of the latest output that are kept for `recent`, and of unread output before the guest waits.
    static let limit = 256 << 10
    /// Bytes of unread output that are kept once the machine is on its way to its end, where it may not wait for readers.
    static let finalLimit = 1 << 20

    struct State: Sendable {
        var bytes: [UInt8] = []
        /// How many bytes there were before `bytes`.
        var start = 0
        /// How many bytes of all have been read.
        var position = 0
        /// Unread bytes that were dropped.
        var lost = 0
        var readers: Int
        /// The filler has stopped for want of room.
        var isStalled = false
        /// The machine may not be kept from its end.
        var isEnding = false
        var hasEnded = false

        var end: Int { start + bytes.count }
        var hasRoom: Bool { readers == 0 || isEnding || end - position < limit }

        mutating func append(_ chunk: [UInt8]) {
            bytes += chunk
            let unread = readers == 0 ? end : max(position, end - finalLimit)
            let first = min(end - limit, unread)
            // Not for every byte, as the rest has to move.
            guard first - start > limit else { return }
            bytes.removeFirst(first - start)
            start = first
            if position < start {
                lost += start - position
                position = start
            }
        }

        /// Takes unread bytes, at most `count`.
        mutating func take(_ count: Int) -> [UInt8] {
            let first = position - start
            let part = Array(bytes[first..<min(first + count, bytes.count)])
            position += part.count
            return part
        }

        /// Takes unread bytes, at most `count`, up to the end of the first occurrence of `pattern`, which may have begun
        /// in `before`, the bytes that were taken last.
        mutating func take(_ count: Int, through pattern: [UInt8], after before: [UInt8]) -> Part {
            let first = position - start
            let window = before + bytes[first..<min(first + count, bytes.count)]
            guard let match = window.firstRange(of: pattern) else { return Part(bytes: take(count), isLast: false) }
            return Part(bytes: take(match.upperBound - before.count), isLast: true)
        }
    }

    /// What was taken in search of a pattern.
    struct Part {
        let bytes: [UInt8]
        /// The pattern ends here.
        let isLast: Bool
    }

    private let state: AsyncConditionLock<State>

    /// - Parameter isAwaited: whether somebody is sure to read, from the beginning.
    init(isAwaited: Bool) {
        state = AsyncConditionLock(State(readers: isAwaited ? 1 : 0))
    }

    var recent: [UInt8] { state.peek { Array($0.bytes.suffix(Self.limit)) } }
    var lost: Int { state.peek { $0.lost } }
    var unread: Int { state.peek { $0.end - $0.position } }
    /// Bytes of memory that the output takes.
    var size: Int { state.peek { $0.bytes.count } }

    // MARK: Filling

    /// Whether the filler is to stop, until `endStall` says otherwise.
    func mustStall() -> Bool {
        state.peek { state in
            state.isStalled = !state.hasRoom
            return state.isStalled
        }
    }

    func append(_ chunk: [UInt8]) {
        state.withLock { $0.append(chunk) }
    }

    /// Waits for readers no more.
    func beginEnding() {
        state.withLock { $0.isEnding = true }
    }

    func finish() {
        state.withLock { $0.hasEnded = true }
    }

    // MARK: Reading

    /// Whether the filler had to stop, and is to go on: there is room again.
    func endStall() -> Bool {
        state.peek { state in
            guard state.isStalled, state.hasRoom else { return false }
            state.isStalled = false
            return true
        }
    }

    func addReader() {
        state.withLock { $0.readers += 1 }
    }

    func removeReader() {
        state.withLock { $0.readers -= 1 }
    }

    /// Takes what is unread, or waits for it.
    ///
    /// - Returns: nil after the end, or when the task is cancelled.
    func take(_ count: Int) async -> [UInt8]? {
        let part = await state.wait { state -> [UInt8]? in
            if state.position < state.end { return state.take(count) }
            return state.hasEnded ? [] : nil
        }
        return part.flatMap { $0.isEmpty ? nil : $0 }
    }

    /// The same up to the end of `pattern`'s first occurrence.
    func take(
        _ count: Int, through pattern: [UInt8], after before: [UInt8]
    ) async -> Part? {
        let part = await state.wait { state -> Part? in
            if state.position < state.end { return state.take(count, through: pattern, after: before) }
            return state.hasEnded ? Part(bytes: [], isLast: false) : nil
        }
        return part.flatMap { $0.bytes.isEmpty ? nil : $0 }
    }
}
