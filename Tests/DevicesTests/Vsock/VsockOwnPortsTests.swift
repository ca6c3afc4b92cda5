import CLinux
import Linux
import Synchronization
import Testing
import Virtio

@testable import Devices

/// Ports of the host that are the monitor's own.
struct VsockOwnPortsTests {
    private final class Accepted: Sendable {
        let descriptor = Mutex<CInt?>(nil)
    }

    @Test func aConnectionIsHandedOverAndCarriesBytes() throws {
        let accepted = Accepted()
        let guest = try VsockGuest(ownPorts: [
            70: { descriptor in accepted.descriptor.withLock { $0 = dup(descriptor.rawValue) } }
        ])
        guest.send(guest.header(.request, from: 1000, to: 70))
        let answer = try #require(guest.take())
        #expect(answer.operation == .response)
        let descriptor = try #require(accepted.descriptor.withLock { $0 })
        defer { close(descriptor) }

        guest.send(guest.header(.readWrite, from: 1000, to: 70), Array("up".utf8))
        var bytes = [UInt8](repeating: 0, count: 10)
        #expect(read(descriptor, &bytes, bytes.count) == 2 && bytes.prefix(2) == Array("up".utf8)[...])
        #expect(write(descriptor, "down", 4) == 4)
        guest.turn()
        #expect(guest.take()?.payload == Array("down".utf8))
    }

    @Test func otherPortsOfAGuestWithoutASocketAreRefused() throws {
        let guest = try VsockGuest(ownPorts: [70: { _ in }], hasSocket: false)
        guest.send(guest.header(.request, from: 1000, to: 71))
        #expect(guest.take()?.operation == .reset)
    }
}
