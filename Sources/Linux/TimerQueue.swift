/// Jobs with deadlines, told by one timer descriptor.
public struct TimerQueue: ~Copyable {
    public struct ID: Equatable, Sendable {
        fileprivate let number: UInt64
    }

    private struct Entry {
        let id: ID
        let deadline: UInt64
        let job: () -> Void
    }

    private let timer: Timer
    /// By deadline, the latest first.
    private var entries: [Entry] = []
    private var lastNumber: UInt64 = 0

    init() throws(SystemCallError) {
        timer = try Timer()
    }

    /// Readable when a deadline has passed.
    var descriptor: CInt { timer.descriptor.rawValue }

    /// - Parameter deadline: on `CLOCK_MONOTONIC`, in nanoseconds.
    mutating func add(deadline: UInt64, _ job: @escaping () -> Void) -> ID {
        lastNumber += 1
        let id = ID(number: lastNumber)
        var index = entries.count
        while index > 0, entries[index - 1].deadline < deadline { index -= 1 }
        entries.insert(Entry(id: id, deadline: deadline, job: job), at: index)
        if index == entries.count - 1 { arm() }
        return id
    }

    mutating func remove(_ id: ID) {
        entries.removeAll { $0.id == id }
    }

    /// Takes the jobs whose time has come.
    mutating func takeDue() -> [() -> Void] {
        let now = monotonicNanoseconds()
        var due: [() -> Void] = []
        while let next = entries.last, next.deadline <= now {
            due.append(next.job)
            entries.removeLast()
        }
        arm()
        return due
    }

    private func arm() {
        let now = monotonicNanoseconds()
        let remaining = entries.last.map { $0.deadline > now ? $0.deadline - now : 1 } ?? 0
        // Only a bad descriptor or a bad time makes timerfd_settime(2) fail.
        try? timer.arm(nanoseconds: remaining)
    }
}
