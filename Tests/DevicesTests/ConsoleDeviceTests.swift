import Foundation
import GuestMemory
import Linux
import Synchronization
import Testing
import Virtio
import VirtioTesting

@testable import Devices

@Suite(.timeLimit(.minutes(10))) struct ConsoleDeviceTests {
    private static let multiport = Features.bit(1)
    private static let directory = FileManager.default.temporaryDirectory

    private func path() -> String { Self.directory.appending(path: "port-\(UUID().uuidString.prefix(8))").path }

    private func link() throws -> ConsoleLink { try ConsoleLink(console: try Console(capacity: 4096)) }

    /// Takes the output of a console whose pump is the test.
    private func takeOutput(_ link: ConsoleLink) -> [UInt8] {
        var output: [UInt8] = []
        while true {
            let bytes = link.console.ring.bytes(from: link.console.ring.head)
            if bytes.isEmpty { break }
            output += bytes
            link.console.ring.remove(bytes.count)
        }
        if link.console.takeRoomRequest() { link.roomMade() }
        return output
    }

    // MARK: The console

    @Test func aConsoleAloneOffersNoPortsButItsSize() throws {
        let driver = try ConsoleDriver(console: link())
        #expect(driver.device.offeredFeatures.intersection([.bit(0), .bit(1), .bit(2)]) == [.bit(0), .bit(2)])
        try driver.start()
        driver.device.settle()
        #expect(driver.device.read(0x60) == 2)
        driver.device.write(0x64, 2)
        driver.handle.perform { $0.resize(columns: 132, rows: 43) }
        driver.device.settle()
        #expect(driver.device.configuration(at: 0, as: UInt16.self) == 132)
        #expect(driver.device.configuration(at: 2, as: UInt16.self) == 43)
        #expect(driver.device.read(0x60) == 2)
    }

    @Test func outputGoesToTheConsoleAndWaitsForRoom() throws {
        let link = try link()
        let driver = try ConsoleDriver(console: link)
        try driver.start()
        let sent = (0..<10_000).map { UInt8(truncatingIfNeeded: $0 &* 7) }
        try driver.send(Array(sent[..<100]), to: 1)
        #expect(try driver.device.nextUsed(of: driver.queues[1]) == .init(head: 0, written: 0))
        try driver.send(Array(sent[100...]), to: 1)
        var received: [UInt8] = []
        driver.device.settle()
        #expect(try driver.queues[1].takeUsed() == nil)
        #expect(link.console.ring.room == 0)
        #expect(
            driver.device.wait {
                received += takeOutput(link)
                return received.count == sent.count
            })
        #expect(received == sent)
        #expect(try driver.device.nextUsed(of: driver.queues[1]) != nil)
    }

    /// Buffers that overlap can make a list of gigabytes.
    @Test func littleInputIsReadAheadForAHugeBuffer() throws {
        let link = try link()
        let driver = try ConsoleDriver(console: link)
        try driver.start()
        try driver.queues[0].add((0..<8).map { _ in .writable(0, 16 << 20) }, indirectTable: 0x20_0000)
        driver.device.notify(0)
        #expect(driver.device.wait { link.roomForInput() > 0 })
        #expect(link.roomForInput() == 64 << 10)
        driver.device.status = []
        let input = [UInt8](repeating: 7, count: 100_000)
        #expect(input.withUnsafeBytes { link.receive($0) } == 64 << 10)
        #expect(link.roomForInput() == 0)
    }

    @Test func inputIsTakenAsTheGuestHasBuffersForIt() throws {
        let link = try link()
        let driver = try ConsoleDriver(console: link)
        try driver.start()
        #expect(link.roomForInput() == 0)
        let first = try driver.provide(4, to: 0)
        #expect(driver.device.wait { link.roomForInput() == 4 })
        let wasWoken = link.console.wake.drain()
        #expect(wasWoken)
        #expect(Array("hello".utf8).withUnsafeBytes { link.receive($0) } == 4)
        #expect(try driver.nextInput(first, from: 0) == "hell")
        #expect(link.roomForInput() == 0)
        let second = try driver.provide(100, to: 0)
        #expect(driver.device.wait { link.console.wake.drain() })
        #expect(Array("o".utf8).withUnsafeBytes { link.receive($0) } == 1)
        #expect(try driver.nextInput(second, from: 0) == "o")
    }

    @Test func anEmergencyWriteIsPrinted() throws {
        let link = try link()
        let driver = try ConsoleDriver(console: link)
        driver.device.setConfiguration(at: 8, UInt32(UInt8(ascii: "!")))
        driver.device.settle()
        #expect(takeOutput(link) == [UInt8(ascii: "!")])
    }

    @Test func theRunningConsoleServesTheDevice() throws {
        let link = try link()
        let driver = try ConsoleDriver(console: link)
        try driver.start()
        let (input, output) = (try Channel(.pipe), try Channel(.pipe))
        let thread = try ConsoleThread(
            console: link.console, port: link, input: input.reading, output: output.writing, report: { _ in })
        let address = try driver.provide(64, to: 0)
        input.write(Array("in".utf8))
        #expect(try driver.nextInput(address, from: 0) == "in")
        let sent = [UInt8](repeating: 0x2E, count: 300_000)
        let reader = try BackgroundReader(output.reading, count: sent.count)
        for start in stride(from: 0, to: sent.count, by: 10_000) {
            try driver.send(Array(sent[start..<start + 10_000]), to: 1)
            _ = try driver.device.nextUsed(of: driver.queues[1])
        }
        #expect(reader.wait() == sent)
        thread.stop()
        thread.join()
    }

    @Test func muchInputArrivesInOrder() throws {
        let link = try link()
        let driver = try ConsoleDriver(console: link)
        try driver.start()
        let (input, output) = (try Channel(.pipe), try Channel(.pipe))
        let thread = try ConsoleThread(
            console: link.console, port: link, input: input.reading, output: output.writing, report: { _ in })
        let sent = (0..<1_000_000).map { UInt8(truncatingIfNeeded: $0 &* 7 &+ $0 >> 8) }
        let writer = try NativeThread(name: "writer") { input.write(sent) }
        var buffers: [UInt64] = []
        for _ in 0..<8 { buffers.append(try driver.provide(1000, to: 0)) }
        var received: [UInt8] = []
        while received.count < sent.count {
            let used = try #require(try driver.device.nextUsed(of: driver.queues[0]), "after \(received.count) bytes")
            let address = buffers[Int(used.head) % 8]
            received += try driver.device.memory.bytes(at: address, count: Int(used.written))
            try driver.queues[0].add([.writable(address, 1000)])
            driver.device.notify(0)
        }
        #expect(received == sent)
        writer.join()
        thread.stop()
        thread.join()
    }

    // MARK: Ports

    @Test func portsAreAnnouncedAsTheDriverAsks() throws {
        let driver = try ConsoleDriver(
            console: link(),
            ports: [("first", try SocketPeer(path: path())), ("second", try FilePeer(path: path()) { _ in })])
        #expect(driver.device.configuration(at: 4, as: UInt32.self) == 3)
        try driver.start(queues: 8)
        driver.handle.perform { $0.resize(columns: 80, rows: 25) }
        try driver.send(.init(port: 0, event: 0))
        for number in 0..<3 as Range<UInt32> {
            #expect(try driver.nextMessage() == .init(port: number, event: 1))
        }
        try driver.send(.init(port: 0, event: 3))
        #expect(try driver.nextMessage() == .init(port: 0, event: 4))
        #expect(try driver.nextMessage() == .init(port: 0, event: 5, payload: [80, 0, 25, 0]))
        #expect(try driver.nextMessage() == .init(port: 0, event: 6))
        try driver.send(.init(port: 1, event: 3))
        #expect(try driver.nextMessage() == .init(port: 1, event: 7, payload: Array("first".utf8)))
        try driver.send(.init(port: 2, event: 3))
        #expect(try driver.nextMessage() == .init(port: 2, event: 7, payload: Array("second".utf8)))
        #expect(try driver.nextMessage() == .init(port: 2, event: 6))
        driver.handle.perform { $0.resize(columns: 81, rows: 26) }
        #expect(try driver.nextMessage() == .init(port: 0, event: 5, payload: [81, 0, 26, 0]))
    }

    /// Makes port 1 known and open, and says that its client is there.
    private func open(_ driver: ConsoleDriver) throws {
        try driver.start(queues: 6)
        try driver.send(.init(port: 1, event: 3))
        #expect(try driver.nextMessage().event == 7)
        try driver.send(.init(port: 1, event: 6))
        driver.device.settle()
    }

    @Test func aSocketsClientsTalkWithTheGuestOneAfterTheOther() throws {
        let path = path()
        let driver = try ConsoleDriver(ports: [("it", try SocketPeer(path: path))])
        try open(driver)
        // Nobody is there yet: this waits.
        try driver.send(Array("kept, ".utf8), to: 5)
        driver.device.settle()
        #expect(try driver.queues[5].takeUsed() == nil)

        var first: PortClient? = try PortClient(path)
        #expect(try driver.nextMessage() == .init(port: 1, event: 6, value: 1))
        #expect(try driver.device.nextUsed(of: driver.queues[5]) != nil)
        let second = try PortClient(path)
        try second.write("second")
        try first?.write("first")
        try driver.send(Array("out".utf8), to: 5)
        #expect(try first?.read(count: 9) == "kept, out")
        let address = try driver.provide(64, to: 4)
        #expect(try driver.nextInput(address, from: 4) == "first")

        // What a client leaves behind is the guest's still.
        try first?.write("last words")
        first = nil
        driver.device.settle()
        let end = try driver.provide(64, to: 4)
        #expect(try driver.nextInput(end, from: 4) == "last words")
        let next = try driver.provide(64, to: 4)
        #expect(try driver.nextMessage() == .init(port: 1, event: 6, value: 0))
        #expect(try driver.nextMessage() == .init(port: 1, event: 6, value: 1))
        #expect(try driver.nextInput(next, from: 4) == "second")
    }

    /// Linux reads the end of a file where nobody is.
    @Test func theGuestHearsOfAClientBeforeItsInputAndOfItsEndAfterIt() throws {
        let peer = TurningPeer()
        let driver = try ConsoleDriver(ports: [("it", peer)])
        try open(driver)
        let messages = driver.queues[2]
        let seen = Mutex<[UInt16]>([])
        let (memory, index) = (messages.memory, messages.deviceArea + 2)
        try driver.provide(64, to: 4)
        driver.device.settle()
        for isConnected in [true, false] {
            driver.handle.perform { _ in
                peer.turn(isConnected) {
                    guard let told: UInt16 = try? memory.load(at: index) else { return }
                    seen.withLock { $0.append(told) }
                }
            }
            #expect(try driver.nextMessage() == .init(port: 1, event: 6, value: isConnected ? 1 : 0))
        }
        #expect(seen.withLock { $0 } == [2, 2])
    }

    @Test func inputWaitsUntilTheGuestHasThePortOpen() throws {
        let path = path()
        let driver = try ConsoleDriver(ports: [("it", try SocketPeer(path: path))])
        try open(driver)
        try driver.send(.init(port: 1, event: 6, value: 0))
        let address = try driver.provide(64, to: 4)
        let client = try PortClient(path)
        try client.write("early")
        #expect(try driver.nextMessage().value == 1)
        driver.device.settle()
        #expect(try driver.queues[4].takeUsed() == nil)
        try driver.send(.init(port: 1, event: 6))
        #expect(try driver.nextInput(address, from: 4) == "early")
    }

    @Test func aClientThatDoesNotReadHoldsTheGuestsOutputUp() throws {
        let path = path()
        let driver = try ConsoleDriver(ports: [("it", try SocketPeer(path: path))])
        try open(driver)
        let client = try PortClient(path)
        #expect(try driver.nextMessage().value == 1)
        let bytes = (0..<2_000_000).map { UInt8(truncatingIfNeeded: $0 &* 13 &+ $0 >> 9) }
        try driver.send(bytes, to: 5)
        driver.device.settle()
        #expect(try driver.queues[5].takeUsed() == nil)
        #expect(try client.readBytes(count: bytes.count) == bytes)
        #expect(try driver.device.nextUsed(of: driver.queues[5]) != nil)
    }

    @Test func outputIsAppendedToAFileThatIsTheUsersAlone() throws {
        let path = path()
        let driver = try ConsoleDriver(ports: [("log", try FilePeer(path: path) { _ in })])
        try driver.start(queues: 6)
        for text in ["one, ", "two"] {
            try driver.send(Array(text.utf8), to: 5)
            _ = try driver.device.nextUsed(of: driver.queues[5])
        }
        #expect(try String(contentsOfFile: path, encoding: .utf8) == "one, two")
        #expect(try FileManager.default.attributesOfItem(atPath: path)[.posixPermissions] as? Int == 0o600)
        let again = try ConsoleDriver(ports: [("log", try FilePeer(path: path) { _ in })])
        try again.start(queues: 6)
        try again.send(Array("!".utf8), to: 5)
        _ = try again.device.nextUsed(of: again.queues[5])
        #expect(try String(contentsOfFile: path, encoding: .utf8) == "one, two!")
    }

    @Test func otherKindsOfFilesAreRefused() throws {
        for path in ["/dev/null", Self.directory.path] {
            #expect(throws: SystemCallError.self) { try FilePeer(path: path) { _ in } }
        }
    }

    @Test func aDriverWithoutPortsHasTheConsole() throws {
        let link = try link()
        let driver = try ConsoleDriver(console: link, ports: [("it", try SocketPeer(path: path()))])
        try driver.start(queues: 2, features: driver.device.offeredFeatures.subtracting(Self.multiport))
        try driver.send(Array("out".utf8), to: 1)
        #expect(try driver.device.nextUsed(of: driver.queues[1]) != nil)
        #expect(takeOutput(link) == Array("out".utf8))
        let address = try driver.provide(64, to: 0)
        #expect(driver.device.wait { link.roomForInput() == 64 })
        _ = Array("in".utf8).withUnsafeBytes { link.receive($0) }
        #expect(try driver.nextInput(address, from: 0) == "in")
    }

    // MARK: Hostile drivers

    @Test func messagesAboutNoPortAreIgnored() throws {
        let driver = try ConsoleDriver(ports: [("it", try FilePeer(path: path()) { _ in })])
        try driver.start(queues: 6)
        for port in [0, 2, 31, 0x8000_0000, .max] as [UInt32] {
            let events: [UInt16] = [1, 2, 3, 4, 5, 6, 7, 0xFFFF]
            for event in events { try driver.send(.init(port: port, event: event)) }
            // There must be room in the queue for the next.
            for _ in events { #expect(try driver.device.nextUsed(of: driver.queues[3]) != nil) }
        }
        try driver.send(.init(port: 1, event: 3))
        #expect(try driver.nextMessage() == .init(port: 1, event: 7, payload: Array("it".utf8)))
        #expect(driver.device.reports == [])
    }

    @Test func aShortMessageNeedsAReset() throws {
        let driver = try ConsoleDriver(ports: [("it", try FilePeer(path: path()) { _ in })])
        try driver.start(queues: 6)
        try driver.send([1, 0, 0, 0, 3, 0, 1], to: 3)
        #expect(driver.device.wait { driver.device.status.contains(.needsReset) })
        #expect(driver.device.reports == ["a control message of 7 bytes"])
    }

    @Test func aShortBufferForMessagesNeedsAReset() throws {
        let driver = try ConsoleDriver(ports: [("it", try FilePeer(path: path()) { _ in })])
        let queues = driver.device.start(queues: 6)
        try queues[2].add([.writable(0x10_0000, 7)])
        try driver.device.memory.store(UInt64(1 << 48), at: 0x10_1000)
        try queues[3].add([.readable(0x10_1000, 8)])
        driver.device.notify(3)
        #expect(driver.device.wait { driver.device.status.contains(.needsReset) })
        #expect(driver.device.reports == ["a buffer of 7 bytes for a control message"])
    }

    @Test func aReadOnlyBufferForInputNeedsAReset() throws {
        let driver = try ConsoleDriver(console: link())
        try driver.start()
        try driver.send([1], to: 0)
        #expect(driver.device.wait { driver.device.status.contains(.needsReset) })
        #expect(driver.device.reports == ["a buffer for input that cannot be written"])
    }

    /// Asks for the same again and again, without ever taking an answer.
    @Test func unsentMessagesAreBounded() throws {
        let driver = try ConsoleDriver(console: link(), ports: [("it", try FilePeer(path: path()) { _ in })])
        let queues = driver.device.start(queues: 6)
        for round in 0..<200 {
            try driver.device.memory.store(UInt64(1 << 48), at: 0x10_0000)
            try driver.device.memory.store(UInt64(1 << 48 | 3 << 32), at: 0x10_0008)
            try queues[3].add([.readable(0x10_0000 + (round % 2 == 0 ? 0 : 8), 8)])
            driver.device.notify(3)
            _ = try driver.device.nextUsed(of: queues[3])
        }
        for number in 0..<12 as Range<UInt64> { try queues[2].add([.writable(0x20_0000 + 64 * number, 64)]) }
        driver.device.notify(2)
        driver.device.settle()
        var count = 0
        while try queues[2].takeUsed() != nil { count += 1 }
        #expect(count == 5)
    }
}

/// Somebody who talks with a port.
private final class PortClient {
    private let descriptor: OwnedDescriptor

    init(_ path: String) throws {
        descriptor = try UnixSocket.connect(to: path)
        _ = fcntl(descriptor.rawValue, F_SETFL, 0)
    }

    func write(_ text: String) throws {
        let bytes = Array(text.utf8)
        try systemCall("write") { Glibc.write(descriptor.rawValue, bytes, bytes.count) }
    }

    func read(count: Int) throws -> String { String(decoding: try readBytes(count: count), as: UTF8.self) }

    func readBytes(count: Int) throws -> [UInt8] {
        var bytes: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 65536)
        while bytes.count < count {
            let got = try systemCall("read") { Glibc.read(descriptor.rawValue, &buffer, buffer.count) }
            if got == 0 { break }
            bytes += buffer[..<got]
        }
        return bytes
    }
}

/// A peer that comes and goes as a test says, and watches when it is asked for input, of which it has none.
private final class TurningPeer: PortPeer, @unchecked Sendable {
    // Sendable: only reached on the loop's thread, once the device is attached.
    private(set) var isConnected = false
    private var changed: () -> Void = {}
    private var asked: () -> Void = {}

    func attach(to loop: EventLoop, changed: @escaping () -> Void) { self.changed = changed }

    func turn(_ isConnected: Bool, asked: @escaping () -> Void) {
        self.isConnected = isConnected
        self.asked = asked
        changed()
    }

    func write(_ output: SegmentList) -> Int { 0 }

    func read(into input: SegmentList) -> Int {
        asked()
        return 0
    }
}
