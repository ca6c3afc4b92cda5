import Machine
import MachineConfiguration
import Network
import Testing

struct NetConfigurationTests {
    private func configuration(_ nets: VMConfiguration.Net...) -> VMConfiguration {
        var configuration = VMConfiguration(kernel: .init(path: "vmlinux"))
        configuration.nets = nets
        return configuration
    }

    private func net(_ id: String = "net0", _ change: (inout VMConfiguration.Net) -> Void) -> VMConfiguration.Net {
        var net = VMConfiguration.Net(id: id)
        change(&net)
        return net
    }

    @Test func cardsOfEveryKindTogetherAreValid() throws {
        try configuration(
            net("a") { ($0.tap, $0.queues, $0.mtu) = ("tap0", 8, 65_520) }, net("b") { ($0.fd, $0.queues) = (3, 1) },
            net("c") { ($0.user, $0.mac) = (true, MACAddress("52:54:00:12:34:56")) },
            net("d") { ($0.tap, $0.bytesPerSecond) = ("tap1", 1000) }
        ).validate()
    }

    private static let unusable: [(String, @Sendable (inout VMConfiguration.Net) -> Void)] = [
        ("/nets/0", { _ in }), ("/nets/0", { ($0.tap, $0.user) = ("tap0", true) }),
        ("/nets/0", { ($0.tap, $0.fd) = ("tap0", 5) }), ("/nets/0", { $0.user = false }),
        ("/nets/0/fd", { $0.fd = 2 }), ("/nets/0/fd", { $0.fd = -1 }),
        ("/nets/0/mac", { ($0.user, $0.mac) = (true, MACAddress("01:00:00:00:00:00")) }),
        ("/nets/0/mac", { ($0.user, $0.mac) = (true, MACAddress("00:00:00:00:00:00")) }),
        ("/nets/0/mtu", { ($0.user, $0.mtu) = (true, 67) }),
        ("/nets/0/queues", { ($0.tap, $0.queues) = ("tap0", 0) }),
        ("/nets/0/queues", { ($0.tap, $0.queues) = ("tap0", 9) }),
        ("/nets/0/queues", { ($0.user, $0.queues) = (true, 2) }), ("/nets/0/queues", { ($0.fd, $0.queues) = (3, 2) }),
        ("/nets/0/bytesPerSecond", { ($0.user, $0.bytesPerSecond) = (true, 999) }),
        ("/nets/0/id", { ($0.user, $0.id) = (true, "") }), ("/nets/0/id", { ($0.user, $0.id) = (true, "vsock") }),
        ("/nets/0/mtu", { ($0.user, $0.mtu) = (true, 65_521) }),
    ]

    @Test(arguments: unusable.indices)
    func unusableFieldIsNamed(index: Int) {
        let (field, change) = Self.unusable[index]
        #expect(problem(configuration(net("net0", change)))?.field == field)
    }

    @Test func cardsDoNotShare() {
        let mac = MACAddress("52:54:00:12:34:56")
        let taps = configuration(net("a") { $0.tap = "tap0" }, net("b") { $0.tap = "tap0" })
        #expect(problem(taps)?.field == "/nets/1/tap")
        let ids = configuration(net { $0.tap = "tap0" }, net { $0.tap = "tap1" })
        #expect(problem(ids)?.field == "/nets/1/id")
        let macs = configuration(
            net("a") { ($0.tap, $0.mac) = ("tap0", mac) }, net("b") { ($0.tap, $0.mac) = ("tap1", mac) })
        #expect(problem(macs)?.field == "/nets/1/mac")
        let descriptors = configuration(net("a") { $0.fd = 5 }, net("b") { $0.fd = 5 })
        #expect(problem(descriptors)?.field == "/nets/1/fd")
    }

    private func problem(_ configuration: VMConfiguration) -> ConfigurationError? {
        do {
            try configuration.validate()
            return nil
        } catch {
            return error
        }
    }
}
