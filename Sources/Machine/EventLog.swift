import Linux
import Synchronization

/// What happened to a machine, collected from its threads and read by its owner.
public final class EventLog: Sendable {
    private struct State {
        var milestones: [Milestone] = []
        var outcome: Outcome?
        var panicReported = false
        var reports: [String] = []
    }

    /// With this many milestones, no more of the guest's are kept.
    private static let milestoneLimit = 256
    /// Nor are more reports: the guest may cause them.
    private static let reportLimit = 64

    private let state = Mutex(State())
    /// Signalled when there is an outcome, when the guest reports a panic, and when there is a new report.
    public let changed: EventCounter

    init() throws(SystemCallError) {
        changed = try EventCounter()
    }

    public var outcome: Outcome? { state.withLock { $0.outcome } }
    /// What went wrong meanwhile and did not end the machine, in sentences.
    public var reports: [String] { state.withLock { $0.reports } }
    public var milestones: [Milestone] { state.withLock { $0.milestones } }
    /// Nanoseconds between two milestones; nil where one of them is not there yet.
    public func time(from first: Milestone.Kind, to second: Milestone.Kind) -> UInt64? {
        let milestones = milestones
        guard let begin = milestones.first(where: { $0.kind == first })?.time,
            let end = milestones.first(where: { $0.kind == second })?.time
        else { return nil }
        return end &- begin
    }

    /// Whether the guest's kernel said through its pvpanic device that it panicked.
    public var panicReported: Bool { state.withLock { $0.panicReported } }

    public func mark(_ kind: Milestone.Kind, at time: UInt64 = monotonicNanoseconds()) {
        let milestone = Milestone(kind: kind, time: time)
        state.withLock { state in
            if case .guest = kind, state.milestones.count >= Self.milestoneLimit { return }
            state.milestones.append(milestone)
        }
    }

    /// Keeps a sentence, once.
    func report(_ sentence: String) {
        let isNew = state.withLock { state in
            guard state.reports.count < Self.reportLimit, !state.reports.contains(sentence) else { return false }
            state.reports.append(sentence)
            return true
        }
        if isNew { changed.signal() }
    }

    func reportPanic() {
        state.withLock { $0.panicReported = true }
        changed.signal()
    }

    /// Sets the outcome, unless there is one already.
    ///
    /// - Returns: whether this is the outcome.
    func end(_ outcome: Outcome) -> Bool {
        let isFirst = state.withLock { state in
            guard state.outcome == nil else { return false }
            state.outcome = outcome
            return true
        }
        if isFirst {
            mark(.ended)
            changed.signal()
        }
        return isFirst
    }
}
