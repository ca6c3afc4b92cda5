import ArgumentParser
import Boot
import Glibc
import GuestMemory
import Machine
import MachineConfiguration

/// The flags of `swiftlet run` that describe the machine.
struct MachineOptions: ParsableArguments {
    private static let usual = VMConfiguration(kernel: .init(path: ""))

    @Option(
        help: ArgumentHelp(
            "A file with the machine's configuration as JSON; other options override what it says.",
            discussion: """
                Options that may be given more than once add to the file's lists; a disk, card or port with the id or \
                name of one in the file takes its place. Paths in it are relative to the working directory.
                """, valueName: "file.json"), completion: .file(extensions: ["json"]))
    var config: String?

    @Option(
        help: ArgumentHelp(
            "The kernel to boot, an ELF vmlinux or a bzImage (default: the highest version that 'swiftlet kernel list' has, else the host's own).",
            valueName: "file"),
        completion: .file())
    var kernel: String?

    @Option(help: ArgumentHelp("The initial RAM disk.", valueName: "file"), completion: .file())
    var initrd: String?

    @Option(
        parsing: .unconditionalSingleValue,
        help: ArgumentHelp("Added to the kernel command line; may be given more than once.", valueName: "text"))
    var append: [String] = []

    @Option(
        help: ArgumentHelp(
            "How many vCPUs, \(VMConfiguration.cpuRange.words) (default: \(usual.cpus)).", valueName: "number"))
    var cpus: Int?

    @Option(
        help: ArgumentHelp(
            "The guest's memory, such as 512M or 2G (default: \(usual.memory)).", valueName: "size"),
        transform: OptionValue.size)
    var memory: ByteSize?

    @Option(
        help: ArgumentHelp(
            """
            What backs the guest's memory: never huge pages, transparent ones where the host has them at hand, or \
            hugetlbfs, from its reserve (default: \(usual.hugePages.rawValue)).
            """, valueName: "pages"))
    var hugePages: HugePages?

    @Option(
        help: ArgumentHelp(
            """
            How the kernel is entered: pvh, linux64 (a bzImage then unpacks itself), or auto for the fastest (default: \
            \(usual.kernel.bootProtocol.rawValue)).
            """, valueName: "protocol"))
    var bootProtocol: BootProtocolChoice?

    @Option(
        help: """
            How the guest reaches its virtio devices: mmio boots fastest, pci has room for more and an interrupt for each \
            queue (default: \(usual.transport.rawValue)).
            """)
    var transport: VMConfiguration.DeviceTransport?

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
                this user through passt, which COMMAND finds ready for use. Further keys: id=, mac=, mtu=, queues=, \
                bps= (a limit in bytes a second). none takes away those of the --config.
                """,
            valueName: "tap=IFNAME|fd=N|user|none[,...]"))
    var net: [String] = []

    @Flag(inversion: .prefixedNo, help: "Give the guest a source of random bytes, virtio-rng (default: --no-entropy).")
    var entropy: Bool?

    @Option(
        defaultAsFlag: ByteSize(bytes: 0),
        help: ArgumentHelp(
            "Give the guest a memory balloon, by which it gives back memory that it has no use for, and at first this much.",
            valueName: "size"),
        transform: OptionValue.size)
    var balloon: ByteSize?

    @Option(
        help: ArgumentHelp(
            """
            The guest's console: serial for COM1, or virtio for hvc0 (default: \(usual.console.device.rawValue)).
            """, valueName: "device"))
    var console: VMConfiguration.Console.Device?

    @Option(
        parsing: .unconditionalSingleValue,
        help: ArgumentHelp(
            """
            Give the guest /dev/virtio-ports/NAME, connected with clients of a Unix socket (name=NAME,socket=PATH) or \
            appended to a file (name=NAME,file=PATH), which grows with all that the guest writes; may be given more than \
            once.
            """, valueName: "name=NAME,..."),
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

    @Option(
        parsing: .unconditionalSingleValue,
        help: ArgumentHelp(
            """
            A directory of the host that a command has as GUEST, read-only unless :rw follows. A guest without a command \
            mounts it with 'mount -t virtiofs GUEST DIRECTORY'. May be given more than once.
            """, valueName: "host:guest[:ro|:rw]"),
        transform: ShareOption.share)
    var share: [VMConfiguration.Share] = []

    @Option(
        help: ArgumentHelp(
            """
            The machine's share of processor time where other control groups want some, \(VMConfiguration.Limits.weightRange.words); \
            they have 100 by themselves.
            """, valueName: "number"))
    var cpuWeight: Int?

    @Option(
        help: ArgumentHelp(
            "How much processor time the machine may use: a number of CPUs, such as 1.5, or a percentage of one, 150%.",
            valueName: "cpus"),
        transform: OptionValue.cpuQuota)
    var cpuQuota: CPUQuota?

    @Option(
        help: ArgumentHelp(
            """
            The machine's share of disks' time where other control groups want some, \(VMConfiguration.Limits.weightRange.words); \
            they have 100 by themselves.
            """, valueName: "number"))
    var ioWeight: Int?

    /// The configuration of the file and the flags, which is not checked yet, and where it came from.
    func configuration() throws -> (VMConfiguration, ConfigurationOrigin) {
        let file = try config.map { try ConfigurationFile(path: $0) }
        var origin = ConfigurationOrigin(file: file)
        var configuration =
            try file?.configuration ?? VMConfiguration(kernel: .init(path: kernel ?? Self.usualKernel()))

        func override<Value>(_ field: WritableKeyPath<VMConfiguration, Value>, _ pointer: String, with value: Value?) {
            guard let value else { return }
            configuration[keyPath: field] = value
            origin.note(pointer)
        }
        override(\.kernel.path, "/kernel/path", with: kernel)
        override(\.kernel.initrd, "/kernel/initrd", with: initrd.map(Optional.some))
        override(\.kernel.bootProtocol, "/kernel/bootProtocol", with: bootProtocol)
        override(\.cpus, "/cpus", with: cpus)
        override(\.memory, "/memory", with: memory)
        override(\.hugePages, "/hugePages", with: hugePages)
        override(\.transport, "/transport", with: transport)
        override(\.entropy, "/entropy", with: entropy)
        override(\.console.device, "/console/device", with: console)
        override(\.vsock, "/vsock", with: vsock.map(Optional.some))
        override(\.limits.cpuWeight, "/limits/cpuWeight", with: cpuWeight.map(Optional.some))
        override(\.limits.cpuQuota, "/limits/cpuQuota", with: cpuQuota.map(Optional.some))
        override(\.limits.ioWeight, "/limits/ioWeight", with: ioWeight.map(Optional.some))
        if let balloon {
            configuration.balloon = configuration.balloon ?? VMConfiguration.Balloon()
            configuration.balloon?.size = balloon
            origin.note("/balloon/size")
        }
        if !append.isEmpty {
            configuration.kernel.append = ([configuration.kernel.append].compactMap { $0 } + append)
                .joined(separator: " ")
            origin.note("/kernel/append")
        }

        func add<Element>(_ elements: [Element], to list: inout [Element], _ pointer: String, id: (Element) -> String) {
            let ids = list.map(id)
            for element in elements {
                let index = ids.firstIndex(of: id(element)) ?? list.endIndex
                list.replaceSubrange(index..<min(index + 1, list.endIndex), with: [element])
                origin.note("\(pointer)/\(index)")
            }
        }
        add(try DiskOption.disks(disk, besides: configuration.disks), to: &configuration.disks, "/disks") { $0.id }
        if net.contains(NetOption.none) { configuration.nets = [] }
        add(try NetOption.nets(net, besides: configuration.nets), to: &configuration.nets, "/nets") { $0.id }
        add(port, to: &configuration.ports, "/ports") { $0.name }
        add(share, to: &configuration.shares, "/shares") { $0.tag }
        return (configuration, origin)
    }

    private static func usualKernel() throws -> String {
        if UserDirectories.data != nil, let kernel = try KernelCommand.store().kernels().first { return kernel.path }
        var name = utsname()
        uname(&name)
        let release = withUnsafeBytes(of: name.release) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
        let path = "/boot/vmlinuz-\(release)"
        guard access(path, F_OK) == 0 else {
            throw ValidationError(
                """
                no --kernel was given, there is none in 'swiftlet kernel list', and the host's own is not at \(path); add \
                one by 'swiftlet kernel add', or name one with --kernel FILE
                """)
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

    static func cpuQuota(_ text: String) throws -> CPUQuota {
        guard let quota = CPUQuota(text) else {
            throw ValidationError("'\(text)' is no amount of processor time; \(CPUQuota.advice)")
        }
        return quota
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
