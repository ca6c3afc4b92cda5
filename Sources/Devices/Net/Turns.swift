import Linux

/// Work on an event loop that is done a turn at a time.
final class Turns {
    /// When the next turn is due.
    enum Next: Equatable {
        /// When somebody asks for it.
        case whenAsked
        /// Once others had theirs.
        case soon
        /// After so many nanoseconds.
        case after(UInt64)
    }

    private let loop: EventLoop
    private let turn: () -> Next
    private var isPlanned = false
    private var timer: TimerQueue.ID?
    private lazy var next = DeferredJob { [weak self] in self?.takePlanned() }

    init(on loop: EventLoop, _ turn: @escaping () -> Next) {
        self.loop = loop
        self.turn = turn
    }

    /// Asks for a turn, which is taken at once unless one is planned anyway.
    func ask() {
        guard !isPlanned else { return }
        switch turn() {
        case .whenAsked: break
        case .soon:
            isPlanned = true
            loop.defer(next)
        case .after(let nanoseconds):
            isPlanned = true
            timer = loop.schedule(after: nanoseconds) { [weak self] in self?.takePlanned() }
        }
    }

    /// Takes the turn at once that waits for its time, if there is one.
    func hurry() {
        guard timer != nil else { return }
        cancel()
        ask()
    }

    /// Forgets the turn that is planned.
    func cancel() {
        timer.map(loop.cancel)
        timer = nil
        isPlanned = false
    }

    private func takePlanned() {
        guard isPlanned else { return }
        cancel()
        ask()
    }
}
