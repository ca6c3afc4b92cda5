import Devices
import Synchronization

/// Watches what the guest prints for its first sign of life and for its kernel's last words.
final class ConsoleObserver: Sendable {
    private struct State {
        var detector = PanicDetector()
        var sawByte = false
    }

    private let state = Mutex(State())
    private let events: EventLog

    init(events: EventLog) {
        self.events = events
    }

    /// Takes the next bytes of the guest's output.
    ///
    /// - Returns: whether the kernel has said all that it had to say about its panic.
    func observe(_ bytes: UnsafeRawBufferPointer) -> Bool {
        let (isFirst, hasEnded) = state.withLock { state in
            let isFirst = !state.sawByte && !bytes.isEmpty
            state.sawByte = state.sawByte || isFirst
            state.detector.consume(bytes)
            return (isFirst, state.detector.finding == .ended)
        }
        if isFirst { events.mark(.firstConsoleByte) }
        return hasEnded
    }

    /// The panic that the kernel announced; nil for none.
    var panic: Outcome? {
        state.withLock { state in
            state.detector.finding == .none ? nil : .panicked(reason: state.detector.reason)
        }
    }
}
