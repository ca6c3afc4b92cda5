import Linux
import Synchronization

/// What a console device, on the vCPUs' threads, and the pump that serves it, on a thread of its own, share:
/// the bytes on their way out, and how either side wakes the other.
///
/// Waking costs a system call, so it is done only for a side that said it is going to sleep. Each side first
/// says so, then looks once more for a reason not to; the other first makes its change, then looks whether
/// anybody sleeps. Both use sequentially consistent operations, so at least one of them sees the other's.
public final class Console: Sendable {
    let ring: OutputRing
    /// Readable when the pump has something to do.
    let wake: EventCounter
    private let pumpSleeps = Atomic(false)
    private let deviceAwaitsRoom = Atomic(false)
    private let phase = Atomic<UInt8>(Phase.running.rawValue)

    /// How far the console's life has come; it only ever moves forward.
    enum Phase: UInt8 {
        case running
        /// No more output will come; what is there is still to be written.
        case finishing
        /// What has not been written yet never will be.
        case stopped
    }

    /// - Parameter capacity: how many bytes of output the device can be ahead of the pump.
    public init(capacity: Int = 64 << 10) throws(SystemCallError) {
        ring = OutputRing(capacity: capacity)
        wake = try EventCounter()
    }

    // MARK: For the device

    /// Wakes the pump if it sleeps; to be called after appending to the ring.
    func outputAppended() {
        if pumpSleeps.load(ordering: .sequentiallyConsistent),
            pumpSleeps.exchange(false, ordering: .sequentiallyConsistent)
        {
            wake.signal()
        }
    }

    /// Tells the pump that a device which held input back takes some again.
    func inputWanted() {
        wake.signal()
    }

    /// Asks the pump to tell the device when there is more room in the ring. The device must look at the room
    /// once more after this.
    func awaitRoom() {
        deviceAwaitsRoom.store(true, ordering: .sequentiallyConsistent)
    }

    // MARK: For the pump

    /// Whether the device asked for the room that has just been made; asking counts once.
    func takeRoomRequest() -> Bool {
        deviceAwaitsRoom.load(ordering: .sequentiallyConsistent)
            && deviceAwaitsRoom.exchange(false, ordering: .sequentiallyConsistent)
    }

    /// Announces that the pump is about to sleep.
    ///
    /// - Parameter seen: the position up to which the pump has seen the output.
    /// - Returns: false when there is newer output, and so no reason to sleep.
    func prepareToSleep(seen: UInt) -> Bool {
        pumpSleeps.store(true, ordering: .sequentiallyConsistent)
        guard ring.tail == seen else {
            pumpSleeps.store(false, ordering: .sequentiallyConsistent)
            return false
        }
        return true
    }

    func awoke() {
        pumpSleeps.store(false, ordering: .sequentiallyConsistent)
        wake.drain()
    }

    var currentPhase: Phase { Phase(rawValue: phase.load(ordering: .acquiring)) ?? .stopped }

    /// Moves on to `next`, unless the console is already further.
    func advance(to next: Phase) {
        phase.max(next.rawValue, ordering: .acquiringAndReleasing)
        wake.signal()
    }
}
