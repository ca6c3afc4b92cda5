import MachineConfiguration
import Testing

@testable import Agent

struct GuestRequestTests {
    private static let card = MACAddress([0x52, 0x54, 0, 1, 2, 3])

    private func frame(_ request: GuestRequest) -> [UInt8]? {
        var writer = PayloadWriter(request.kind, id: 7)
        request.write(to: &writer)
        return writer.finished()
    }

    private func header(_ kind: UInt16, _ payload: [UInt8]) -> [UInt8] {
        bytes(UInt32(payload.count)) + bytes(kind) + [0, 0] + bytes(7 as UInt32) + payload
    }

    @Test(arguments: [nil, IPv4Address(10, 0, 2, 2)])
    func aCardsAddressesAreInTheOrderOfTransmission(gateway: IPv4Address?) {
        let request = GuestRequest.configureInterface(
            Self.card, IPv4Address(10, 0, 2, 15), prefixLength: 24, gateway: gateway)
        let payload: [UInt8] =
            [0x52, 0x54, 0, 1, 2, 3, 24, 0, 10, 0, 2, 15] + (gateway == nil ? [0, 0, 0, 0] : [10, 0, 2, 2])
        #expect(frame(request) == header(24, payload))
    }

    @Test func aFileHasItsRootPathAndContents() {
        #expect(
            frame(.replaceFile(root: "/r", path: "/etc/f", contents: "a\n"))
                == header(
                    25, text("/r") + text("/etc/f") + text("a\n")))
    }

    @Test func failuresNameTheCardAndTheFile() {
        func words(_ request: GuestRequest, _ errno: CInt) -> String {
            "\(AgentRequestError.guest(request, errno: errno))"
        }
        let card = GuestRequest.configureInterface(
            Self.card, IPv4Address(10, 0, 2, 15), prefixLength: 24, gateway: nil)
        #expect(
            words(card, 19)
                == "the guest cannot give the network card 52:54:00:01:02:03 the address 10.0.2.15: No such device")
        #expect(
            words(.replaceFile(root: "/r", path: "/etc/f", contents: ""), 28)
                == "the guest cannot write '/r/etc/f': No space left on device")
    }
}
