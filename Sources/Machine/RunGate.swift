import Linux

/// Where vCPU threads learn whether to run guest code, wait or stop.
///
/// To change their course: set the gate's phase, then make every vCPU leave guest code. A vCPU passes the gate
/// each time it left, so it sees the new phase before it runs another guest instruction.
final class RunGate: Sendable {
    enum Phase {
        case running, paused, stopped
    }

    private struct State {
        var phase: Phase
        var waiting = 0
    }

    private let state = ConditionLock(State(phase: .paused))

    /// Changes the phase; a stopped gate stays so.
    func set(_ phase: Phase) {
        state.withLock { if $0.phase != .stopped { $0.phase = phase } }
    }

    /// Called by a vCPU's thread: waits while paused.
    ///
    /// - Parameter waited: called if there was a wait, after it.
    /// - Returns: whether to run guest code.
    func pass(waited: () -> Void) -> Bool {
        let isPaused = state.withLock { state in
            if state.phase == .paused { state.waiting += 1 }
            return state.phase == .paused
        }
        if isPaused {
            state.wait { $0.phase != .paused }
            state.withLock { $0.waiting -= 1 }
            waited()
        }
        return state.withLock { $0.phase != .stopped }
    }

    /// Waits until `count` vCPUs wait at the gate, or it is stopped.
    ///
    /// - Returns: false when it is stopped.
    func awaitPaused(_ count: Int) -> Bool {
        state.wait { $0.waiting == count || $0.phase == .stopped }
        return state.withLock { $0.phase != .stopped }
    }
}
