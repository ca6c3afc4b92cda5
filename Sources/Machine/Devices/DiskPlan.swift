import Devices
import MachineConfiguration
import Storage

/// A disk of the configuration, with its image open and locked.
struct DiskPlan {
    let device: BlockDevice
    /// What its user should know and may not expect, in a sentence.
    let warning: String?

    /// - Parameter events: are told what the disk has to do without.
    /// - Throws: `RawImageError`.
    init(_ disk: VMConfiguration.Disk, _ events: EventLog) throws(RawImageError) {
        let image = try RawImage(path: disk.path, readOnly: disk.readOnly ?? false, direct: disk.direct ?? false)
        var settings = BlockSettings(serial: disk.serial ?? disk.id)
        if let queues = disk.queues { settings.queueCount = queues }
        if let size = disk.queueSize { settings.queueSize = UInt16(clamping: size) }
        settings.bytesPerSecond = disk.bytesPerSecond
        settings.operationsPerSecond = disk.operationsPerSecond

        warning = try Self.warning(disk, image)
        device = try BlockDevice(image: image, settings)
        if let failure = device.ringFailure {
            events.report(
                "disk '\(disk.id)': io_uring is not available (\(failure)): it uses plain reads and writes")
        }
    }

    private static func warning(
        _ disk: VMConfiguration.Disk, _ image: borrowing RawImage
    ) throws(RawImageError) -> String? {
        let size = try image.size()
        if let format = image.suspectedFormat {
            return """
                disk '\(disk.id)': \(disk.path) begins like a \(format) image, and the guest sees it as it is; \
                'qemu-img convert -O raw' makes a raw image of one
                """
        }
        if size.hidden == 0 { return nil }
        return """
            disk '\(disk.id)': the guest does not see the last \(size.hidden) bytes of \(disk.path), which are less \
            than a block; 'truncate -s %\(image.alignment.logicalBlock)' makes the file larger
            """
    }
}
