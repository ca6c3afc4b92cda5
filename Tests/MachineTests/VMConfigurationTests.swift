import Devices
import Linux
import Machine
import MachineConfiguration
import Testing

@Suite struct VMConfigurationTests {
    @Test(
        arguments: [
            ("512M", 512 << 20), ("2G", 2 << 30), ("64KiB", 64 << 10), ("1t", 1 << 40), ("16mb", 16 << 20),
            ("0", 0), ("0K", 0),
        ] as [(String, UInt64)])
    func sizesAreReadAsPeopleWriteThem(text: String, bytes: UInt64) {
        #expect(ByteSize(text)?.bytes == bytes)
    }

    @Test(arguments: ["", "512", "M", "-1M", "1.5G", "12X", "1 G", "99999999999999999999M", "18446744073709551615T"])
    func otherTextIsNoSize(text: String) {
        #expect(ByteSize(text) == nil)
    }

    @Test(
        arguments: [(1 << 20, "1M"), (1536 << 20, "1536M"), (2 << 30, "2G"), (1000, "1000"), (0, "0")]
            as [(UInt64, String)])
    func sizesAreWrittenInTheirLargestUnit(bytes: UInt64, text: String) {
        #expect(ByteSize(bytes: bytes).description == text)
    }

    @Test(
        arguments: [
            ("1.5", 1500, "1.5"), ("150%", 1500, "1.5"), ("2", 2000, "2"), ("0.01", 10, "0.01"), ("1%", 10, "0.01"),
            ("12.5%", 125, "0.125"), ("0", 0, "0"), ("010", 10_000, "10"), ("4294967.295", .max, "4294967.295"),
        ] as [(String, UInt32, String)])
    func quotasAreCPUsOrPercentages(text: String, thousandths: UInt32, written: String) {
        #expect(CPUQuota(text)?.thousandths == thousandths)
        #expect(CPUQuota(text)?.description == written)
        #expect(CPUQuota(written)?.thousandths == thousandths)
    }

    @Test(arguments: [
        "", "%", ".", "1.", ".5", "1.%", "-1", "+1", "1.2345", "1.55%", "1 %", "1e3", "1.5.0", "4294967.296", "٣",
        "99999999999999999999", "1,5",
    ])
    func otherTextIsNoQuota(text: String) {
        #expect(CPUQuota(text) == nil)
    }

    @Test(
        arguments: [
            ("cpuWeight", 0, nil, nil), ("cpuWeight", 10_001, nil, nil), ("cpuWeight", .min, nil, nil),
            ("cpuQuota", nil, "0", nil), ("cpuQuota", nil, "0.009", nil), ("cpuQuota", nil, "1000.001", nil),
            ("ioWeight", nil, nil, 0), ("ioWeight", nil, nil, .max), (nil, 1, "1%", 10_000), (nil, 10_000, "1000", 1),
        ] as [(String?, Int?, String?, Int?)])
    func limitsHaveTheirRanges(field: String?, cpuWeight: Int?, quota: String?, ioWeight: Int?) {
        var configuration = VMConfiguration(kernel: .init(path: "vmlinux"))
        configuration.limits.cpuWeight = cpuWeight
        configuration.limits.cpuQuota = quota.flatMap { CPUQuota($0) }
        configuration.limits.ioWeight = ioWeight
        #expect(badField(configuration) == field.map { "/limits/\($0)" })
    }

    @Test func defaultsAreValid() throws {
        try VMConfiguration(kernel: .init(path: "vmlinux")).validate()
    }

    /// The configuration knows no device, and yet what devices can.
    @Test func limitsAreThoseOfWhatIsMade() {
        #expect(VMConfiguration.mostPorts == ConsoleDevice.mostPorts - 1)
        #expect(VMConfiguration.longestSocketPath == UnixSocket.longestPath)
    }

    private func withDisks(_ count: Int) -> VMConfiguration {
        var configuration = VMConfiguration(kernel: .init(path: "vmlinux"))
        configuration.disks = (0..<count).map { .init(id: "disk\($0)", path: "file\($0)") }
        return configuration
    }

    private func badField(_ configuration: VMConfiguration) -> String? {
        do throws(ConfigurationError) {
            try configuration.validate()
            return nil
        } catch {
            return error.field
        }
    }

    @Test func thereIsRoomForThirtyTwoDevicesOverMMIO() {
        var configuration = withDisks(31)
        configuration.entropy = true
        #expect(badField(configuration) == nil)
        configuration.vsock = .init(cid: 3, socket: "socket")
        #expect(badField(configuration) == "/transport")
        configuration.transport = .pci
        #expect(badField(configuration) == nil)
    }

    @Test func diskAndCardHaveDifferentIDs() {
        var configuration = withDisks(1)
        configuration.nets = [.init(id: "disk0")]
        configuration.nets[0].tap = "tap0"
        #expect(badField(configuration) == "/nets/0/id")
        configuration.nets[0].id = "net0"
        #expect(badField(configuration) == nil)
    }

    @Test(arguments: [(3, 1), (0xFFFF_FFFE, 96)] as [(UInt64, Int)])
    func vsockWithinItsBoundsIsValid(cid: UInt64, length: Int) throws {
        var configuration = VMConfiguration(kernel: .init(path: "vmlinux"))
        configuration.vsock = .init(cid: cid, socket: String(repeating: "s", count: length))
        try configuration.validate()
    }

    @Test(
        arguments: [
            ("/vsock/cid", 2, "s"), ("/vsock/cid", 0xFFFF_FFFF, "s"), ("/vsock/cid", .max, "s"),
            ("/vsock/socket", 3, ""),
            ("/vsock/socket", 3, "a\0b"), ("/vsock/socket", 3, String(repeating: "s", count: 97)),
        ] as [(String, UInt64, String)])
    func unusableVsockIsNamed(field: String, cid: UInt64, socket: String) throws {
        var configuration = VMConfiguration(kernel: .init(path: "vmlinux"))
        configuration.vsock = .init(cid: cid, socket: socket)
        do throws(ConfigurationError) {
            try configuration.validate()
            Issue.record("\(field) was accepted")
        } catch {
            #expect(error.field == field)
        }
    }

    @Test(arguments: [
        ("/cpus", 0, "512M", "k"), ("/cpus", 33, "512M", "k"), ("/memory", 1, "15M", "k"), ("/memory", 1, "17T", "k"),
        ("/memory", 1, "20000K", "k"), ("/kernel/path", 1, "512M", ""), ("/kernel/path", 1, "512M", "a\0b"),
    ])
    func unusableFieldIsNamed(field: String, cpus: Int, memory: String, path: String) throws {
        var configuration = VMConfiguration(kernel: .init(path: path))
        configuration.cpus = cpus
        configuration.memory = try #require(ByteSize(memory))
        do {
            try configuration.validate()
            Issue.record("\(field) was accepted")
        } catch {
            #expect(error.field == field)
        }
    }
}
