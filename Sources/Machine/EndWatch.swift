import Linux

/// Sees a running machine to its end, on the thread of an event loop: a guest that reported a panic, and one that was
/// asked to power off, get some time for it and no more.
public final class EndWatch {
    /// How long a guest may take to print its last words after it reported a panic.
    private static let panicGrace: UInt64 = 1_000_000_000

    private let machine: Machine
    private let loop: EventLoop
    private var watch: EventLoop.Watch?
    private var panicIsPending = false

    /// - Parameters:
    ///   - changed: called for each change of the machine's events.
    ///   - ended: called once, when the machine has an outcome; its threads may still have to come to an end.
    public init(
        _ machine: Machine, on loop: EventLoop, changed: @escaping () -> Void = {}, ended: @escaping () -> Void
    ) throws(SystemCallError) {
        self.machine = machine
        self.loop = loop
        watch = try loop.watch(machine.events.changed.descriptor.rawValue, for: .readable) { [unowned self] _ in
            machine.events.changed.drain()
            changed()
            if machine.events.outcome != nil {
                stop()
                ended()
            } else if machine.events.panicReported, !panicIsPending {
                panicIsPending = true
                end(after: Self.panicGrace, .panicked(reason: nil))
            }
        }
    }

    /// Stops watching; to be called before this object goes.
    public func stop() {
        if let watch = watch.take() { loop.remove(watch) }
    }

    /// Presses the guest's power button.
    ///
    /// - Parameters:
    ///   - grace: nanoseconds after which the machine is killed.
    ///   - killer: on whose behalf it is killed then.
    public func powerOff(grace: UInt64, killer: Outcome.Killer) {
        machine.pressPowerButton()
        end(after: grace, .killed(killer))
    }

    private func end(after nanoseconds: UInt64, _ outcome: Outcome) {
        loop.schedule(after: nanoseconds) { [machine] in machine.end(outcome) }
    }
}
