import SystemPackage
import Virtio

/// Feature bits of block devices (virtio 1.3 §5.2.3).
enum BlockFeature {
    static let segmentMaximum = Features.bit(2)
    static let readOnly = Features.bit(5)
    static let blockSize = Features.bit(6)
    static let flush = Features.bit(9)
    static let topology = Features.bit(10)
    static let writebackConfiguration = Features.bit(11)
    static let multipleQueues = Features.bit(12)
    static let discard = Features.bit(13)
    static let writeZeroes = Features.bit(14)
}

/// What every request begins with, little-endian (virtio 1.3 §5.2.6).
struct BlockRequestHeader: BitwiseCopyable {
    let type: UInt32
    let reserved: UInt32
    /// Where it begins, in sectors; for reads and writes.
    let sector: UInt64

    /// Bytes, which is also where the data begins.
    static let size = 16
    /// Bytes that `RequestType.identify` asks for.
    static let identityLength = 20

    enum RequestType {
        static let read: UInt32 = 0
        static let write: UInt32 = 1
        static let flush: UInt32 = 4
        static let identify: UInt32 = 8
        static let discard: UInt32 = 11
        static let writeZeroes: UInt32 = 13
    }
}

/// A range to discard or to fill with zeroes, little-endian (virtio 1.3 §5.2.6, `virtio_blk_discard_write_zeroes`).
struct BlockRange: BitwiseCopyable {
    let sector: UInt64
    let sectorCount: UInt32
    let flags: UInt32

    /// Bytes.
    static let size = 16
    static let unmap: UInt32 = 1
}

/// How a request ended, in its last byte (virtio 1.3 §5.2.6).
enum BlockStatus: UInt8 {
    case ok = 0
    case ioError = 1
    case unsupported = 2

    /// - Parameter failure: of the storage; nil where all went well.
    init(_ failure: Errno?) {
        switch failure {
        case nil: self = .ok
        case .notSupported: self = .unsupported
        default: self = .ioError
        }
    }
}
