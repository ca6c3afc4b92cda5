import ArgumentParser
import Boot
import Glibc
import GuestMemory
import Machine
import MachineConfiguration

/// The flags of `swiftlet run` that describe the machine.
struct MachineOptions: ParsableArguments {
    @Option(help: "The kernel to boot, an ELF vmlinux or a bzImage (default: the host's own).")
    var kernel: String?

    @Option(help: "The initial RAM disk.")
    var initrd: String?

    @Option(parsing: .unconditionalSingleValue, help: "Added to the kernel command line; may be given more than once.")
    var append: [String] = []

    @Option(help: "How many vCPUs, 1 to 32.")
    var cpus = 1

    @Option(help: "The guest's memory, such as 512M or 2G.", transform: OptionValue.size)
    var memory = ByteSize(bytes: 512 << 20)

    @Option(help: "The host's pages behind the guest's memory.")
    var hugePages = HugePages.transparent

    @Option(
        help: "How the kernel is entered: pvh, linux64 (a bzImage then unpacks itself), or auto for the fastest.")
    var bootProtocol = BootProtocolChoice.automatic

    @Option(help: "How the guest reaches its virtio devices.")
    var transport = VMConfiguration.DeviceTransport.mmio

    @Option(
        parsing: .unconditionalSingleValue,
        help: ArgumentHelp(
            "A raw image or block device as a disk; may be given more than once.",
            discussion: """
                Beside its path: id=NAME, readonly, direct (past the host's page cache), serial=TEXT, queues=N, \
                queue-size=N, bps=BYTES and iops=N (limits a second). A comma in a path is written ',,'.
                """, valueName: "path=FILE[,...]"))
    var disk: [String] = []

    @Option(
        help: ArgumentHelp(
            "A network card; may be given more than once.",
            discussion: """
                tap=IFNAME connects it to a tap interface, fd=N to an open descriptor of one, user to the network of \
                this user through passt. Further keys: id=, mac=, mtu=, queues=, bps= (a limit in bytes a second).
                """,
            valueName: "tap=IFNAME[,mac=MAC]...|fd=N|user|none"))
    var net: [String] = []

    @Flag(help: "Give the guest a source of random bytes (virtio-rng).")
    var entropy = false

    @Option(
        defaultAsFlag: ByteSize(bytes: 0),
        help: ArgumentHelp(
            "Give the guest a memory balloon, by which it gives back memory that it has no use for, and at first this much.",
            valueName: "size"),
        transform: OptionValue.size)
    var balloon: ByteSize?

    @Option(help: "The guest's console: COM1, or hvc0.")
    var console = VMConfiguration.Console.Device.serial

    @Option(
        parsing: .unconditionalSingleValue,
        help: ArgumentHelp(
            """
            Give the guest /dev/virtio-ports/NAME, connected with clients of a Unix socket (name=NAME,socket=PATH) or \
            appended to a file (name=NAME,file=PATH); may be given more than once.
            """, valueName: "port"),
        transform: PortOption.port)
    var port: [VMConfiguration.Port] = []

    @Option(
        help: ArgumentHelp(
            """
            Connect the guest's vsock ports with Unix sockets: programs connect to PATH and write 'CONNECT port', the \
            guest's port P on the host is PATH_P.
            """, valueName: "cid=N,socket=PATH"),
        transform: VsockOption.vsock)
    var vsock: VMConfiguration.Vsock?

    /// The configuration that the flags describe, checked.
    func configuration() throws -> VMConfiguration {
        var configuration = VMConfiguration(
            kernel: .init(
                path: try kernel ?? Self.hostKernel(), initrd: initrd,
                append: append.isEmpty ? nil : append.joined(separator: " "), bootProtocol: bootProtocol))
        configuration.cpus = cpus
        configuration.memory = memory
        configuration.hugePages = hugePages
        configuration.transport = transport
        configuration.disks = try DiskOption.disks(disk)
        configuration.nets = try NetOption.nets(net)
        configuration.entropy = entropy
        configuration.balloon = balloon.map { size in
            var balloon = VMConfiguration.Balloon()
            balloon.size = size
            return balloon
        }
        configuration.console.device = console
        configuration.ports = port
        configuration.vsock = vsock
        try configuration.validate()
        return configuration
    }

    private static func hostKernel() throws -> String {
        var name = utsname()
        uname(&name)
        let release = withUnsafeBytes(of: name.release) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
        let path = "/boot/vmlinuz-\(release)"
        guard access(path, F_OK) == 0 else {
            throw ValidationError("no --kernel was given, and the host's own is not at \(path)")
        }
        return path
    }
}

/// Values of options whose text needs more than a conversion.
enum OptionValue {
    static func size(_ text: String) throws -> ByteSize {
        guard let size = ByteSize(text) else {
            throw ValidationError("'\(text)' is not a size; write a number and a unit, such as 512M or 2G")
        }
        return size
    }

    static func timeSpan(_ text: String) throws -> TimeSpan {
        guard let span = TimeSpan(text) else {
            throw ValidationError("'\(text)' is not a length of time; write a number and a unit, such as 90s or 10m")
        }
        return span
    }
}

extension HugePages: ExpressibleByArgument {}
extension BootProtocolChoice: ExpressibleByArgument {}
extension VMConfiguration.DeviceTransport: ExpressibleByArgument {}
extension VMConfiguration.Console.Device: ExpressibleByArgument {}
