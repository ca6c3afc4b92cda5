import Devices
import Linux
import MachineConfiguration

/// A machine's memory balloon, to be used from any thread.
public final class Balloon: Sendable {
    /// The device's name.
    public static let id = "balloon"

    private let device: LoopConfined<BalloonDevice>
    private let ledger: BalloonLedger

    init(_ device: LoopConfined<BalloonDevice>, ledger: BalloonLedger) {
        self.device = device
        self.ledger = ledger
    }

    /// What the guest has given back, and what it says about its memory.
    public var reading: BalloonLedger.Reading { ledger.reading }

    /// Asks the guest to give that much of its memory back, all in all; 0 lets it have all again.
    ///
    /// - Parameter size: in whole pages of 4 KiB; more than the machine has counts as all of it.
    public func setTarget(_ size: ByteSize) {
        device.perform { $0.setTarget(size.bytes) }
    }

    /// Asks the guest for new statistics, which `reading` has once the guest answers.
    public func requestStatistics() {
        device.perform { $0.requestStatistics() }
    }
}
