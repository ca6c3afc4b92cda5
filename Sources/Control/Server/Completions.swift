import Linux
import Synchronization

/// Brings what other threads find out to the thread of an event loop.
final class Completions<Value: Sendable> {
    private final class Mailbox: Sendable {
        let arrived: EventCounter
        let values = Mutex<[(number: Int, value: Value)]>([])

        init() throws(SystemCallError) {
            arrived = try EventCounter()
        }
    }

    private let mailbox: Mailbox
    private var handlers: [Int: (Value) -> Void] = [:]
    private var lastNumber = 0

    /// Stays as long as the loop.
    init(on loop: EventLoop) throws(SystemCallError) {
        mailbox = try Mailbox()
        try loop.watch(mailbox.arrived.descriptor.rawValue, for: .readable) { [unowned self] _ in deliver() }
    }

    /// How many are still to come.
    var count: Int { handlers.count }

    /// - Returns: what calls `handler` on the loop's thread, once, when it is called on whichever thread.
    func expect(_ handler: @escaping (Value) -> Void) -> @Sendable (Value) -> Void {
        lastNumber += 1
        handlers[lastNumber] = handler
        return { [mailbox, number = lastNumber] value in
            mailbox.values.withLock { $0.append((number, value)) }
            mailbox.arrived.signal()
        }
    }

    /// Lets go of all that have not come.
    func cancel() {
        handlers = [:]
    }

    /// Calls the handlers of all that have come.
    func deliver() {
        mailbox.arrived.drain()
        var values: [(number: Int, value: Value)] = []
        mailbox.values.withLock { swap(&values, &$0) }
        for (number, value) in values { handlers.removeValue(forKey: number)?(value) }
    }
}
