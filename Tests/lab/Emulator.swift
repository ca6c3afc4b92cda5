import Glibc
import Linux

/// The emulated machine: QEMU's arguments and the process.
struct Emulator {
    static let program = "qemu-system-x86_64"

    let kernel: KernelDirectory
    let initramfs: String
    let cpus: Int
    /// Bytes.
    let memory: Int
    /// Added to the kernel's command line.
    let append: String
    /// kHz of the machine's time stamp counter.
    let timestampRate: Int
    /// Whether the kernel should say all it has to say on its console.
    let verbose: Bool

    /// Connections to the machine, from `start` on.
    struct Channels {
        /// The emulator's own messages.
        let log: Connection
        /// The kernel's console, a serial port.
        let console: Connection
        let ports: [HostPort: Connection]

        init() throws {
            log = try Connection()
            console = try Connection()
            ports = try Dictionary(uniqueKeysWithValues: HostPort.allCases.map { ($0, try Connection()) })
        }

        var all: [Connection] { [log, console] + ports.values }
    }

    func start(disk: TemporaryFile, channels: Channels) throws -> ChildProcess {
        var descriptors: [CInt: CInt] = [:]
        for number in CInt(1)...2 { descriptors[number] = channels.log.theirs }
        var next: CInt = 3
        func handOn(_ descriptor: CInt?) -> CInt {
            descriptors[next] = descriptor
            next += 1
            return next - 1
        }

        var arguments = [Self.program] + machineArguments
        arguments += ["-kernel", kernel.vmlinux, "-initrd", initramfs, "-append", commandLine]
        arguments += ["-chardev", "socket,id=console,fd=\(handOn(channels.console.theirs))"]
        arguments += ["-serial", "chardev:console", "-device", "virtio-serial-device"]
        for port in HostPort.allCases {
            let descriptor = handOn(channels.ports[port]?.theirs)
            arguments += ["-chardev", "socket,id=port\(port.rawValue),fd=\(descriptor)"]
            arguments += ["-device", "virtserialport,chardev=port\(port.rawValue),nr=\(port.rawValue)"]
        }
        // Nobody needs the disk after a crash of the host, so nothing need be flushed.
        let diskPath = "/proc/self/fd/\(handOn(disk.descriptor))"
        arguments += ["-drive", "file=\(diskPath),if=none,id=disk,format=raw,cache=unsafe"]
        arguments += ["-device", "virtio-blk-device,drive=disk"]

        let child = try ChildProcess(arguments, package: "qemu-system-x86", descriptors: descriptors)
        for connection in channels.all { connection.closeTheirs() }
        return child
    }

    private var machineArguments: [String] {
        [
            "-nodefaults", "-no-user-config", "-display", "none",
            // The kernel's panic and its reboot end the emulator, which is how we hear of them.
            "-no-reboot",
            // One host thread for each CPU, and room for all code that a kernel and a guest run.
            "-accel", "tcg,thread=multi,tb-size=512",
            // ACPI for the virtio-mmio devices, a serial port for the console, and the PIT, PIC and RTC without which
            // the kernel waits for devices that never answer.
            "-M", "microvm,acpi=on,isa-serial=on,pit=on,pic=on,rtc=on",
            // All that can be emulated, SVM with nested paging above all; but not ERMS, with which the kernel copies by
            // `rep movsb`: that is emulated byte by byte.
            "-cpu", "max,erms=off",
            "-smp", "\(cpus)", "-m", "\(memory >> 20)",
        ]
    }

    private var commandLine: String {
        var parts = [
            "console=ttyS0", verbose ? "loglevel=7" : "loglevel=4",
            // Panic: reboot at once, and by the way that works on this machine.
            "panic=-1", "reboot=t",
            // Work-arounds for real CPUs only cost time in an emulated one.
            "mitigations=off",
            // Calibrating the time stamp counter, or watching it, fails on a busy machine, and then the kernel hangs.
            "tsc=reliable", "tsc_early_khz=\(timestampRate)", "no_timer_check",
            // The same rate in loops per tick (at 250 Hz), or the second CPU waits to measure it.
            "lpj=\(timestampRate * 4)",
            // Random numbers at once: nothing else here makes any.
            "random.trust_cpu=on",
            // Less waiting while devices and modules are set up.
            "rcupdate.rcu_expedited=1", "cryptomgr.notests",
        ]
        // QEMU 7.2 leaves wrong flags behind after cmpxchg16b, on which kernels from 6.12 on panic now and then.
        if kernel.isAtLeast(major: 6, minor: 12) { parts.append("clearcpuid=cx16") }
        if !append.isEmpty { parts.append(append) }
        return parts.joined(separator: " ")
    }
}
