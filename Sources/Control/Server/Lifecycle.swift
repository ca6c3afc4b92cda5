import ControlMessages

/// The states of a server's machine, and which requests are granted in which.
struct Lifecycle {
    enum Request {
        case create, start, pause, resume, end, inspect
        /// To do something to what runs: its console, its devices.
        case drive
    }

    /// Nil before the machine is made.
    private(set) var state: VMState?
    /// The machine has come to its end, and its last words are still on their way.
    private(set) var isEnding = false

    /// - Throws: `ControlError` of kind `invalidState` for what is not possible now.
    func require(_ request: Request) throws(ControlError) {
        guard let state else {
            if request == .create { return }
            throw ControlError(.invalidState, "there is no machine yet", hint: "make one with vm.create")
        }
        let allowed: [VMState] =
            switch request {
            case .create: []
            case .start: [.created]
            case .pause: [.running]
            case .resume: [.paused]
            case .drive: [.running, .paused]
            case .end, .inspect: VMState.allCases
            }
        if request == .create {
            throw ControlError(
                .invalidState, "the machine is there already, in state '\(state.rawValue)'",
                hint: "run another server for another machine")
        }
        let isTooLate = isEnding && ![.end, .inspect].contains(request)
        guard allowed.contains(state), !isTooLate else {
            throw ControlError(
                .invalidState,
                "the machine is in state '\(state.rawValue)'" + (isTooLate ? " and coming to its end" : ""),
                hint: "this is possible in state \(allowed.map { "'\($0.rawValue)'" }.joined(separator: " or "))")
        }
    }

    mutating func created() {
        state = .created
    }

    mutating func beginEnding() {
        isEnding = true
    }

    /// Brings the machine into another state.
    ///
    /// - Returns: what to tell about it; nil when it was there.
    mutating func enter(_ next: VMState, reason: String) -> VMStateChanged? {
        guard let previous = state, previous != next else { return nil }
        state = next
        return VMStateChanged(from: previous, to: next, reason: reason)
    }
}
