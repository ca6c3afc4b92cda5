import ControlMessages

/// What a command of the guest's writes and how it ends, between the thread that hears of it and the tasks that want to
/// know. The guest is told of what was read, and waits while there is too much that was not.
final class CommandBuffer: Sendable {
    /// Bytes of unread output before the command waits.
    static let window = 256 << 10
    /// As many bytes are read before the guest is told of them.
    private static let share = window / 4
    /// A piece of this length is not added to.
    private static let longestPiece = 64 << 10

    private struct State: Sendable {
        /// What the command is called, or why it is none.
        var start: Result<UInt32, any Error>?
        /// Unread pieces: the latest, in order, and the ones before them, in reverse.
        var latest: [GuestCommand.Piece] = []
        var earlier: [GuestCommand.Piece] = []
        /// Bytes that were read and that the guest was not told of.
        var unacknowledged = 0
        /// Nobody will read any more.
        var isDiscarding = false
        /// Nobody wants the command any more.
        var isAbandoned = false
        /// The guest was told so.
        var isHungUp = false
        var end: Result<CommandEnd, any Error>?

        mutating func append(_ piece: GuestCommand.Piece) {
            if let last = latest.last, last.stream == piece.stream, last.bytes.count < longestPiece {
                latest[latest.count - 1].bytes += piece.bytes
            } else {
                latest.append(piece)
            }
        }

        mutating func take() -> GuestCommand.Piece? {
            if earlier.isEmpty {
                earlier = latest.reversed()
                latest = []
            }
            guard let piece = earlier.popLast() else { return nil }
            unacknowledged += piece.bytes.count
            return piece
        }
    }

    private let state = AsyncConditionLock(State())

    /// Nil before the command has started, and when it could not.
    var id: UInt32? { state.peek { try? $0.start?.get() } }
    var isAbandoned: Bool { state.peek { $0.isAbandoned } }
    /// Bytes of output that were not read.
    var unread: Int { state.peek { ($0.latest + $0.earlier).reduce(0) { $0 + $1.bytes.count } } }

    // MARK: Filling

    func started(_ start: Result<UInt32, any Error>) {
        state.withLock { $0.start = start }
    }

    /// - Returns: how many bytes the guest is to be told of as read.
    func append(_ piece: GuestCommand.Piece) -> Int {
        state.withLock { state in
            if state.isDiscarding { return piece.bytes.count }
            state.append(piece)
            return 0
        }
    }

    func finish(_ end: Result<CommandEnd, any Error>) {
        state.withLock { $0.end = end }
    }

    // MARK: Reading

    /// - Returns: what the command is called.
    func awaitStart() async throws -> UInt32 {
        guard let start = await state.wait(for: { $0.start }) else { throw CancellationError() }
        return try start.get()
    }

    func awaitEnd() async throws -> CommandEnd {
        guard let end = await state.wait(for: { $0.end }) else { throw CancellationError() }
        return try end.get()
    }

    /// Takes the next piece, or waits for it.
    ///
    /// - Returns: nil after the command's end.
    func take() async throws -> GuestCommand.Piece? {
        let next = await state.wait { state -> Result<GuestCommand.Piece?, any Error>? in
            if let piece = state.take() { return .success(piece) }
            return state.end?.map { _ in nil }
        }
        guard let next else { throw CancellationError() }
        return try next.get()
    }

    /// - Returns: how many bytes the guest is to be told of as read.
    func takeAcknowledgement() -> Int {
        state.peek { state in
            guard state.unacknowledged >= Self.share else { return 0 }
            defer { state.unacknowledged = 0 }
            return state.unacknowledged
        }
    }

    /// Drops what was not read, and what is to come.
    ///
    /// - Returns: how many bytes the guest is to be told of as read.
    func discard() -> Int {
        state.withLock { state in
            state.isDiscarding = true
            while state.take() != nil {}
            defer { state.unacknowledged = 0 }
            return state.unacknowledged
        }
    }

    /// Nobody wants the command any more.
    ///
    /// - Returns: whether the guest is to be told so: the command has started, and this is the first time since.
    func abandon() -> Bool {
        state.withLock { state in
            state.isAbandoned = true
            guard case .success? = state.start, !state.isHungUp else { return false }
            state.isHungUp = true
            return true
        }
    }
}
