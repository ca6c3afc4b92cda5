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
    private let queueCount: Int

    /// - Parameters:
    ///   - contents: of the image.
    ///   - directory: where the image lies.
    init(
        _ contents: [UInt8], in directory: String = FileManager.default.temporaryDirectory.path, readOnly: Bool = false,
        direct: Bool = false, features: Features? = nil,
        _ change: (inout BlockSettings) -> Void = { _ in }
    ) throws {
        path = directory + "/swiftlet-block-tests." + UUID().uuidString
        try Data(contents).write(to: URL(fileURLWithPath: path))
        var settings = BlockSettings(serial: "serial number")
        settings.queueSize = 16
        change(&settings)
        queueSize = settings.queueSize
        queueCount = settings.queueCount
        let disk = try BlockDevice(image: RawImage(path: path, readOnly: readOnly, direct: direct), settings)
        confined = LoopConfined(disk, loop: try EventLoop(name: "test"))
        device = try TestDevice(confined)
        restart(features: features)
    }

    deinit { unlink(path) }

    var contents: [UInt8] { (try? [UInt8](Data(contentsOf: URL(fileURLWithPath: path)))) ?? [] }

    /// Resets the device, and makes it ready with `features`, or all that it offers.
    func restart(features: Features? = nil) {
        queues = device.start(queues: queueCount, size: queueSize, features: features)
    }

    // MARK: Requests

    private func writeHeader(_ type: UInt32, sector: UInt64, slot: UInt64) throws {
        let place = Self.header + 16 * slot
        try device.memory.store(type, at: place)
        try device.memory.store(0 as UInt32, at: place + 4)
        try device.memory.store(sector, at: place + 8)
        try device.memory.store(Status.unwritten.rawValue, at: Self.status + slot)
    }

    /// Makes a request available without notifying: a header, `data` and a status.
    ///
    /// - Parameter slot: unlike that of other requests at the time.
    func add(
        _ type: UInt32, sector: UInt64 = 0, _ data: [GuestQueue.Buffer], slot: UInt64 = 0, queue: Int = 0
    ) throws {
        try writeHeader(type, sector: sector, slot: slot)
        try queues[queue].add(
            [.readable(Self.header + 16 * slot, 16)] + data + [.writable(Self.status + slot, 1)])
    }

    func status(slot: UInt64 = 0) throws -> Status? {
        Status(rawValue: try device.memory.load(at: Self.status + slot))
    }

    /// Carries a request out.
    func perform(
        _ type: UInt32, sector: UInt64 = 0, _ data: [GuestQueue.Buffer] = [], queue: Int = 0
    ) throws -> Answer {
        try add(type, sector: sector, data, queue: queue)
        device.notify(UInt32(queue))
        let used = try device.nextUsed(of: queues[queue])
        return Answer(status: try status(), written: used?.written ?? .max)
    }

    /// - Returns: the sectors' bytes; nil when the request failed.
    func read(sector: UInt64, count: Int) throws -> [UInt8]? {
        let answer = try perform(RequestType.read, sector: sector, [.writable(Self.data, UInt32(count))])
        guard answer == Answer(status: .ok, written: UInt32(count) + 1) else { return nil }
        return Array(try device.memory.bytes(at: Self.data, count: count))
    }

    func write(_ bytes: [UInt8], sector: UInt64) throws -> Answer {
        try device.memory.write(bytes, at: Self.data)
        return try perform(RequestType.write, sector: sector, [.readable(Self.data, UInt32(bytes.count))])
    }

    /// Discards, or fills with zeroes.
    func change(
        _ type: UInt32, _ ranges: [(sector: UInt64, count: UInt32, flags: UInt32)], length: UInt32? = nil
    ) throws -> Answer {
        for (index, range) in ranges.enumerated() {
            let place = Self.data + 16 * UInt64(index)
            try device.memory.store(range.sector, at: place)
            try device.memory.store(range.count, at: place + 8)
            try device.memory.store(range.flags, at: place + 12)
        }
        return try perform(type, [.readable(Self.data, length ?? UInt32(16 * ranges.count))])
    }
}

func randomBytes(_ count: Int) -> [UInt8] {
    [UInt8](unsafeUninitializedCapacity: count) { buffer, initializedCount in
        if let start = buffer.baseAddress { arc4random_buf(start, count) }
        initializedCount = count
    }
}
