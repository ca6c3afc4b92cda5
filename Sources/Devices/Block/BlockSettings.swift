import Storage

/// What a disk's user chooses about it, besides the image.
public struct BlockSettings: Sendable {
    /// What a guest tells disks apart by; the first 20 bytes count (virtio 1.3 §5.2.6, `VIRTIO_BLK_T_GET_ID`).
    public var serial: String
    public var queueCount = 1
    /// Entries of each queue: a power of two up to 1024, the most buffers that a system call takes (`IOV_MAX`).
    public var queueSize: UInt16 = 256
    /// nil for no limit.
    public var bytesPerSecond: UInt64?
    public var operationsPerSecond: UInt64?
    /// How the image is read and written; nil for what suits it.
    public var engineMode: StorageEngine.Mode?

    public init(serial: String) {
        self.serial = serial
    }

    /// The serial number as a guest gets it, padded with zeroes.
    var identity: [UInt8] {
        let bytes = serial.utf8.prefix(BlockRequestHeader.identityLength)
        return bytes + [UInt8](repeating: 0, count: BlockRequestHeader.identityLength - bytes.count)
    }
}
