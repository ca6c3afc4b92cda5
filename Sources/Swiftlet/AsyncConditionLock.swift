import Synchronization

/// A value behind a lock, and tasks that wait until it is as they want it; no thread waits for them.
final class AsyncConditionLock<Value: Sendable>: Sendable {
    private struct State {
        var value: Value
        /// Counts what may have changed the value.
        var generation: UInt64 = 0
        var waiters: [UInt64: CheckedContinuation<Void, Never>] = [:]
        var lastWaiter: UInt64 = 0
    }

    private let state: Mutex<State>

    init(_ value: Value) {
        state = Mutex(State(value: value))
    }

    /// Runs `body` with the lock held, then lets all waiting tasks look at the value again.
    @discardableResult
    func withLock<Result>(_ body: (inout Value) -> sending Result) -> sending Result {
        var waiters: [UInt64: CheckedContinuation<Void, Never>] = [:]
        let result = state.withLock { state in
            state.generation &+= 1
            swap(&waiters, &state.waiters)
            return body(&state.value)
        }
        for waiter in waiters.values { waiter.resume() }
        return result
    }

    /// Runs `body` with the lock held, for what nobody waits for.
    func peek<Result>(_ body: (inout Value) -> sending Result) -> sending Result {
        state.withLock { body(&$0.value) }
    }

    /// Waits until `condition`, which is called with the lock held and may change the value, finds something.
    ///
    /// - Parameter heedingCancellation: whether the task's cancellation ends the wait.
    /// - Returns: what it found; nil when the task was cancelled first.
    func wait<Found: Sendable>(
        heedingCancellation: Bool = true, for condition: @Sendable (inout Value) -> Found?
    ) async -> Found? {
        while true {
            let (found, generation) = state.withLock { (condition(&$0.value), $0.generation) }
            if let found { return found }
            if heedingCancellation {
                if Task.isCancelled { return nil }
                await awaitChangeOrCancellation(since: generation)
            } else {
                await withCheckedContinuation { register($0, as: newWaiter(), since: generation) }
            }
        }
    }

    private func awaitChangeOrCancellation(since generation: UInt64) async {
        let waiter = newWaiter()
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                register(continuation, as: waiter, since: generation, unless: { Task.isCancelled })
            }
        } onCancel: {
            state.withLock { $0.waiters.removeValue(forKey: waiter) }?.resume()
        }
    }

    private func newWaiter() -> UInt64 {
        state.withLock { state in
            state.lastWaiter &+= 1
            return state.lastWaiter
        }
    }

    /// A cancellation either is seen here or comes after this, and then finds the waiter.
    private func register(
        _ continuation: CheckedContinuation<Void, Never>, as waiter: UInt64, since generation: UInt64,
        unless isPointless: () -> Bool = { false }
    ) {
        let waits = state.withLock { state in
            guard state.generation == generation, !isPointless() else { return false }
            state.waiters[waiter] = continuation
            return true
        }
        if !waits { continuation.resume() }
    }
}
