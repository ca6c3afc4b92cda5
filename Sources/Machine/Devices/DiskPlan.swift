import Devices
import Storage

/// A disk of the configuration, with its image open and locked.
struct DiskPlan {
    let device: BlockDevice
    /// What its user should know and may not expect, in sentences.
    let notices: [String]

    /// - Throws: `RawImageError`.
    init(_ disk: VMConfiguration.Disk) throws(RawImageError) {
        let image = try RawImage(path: disk.path, readOnly: disk.readOnly ?? false, direct: disk.direct ?? false)
        var settings = BlockSettings(serial: disk.serial ?? disk.id)
        if let queues = disk.queues { settings.queueCount = queues }
        if let size = disk.queueSize { settings.queueSize = UInt16(clamping: size) }
        settings.bytesPerSecond = disk.bytesPerSecond
        settings.operationsPerSecond = disk.operationsPerSecond

        let hidden = try image.size().hidden
        device = try BlockDevice(image: image, settings)
        var notices: [String] = []
        if hidden > 0 {
            notices.append(
                "disk '\(disk.id)': the last \(hidden) bytes of \(disk.path) are less than a block, and not visible")
        }
        if let failure = device.ringFailure {
            notices.append(
                "disk '\(disk.id)': io_uring is not available (\(failure)); it uses plain reads and writes")
        }
        self.notices = notices
    }
}
