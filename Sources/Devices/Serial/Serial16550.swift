import Synchronization

/// A 16550A serial port (National Semiconductor PC16550D): COM1 of a PC.
///
/// It can be accessed from any vCPU's thread; the lock is held for some dozen instructions and never over a
/// system call.
///
/// # Interrupts
///
/// The line is edge-triggered, as a PC's ISA interrupts are: `interrupt` is called for each edge, and should
/// write to an irqfd. A driver for such a line must serve all sources before it returns, and a real port is
/// silent until then. This one is more talkative, so that no driver can be left waiting. It raises an edge
/// whenever
/// - a source becomes pending, whether or not another one is pending already;
/// - a source has been served and another one still is pending;
/// - more input arrives while input is pending, as Linux gives up on a port that stays busy for too long.
///
/// An edge while the guest still serves the last one is kept by its interrupt controller, and costs one more
/// look at the interrupt identification at most. Bytes written while the transmitter's interrupt is already
/// pending raise none, or each byte of a burst would.
///
/// OUT2 does not gate the interrupt as on a PC, where drivers always set it.
public final class Serial16550: ConsolePort {
    private struct Guarded {
        var state = State()
        /// The host has input that found no room.
        var holdsInputBack = false
    }

    private let guarded = Mutex(Guarded())
    private let console: Console
    private let interrupt: @Sendable () -> Void

    /// - Parameters:
    ///   - console: takes the output, and is told when there is room for input.
    ///   - interrupt: raises one edge on the port's interrupt line; called on the accessing thread.
    public init(console: Console, interrupt: @escaping @Sendable () -> Void) {
        self.console = console
        self.interrupt = interrupt
    }

    // MARK: For the guest

    /// Reads the register at `offset`; all ones beyond the last register, 7.
    public func read(_ offset: UInt64) -> UInt8 {
        access { state in
            state.read(offset, transmitterEmpty: console.ring.room >= State.transmitBurst)
        }
    }

    /// Writes the register at `offset`; nothing happens beyond the last register, 7.
    public func write(_ value: UInt8, to offset: UInt64) {
        let tail = access { state in
            let tail = console.ring.tail
            state.write(value, to: offset, output: console.ring)
            if state.awaitsTransmitter { awaitRoom(&state) }
            return tail
        }
        if console.ring.tail != tail { console.outputAppended() }
    }

    // MARK: For the host

    public func roomForInput() -> Int {
        guarded.withLock { guarded in
            let room = guarded.state.roomForInput
            guarded.holdsInputBack = room == 0
            return room
        }
    }

    public func receive(_ bytes: UnsafeRawBufferPointer) -> Int {
        let (count, pulse) = guarded.withLock { guarded in
            let count = guarded.state.receive(bytes)
            guarded.holdsInputBack = count < bytes.count
            return (count, count > 0 && guarded.state.pending.contains(.receivedData))
        }
        if pulse { interrupt() }
        return count
    }

    public func roomMade() {
        access { state in
            state.noticeTransmitter(empty: console.ring.room >= State.transmitBurst)
            if state.awaitsTransmitter { awaitRoom(&state) }
        }
    }

    /// Bytes the guest wrote without waiting for the transmitter, and which were lost.
    public var lostOutput: UInt64 { guarded.withLock { $0.state.lostOutput } }

    // MARK: Snapshots

    public var state: State { guarded.withLock { $0.state } }

    /// Puts a saved state in place of the present one; no vCPU may run meanwhile.
    public func restore(_ state: State) {
        let (pulse, hungry) = guarded.withLock { guarded in
            guarded.state = state
            guarded.state.noticeTransmitter(empty: console.ring.room >= State.transmitBurst)
            if guarded.state.awaitsTransmitter { awaitRoom(&guarded.state) }
            let hungry = guarded.holdsInputBack && guarded.state.hungry
            return (!guarded.state.pending.isEmpty, hungry)
        }
        if pulse { interrupt() }
        if hungry { console.inputWanted() }
    }

    // MARK: -

    /// Has the console tell us of room, unless there is some by then.
    private func awaitRoom(_ state: inout State) {
        console.awaitRoom()
        state.noticeTransmitter(empty: console.ring.room >= State.transmitBurst)
    }

    /// Runs `body` on the state, and does afterwards what the change calls for.
    private func access<Result: Sendable>(_ body: (inout State) -> Result) -> Result {
        let (result, pulse, wakeInput) = guarded.withLock { guarded in
            let before = guarded.state.pending
            let result = body(&guarded.state)
            let pending = guarded.state.pending
            let wakeInput = guarded.holdsInputBack && guarded.state.hungry
            if wakeInput { guarded.holdsInputBack = false }
            return (result, !pending.isEmpty && pending != before, wakeInput)
        }
        if pulse { interrupt() }
        if wakeInput { console.inputWanted() }
        return result
    }
}
