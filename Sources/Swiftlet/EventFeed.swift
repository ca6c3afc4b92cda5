/// What happened to a machine, for tasks that read it at their own pace.
final class EventFeed: Sendable {
    /// How many of the latest events are kept.
    static let limit = 1024

    private struct State: Sendable {
        var events: [MicroVM.Event] = []
        /// How many events there were before `events`.
        var start = 0
        var hasEnded = false
    }

    private let state = AsyncConditionLock(State())

    func append(_ event: MicroVM.Event) {
        state.withLock { state in
            state.events.append(event)
            guard state.events.count > Self.limit else { return }
            state.events.removeFirst()
            state.start += 1
        }
    }

    func finish() {
        state.withLock { $0.hasEnded = true }
    }

    /// The first event that is kept from `position` on, or waits for it.
    ///
    /// - Returns: it and the position after it; nil after the end, or when the task is cancelled.
    func event(from position: Int) async -> (event: MicroVM.Event, next: Int)? {
        let found = await state.wait { state -> (event: MicroVM.Event?, next: Int)? in
            let index = max(position, state.start) - state.start
            if index < state.events.count { return (state.events[index], state.start + index + 1) }
            return state.hasEnded ? (nil, position) : nil
        }
        return found.flatMap { found in found.event.map { ($0, found.next) } }
    }
}
