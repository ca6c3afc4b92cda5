import CLinux
import Foundation
import Linux
import Synchronization
import Testing
import VirtioTesting

@testable import Devices
@testable import Virtio

/// The device with its queues and threads.
struct ShareDeviceTests {
    /// A device that shares a new directory, with one file in it.
    private final class Rig {
        let path: String
        let device: TestDevice
        private(set) var queues: [GuestQueue] = []

        init(readOnly: Bool = false) throws {
            path = FileManager.default.temporaryDirectory.appending(path: "share-\(UUID().uuidString)").path
            try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
            try Data("contents".utf8).write(to: URL(fileURLWithPath: path + "/file"))
            var settings = ShareSettings(tag: "source")
            settings.isReadOnly = readOnly
            device = try TestDevice(try ShareDevice(path: path, settings))
            start()
        }

        deinit { try? FileManager.default.removeItem(atPath: path) }

        func start() {
            queues = device.start(queues: 2, size: 64)
        }

        static let request: UInt64 = 0x10_0000
        static let reply: UInt64 = 0x20_0000

        /// Puts a request into the queue for those, or into the other.
        func add(
            _ opcode: fuse_opcode, node: UInt64 = 1, _ arguments: [UInt8] = [], room: UInt32 = 4096, queue: Int = 1,
            at place: UInt64 = 0
        ) throws {
            var header = fuse_in_header()
            header.len = UInt32(MemoryLayout<fuse_in_header>.size + arguments.count)
            header.opcode = opcode.rawValue
            header.unique = place
            header.nodeid = node
            let request = ShareGuest.bytes(header) + arguments
            try device.memory.write(request, at: Self.request + place)
            var buffers: [GuestQueue.Buffer] = [.readable(Self.request + place, UInt32(request.count))]
            if room > 0 { buffers.append(.writable(Self.reply + place, room)) }
            try queues[queue].add(buffers)
        }

        /// The same, and waits for the reply.
        func send(_ opcode: fuse_opcode, node: UInt64 = 1, _ arguments: [UInt8] = []) throws -> (error: CInt, [UInt8]) {
            try add(opcode, node: node, arguments)
            device.notify(1)
            let used = try #require(try device.nextUsed(of: queues[1]))
            let header = try device.memory.load(at: Self.reply, as: fuse_out_header.self)
            #expect(header.len == used.written)
            return (-header.error, Array(try device.memory.bytes(at: Self.reply + 16, count: Int(used.written) - 16)))
        }

        func initialize() throws {
            #expect(try send(FUSE_INIT, ShareGuest.bytes(fuse_init_in.with(minor: 38))).error == 0)
        }
    }

    @Test func tellsItsTag() throws {
        let rig = try Rig()
        let tag = (0..<36).map { rig.device.configuration(at: $0, as: UInt8.self) }
        #expect(tag == Array("source".utf8) + [UInt8](repeating: 0, count: 30))
        #expect(rig.device.configuration(at: 36, as: UInt32.self) == 1)
        #expect(rig.device.read(8) == 26)
    }

    @Test func servesRequests() throws {
        let rig = try Rig()
        try rig.initialize()
        let entry = try rig.send(FUSE_LOOKUP, ShareGuest.text("file")).1
            .withUnsafeBytes { $0.loadUnaligned(as: fuse_entry_out.self) }
        let open = ShareGuest.bytes(fuse_open_in(flags: 0, open_flags: 0))
        let handle = try rig.send(FUSE_OPEN, node: entry.nodeid, open).1
            .withUnsafeBytes { $0.loadUnaligned(as: UInt64.self) }
        let (error, bytes) = try rig.send(FUSE_READ, ShareGuest.readArguments(handle))
        #expect(error == 0 && bytes == Array("contents".utf8))
        // Forgetting has a queue of its own, and no reply.
        try rig.add(FUSE_FORGET, node: entry.nodeid, ShareGuest.bytes(fuse_forget_in(nlookup: 1)), room: 0, queue: 0)
        rig.device.notify(0)
        #expect(try rig.device.nextUsed(of: rig.queues[0])?.written == 0)
        #expect(try rig.send(FUSE_GETATTR, node: entry.nodeid, ShareGuest.bytes(fuse_getattr_in())).error == ESTALE)
    }

    @Test func manyAtOnceAllEnd() throws {
        let rig = try Rig()
        try rig.initialize()
        for index in 0..<32 as Range<UInt64> {
            try rig.add(FUSE_LOOKUP, ShareGuest.text("file"), at: (index + 1) * 8192)
        }
        rig.device.notify(1)
        for _ in 0..<32 { #expect(try rig.device.nextUsed(of: rig.queues[1])?.written == 16 + 128) }
    }

    @Test(arguments: [0, 1, 39])
    func aRequestWithoutAHeaderNeedsAReset(_ length: UInt32) throws {
        let rig = try Rig()
        try rig.initialize()
        try rig.queues[1].add([.readable(Rig.request, length), .writable(Rig.reply, 100)])
        rig.device.notify(1)
        #expect(rig.device.wait { rig.device.status.contains(.needsReset) })
        #expect(rig.device.reports == ["a file system request without a header"])
        // After the reset it is as new.
        rig.start()
        #expect(try rig.send(FUSE_GETATTR, ShareGuest.bytes(fuse_getattr_in())).error == EPROTO)
        try rig.initialize()
        #expect(try rig.send(FUSE_GETATTR, ShareGuest.bytes(fuse_getattr_in())).error == 0)
    }

    @Test(arguments: [0, 39, 57, UInt32.max])
    func aLengthThatIsNotThereNeedsAReset(_ length: UInt32) throws {
        let rig = try Rig()
        var header = fuse_in_header()
        header.len = length
        header.opcode = FUSE_GETATTR.rawValue
        try rig.device.memory.write(ShareGuest.bytes(header), at: Rig.request)
        try rig.queues[1].add([.readable(Rig.request, 56), .writable(Rig.reply, 200)])
        rig.device.notify(1)
        #expect(rig.device.wait { rig.device.status.contains(.needsReset) })
    }

    @Test(arguments: [0, 1, 15])
    func aRequestWithoutRoomForAReplyNeedsAReset(_ room: UInt32) throws {
        let rig = try Rig()
        try rig.add(FUSE_GETATTR, ShareGuest.bytes(fuse_getattr_in()), room: room)
        rig.device.notify(1)
        #expect(rig.device.wait { rig.device.status.contains(.needsReset) })
    }

    @Test func resetsWithRequestsInFlight() throws {
        let rig = try Rig()
        for _ in 0..<20 {
            try rig.initialize()
            for index in 0..<30 as Range<UInt64> {
                try rig.add(FUSE_LOOKUP, ShareGuest.text("file"), at: (index + 1) * 8192)
            }
            rig.device.notify(1)
            rig.start()
        }
        try rig.initialize()
        #expect(rig.device.reports == [])
    }

    @Test func aPausedDeviceTakesNoRequests() throws {
        let rig = try Rig()
        try rig.initialize()
        rig.device.controller.hold()
        try rig.add(FUSE_LOOKUP, ShareGuest.text("file"))
        rig.device.notify(1)
        usleep(50_000)
        #expect(try rig.queues[1].takeUsed() == nil)
        rig.device.loop.perform { [loop = rig.device.loop] in loop.release() }
        #expect(try rig.device.nextUsed(of: rig.queues[1])?.written == 16 + 128)
        #expect(rig.device.isIdle)
    }

    /// A request that its file system lets wait does not stop others.
    @Test(.timeLimit(.minutes(10)))
    func workersDoNotWaitForEachOther() throws {
        let gate = Semaphore()
        let count = Counter()
        let workers = try ShareWorkers(name: "test") { request in
            if request.header.unique < 5 { gate.wait() }
            count.value.wrappingAdd(1, ordering: .relaxed)
        }
        func request(_ unique: UInt64) throws -> ShareRequest {
            var header = fuse_in_header()
            header.len = 40
            header.opcode = FUSE_FORGET.rawValue
            header.unique = unique
            return try withUnsafeMutableBytes(of: &header) { bytes in
                var segment = iovec(iov_base: bytes.baseAddress, iov_len: bytes.count)
                let list = SegmentList(base: &segment, count: 1)
                return try ShareRequest(
                    DescriptorChain(head: 0, readable: list, writable: SegmentList(base: &segment, count: 0)), queue: 1)
            }
        }
        for unique in 0..<100 { try workers.submit(try request(UInt64(unique))) }
        while count.value.load(ordering: .relaxed) < 95 { usleep(1000) }
        #expect(count.value.load(ordering: .relaxed) == 95)
        for _ in 0..<5 { gate.signal() }
        while count.value.load(ordering: .relaxed) < 100 { usleep(1000) }
        workers.stop()
        #expect(workers.takeDone().count == 100)
    }

    private final class Counter: Sendable {
        let value = Atomic<Int>(0)
    }
}
