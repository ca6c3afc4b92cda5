import Devices
import Foundation
import Linux
import Storage
import Virtio
import VirtioTesting

/// A disk whose image is a temporary file, with a made-up driver.
final class BlockDriver {
    enum Status: UInt8 {
        case ok = 0
        case ioError = 1
        case unsupported = 2
        /// What a request's place for its status holds before the device wrote there.
        case unwritten = 0xFF
    }

    enum RequestType {
        static let read: UInt32 = 0
        static let write: UInt32 = 1
        static let flush: UInt32 = 4
        static let identify: UInt32 = 8
        static let discard: UInt32 = 11
        static let writeZeroes: UInt32 = 13
    }

    /// Feature bits (virtio 1.3 §5.2.3).
    enum Feature {
        static let readOnly = Features.bit(5)
        static let flush = Features.bit(9)
        static let writebackConfiguration = Features.bit(11)
        static let multipleQueues = Features.bit(12)
        static let discard = Features.bit(13)
        static let writeZeroes = Features.bit(14)
    }

    struct Answer: Equatable {
        let status: Status?
        let written: UInt32
    }

    static let data: UInt64 = 0x20_0000
    private static let header: UInt64 = 0x10_0000
    private static let status: UInt64 = 0x10_1000

    let path: String
    let device: TestDevice
    let confined: LoopConfined<BlockDevice>
    private(set) var queues: [GuestQueue] = []
    private let queueSize: UInt16

    /// - Parameters:
    ///   - contents: of the image.
    ///   - directory: where the image lies.
    init(
        _ contents: [UInt8], in directory: String = FileManager.default.temporaryDirectory.path, readOnly: Bool = false,
        direct: Bool = false, start: Bool = true, memorySize: UInt64 = 16 << 20,
        _ change: (inout BlockSettings) -> Void = { _ in }
    ) throws {
        path = directory + "/swiftlet-block-tests." + UUID().uuidString
        try Data(contents).write(to: URL(fileURLWithPath: path))
        var settings = BlockSettings(serial: "serial number")
        settings.queueSize = 16
        change(&settings)
        queueSize = settings.queueSize
        let disk = try BlockDevice(image: RawImage(path: path, readOnly: readOnly, direct: direct), settings)
        confined = LoopConfined(disk, loop: try EventLoop(name: "test"))
        device = try TestDevice(confined, memorySize: memorySize)
        if start { queues = device.start(queues: settings.queueCount, size: settings.queueSize) }
    }

    deinit { unlink(path) }

    var contents: [UInt8] { (try? [UInt8](Data(contentsOf: URL(fileURLWithPath: path)))) ?? [] }

    func restart(features: Features? = nil) {
        queues = device.start(queues: max(queues.count, 1), size: queueSize, features: features)
    }
}
