import CLinux
import Foundation
import Glibc
import Linux
import Testing
import Virtio
import VirtioTesting

@testable import Devices

/// The device behind its registers and queues, with programs at its sockets.
struct VsockDeviceTests {
    /// What comes within a minute.
    private func read(_ host: HostEnd) -> [UInt8]? {
        for _ in 0..<60_000 {
            if let bytes = host.read() { return bytes }
            usleep(1000)
        }
        return nil
    }

    @Test func tellsTheGuestItsContext() throws {
        let rig = try VsockRig()
        #expect(rig.device.configuration(at: 0, as: UInt64.self) == 3)
        #expect(rig.device.offeredFeatures.contains(.bit(0)))
        #expect(!rig.device.offeredFeatures.contains(.bit(1)))
    }

    @Test(arguments: [3, 43, 44, 45, 1000])
    func packetsMayBeInAnyNumberOfBuffers(piece: Int) throws {
        let rig = try VsockRig()
        let listener = try UnixListener(path: rig.path + "_7")
        let host = try rig.connectToHost(port: 7, listener: listener)
        // As many as go into the sixteen descriptors of a chain.
        let bytes = (0..<UInt8(min(120, 16 * piece - VsockHeader.size))).map { $0 }
        try rig.send(rig.header(.readWrite, from: 1000, to: 7), bytes, piece: piece)
        #expect(read(host) == bytes)
        host.write(bytes)
        let packet = try #require(try rig.receive([10, 1, 33, 5, 100, 100]))
        #expect(packet.header.operation == .readWrite)
        #expect(packet.payload == bytes)
    }

    @Test func aProgramConnectsByItsLine() throws {
        let rig = try VsockRig()
        let host = HostEnd(try UnixSocket.connect(to: rig.path))
        host.write(Array("CONN".utf8))
        rig.device.settle()
        host.write(Array("ECT 52\nfirst words".utf8))
        let request = try #require(try rig.receive()).header
        #expect(request.operation == .request)
        #expect(request.destination == .init(cid: 3, port: 52))
        try rig.send(rig.header(.response, from: 52, to: request.source.port))
        #expect(read(host) == Array("OK \(request.source.port)\n".utf8))
        #expect(try rig.receive()?.payload == Array("first words".utf8))
    }

    @Test(arguments: ["GET / HTTP/1.1\r\n", "CONNECT x\n", "CONNECT 99999999999\n"])
    func otherLinesAreTurnedAway(line: String) throws {
        let rig = try VsockRig()
        let host = HostEnd(try UnixSocket.connect(to: rig.path))
        host.write(Array(line.utf8))
        #expect(read(host) == [])
    }

    @Test func aProgramThatEndsBeforeItsLineIsForgotten() throws {
        let rig = try VsockRig()
        let host = HostEnd(try UnixSocket.connect(to: rig.path))
        host.write(Array("CONNECT".utf8))
        rig.device.settle()
        host.shutDown(SHUT_WR)
        #expect(read(host) == [])
    }

    @Test func programsBeyondTheLimitAreTurnedAway() throws {
        let rig = try VsockRig()
        let hosts = try (0..<VsockClients.limit).map { _ in HostEnd(try UnixSocket.connect(to: rig.path)) }
        let last = HostEnd(try UnixSocket.connect(to: rig.path))
        #expect(read(last) == [])
        #expect(hosts[0].read() == nil)
    }

    @Test func aResetClosesEverything() throws {
        let rig = try VsockRig()
        let listener = try UnixListener(path: rig.path + "_7")
        let host = try rig.connectToHost(port: 7, listener: listener)
        let client = HostEnd(try UnixSocket.connect(to: rig.path))
        client.write(Array("CONNECT".utf8))
        rig.device.settle()
        rig.restart()
        #expect(read(host) == [])
        #expect(read(client) == [])
        let next = try rig.connectToHost(port: 7, listener: listener)
        try rig.send(rig.header(.readWrite, from: 1000, to: 7), [1])
        #expect(read(next) == [1])
    }

    @Test func theLastWordBeforeAResetArrives() throws {
        let rig = try VsockRig()
        let listener = try UnixListener(path: rig.path + "_7")
        let host = try rig.connectToHost(port: 7, listener: listener)
        rig.device.settle()
        var header = rig.header(.readWrite, from: 1000, to: 7)
        header.length = 3
        try rig.sendBytes(withUnsafeBytes(of: header.raw, Array.init) + [1, 2, 3], isNotified: false)
        rig.device.status = []
        #expect(host.read() == [1, 2, 3])
        #expect(host.read() == [])
    }

    @Test func aLengthBeyondTheBufferNeedsAReset() throws {
        let rig = try VsockRig()
        let listener = try UnixListener(path: rig.path + "_7")
        let host = try rig.connectToHost(port: 7, listener: listener)
        var header = rig.header(.readWrite, from: 1000, to: 7)
        header.length = 0xFFFF_FFFF
        try rig.sendBytes(withUnsafeBytes(of: header.raw, Array.init) + [1, 2, 3])
        #expect(rig.device.wait { rig.device.status.contains(.needsReset) })
        #expect(read(host) == [])
        rig.device.settle()
        #expect(rig.device.reports == ["4294967295 bytes to send in a buffer of 3"])
        rig.restart()
        _ = try rig.connectToHost(port: 7, listener: listener)
    }

    @Test(arguments: [1, 43])
    func aShortPacketNeedsAReset(length: Int) throws {
        let rig = try VsockRig()
        try rig.sendBytes([UInt8](repeating: 0, count: length))
        #expect(rig.device.wait { rig.device.status.contains(.needsReset) })
    }

    @Test(arguments: [1, 43, 44] as [UInt32])
    func aReceiveBufferWithoutRoomNeedsAReset(length: UInt32) throws {
        let rig = try VsockRig()
        try rig.queues[0].add([.writable(0x90_0000, length)])
        rig.device.notify(0)
        #expect(rig.device.wait { rig.device.status.contains(.needsReset) })
    }

    @Test func bytesBeyondTheLengthAreLeftAside() throws {
        let rig = try VsockRig()
        let listener = try UnixListener(path: rig.path + "_7")
        let host = try rig.connectToHost(port: 7, listener: listener)
        var header = rig.header(.readWrite, from: 1000, to: 7)
        header.length = 2
        try rig.sendBytes(withUnsafeBytes(of: header.raw, Array.init) + [1, 2, 3, 4])
        #expect(read(host) == [1, 2])
    }

    @Test func theSocketsFileGoesWithTheMachine() throws {
        var rig: VsockRig? = try VsockRig()
        let path = try #require(rig?.path)
        #expect(FileManager.default.fileExists(atPath: path))
        rig?.restart()
        #expect(FileManager.default.fileExists(atPath: path))
        rig?.device.controller.shutDown()
        rig?.device.settle()
        #expect(!FileManager.default.fileExists(atPath: path))
        rig = nil
    }

    @Test(arguments: [0, 1])
    func oneQueueAloneIsNoDevice(index: Int) throws {
        let rig = try VsockRig()
        rig.device.negotiate()
        let queue = GuestQueue(rig.device.memory, size: 16, base: 0x60_0000)
        rig.device.setUp(queue, index: UInt32(index))
        try queue.add([.writable(0x61_0000, 4096)])
        rig.device.becomeReady()
        #expect(rig.device.wait { rig.device.status.contains(.needsReset) })
        #expect(rig.device.isIdle)
        rig.restart()
        let listener = try UnixListener(path: rig.path + "_7")
        _ = try rig.connectToHost(port: 7, listener: listener)
    }
}
