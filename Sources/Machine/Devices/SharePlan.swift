import Devices
import Linux
import MachineConfiguration

/// A share of the configuration, with its directory open.
struct SharePlan {
    let device: ShareDevice

    /// Guest memory for each file that a guest can know at a time, in bytes: Linux takes about as much for an inode, so
    /// that no good guest gets to the limit.
    private static let memoryPerNode: UInt64 = 1 << 10
    private static let leastNodes = 1 << 16

    /// - Parameters:
    ///   - count: of shares, which have equal parts of what descriptors there may be.
    ///   - memorySize: of the guest, in bytes.
    /// - Throws: `ShareError`.
    init(_ share: VMConfiguration.Share, of count: Int, memorySize: UInt64) throws(ShareError) {
        var settings = ShareSettings(tag: share.tag)
        settings.isReadOnly = share.readOnly ?? true
        settings.nodeLimit = max(Self.leastNodes, Int(clamping: memorySize / Self.memoryPerNode))
        // A half stays for the machine and its other devices.
        settings.descriptorLimit = ResourceLimits.descriptors / 2 / max(count, 1)
        device = try ShareDevice(path: share.path, settings)
    }
}
