import Glibc
import Linux

/// The emulated machine: QEMU's arguments and the process.
struct Emulator {
    static let program = "qemu-system-x86_64"
    static let package = "qemu-system-x86"

    let kernel: KernelDirectory
    let initramfs: String
    /// With several, kernels in the lab fail now and then: QEMU's threads for CPUs translate code that another changes,
    /// and may keep what was there before. A kernel that patches itself while all CPUs run then meets a breakpoint that
    /// is gone, or the old code for ever: 1 of 40 guests with two CPUs panicked, and hosts hung.
    let cpus: Int
    /// Bytes.
    let memorySize: Int
    /// Added to the kernel's command line.
    let append: String
    /// kHz of the machine's time stamp counter.
    let timestampRate: Int
    /// Whether the kernel should say all it has to say on its console.
    let verbose: Bool

    /// Where the machine's memory is.
    enum Memory {
        case anonymous
        /// In a file, whose contents a shared mapping changes.
        case file(String, isShared: Bool)
    }

    /// The file with the state, as the emulator knows it: for `MachineProtocol`.
    static let stateDescriptor: CInt = 3
    private static let diskDescriptor: CInt = 4
    private static let consoleDescriptor: CInt = 5
    private static let monitorDescriptor: CInt = 6
    private static let firstPortDescriptor: CInt = 7

    /// All that makes one machine differ from another when it has booted. The rate is never measured quite the same.
    var identity: String {
        let rate = "\((timestampRate + 500) / 1000)"
        let line = commandLine.replacing("\(timestampRate * 4)", with: rate).replacing("\(timestampRate)", with: rate)
        return (machineArguments + deviceArguments + [kernel.origin, initramfs, line]).joined(separator: " ")
    }

    /// - Parameter state: a file that the machine's state will be loaded from, until when it is stopped; without one,
    ///   the machine boots.
    func start(
        disk: TemporaryFile, channels: Channels, memory: Memory = .anonymous, state: CInt? = nil
    ) throws -> ChildProcess {
        var arguments = [Self.program] + machineArguments
        switch memory {
        case .anonymous: arguments += ["-M", Self.machine]
        case .file(let path, let isShared):
            arguments += ["-M", "\(Self.machine),memory-backend=memory", "-object"]
            arguments.append(
                "memory-backend-file,id=memory,size=\(memorySize),mem-path=\(path),share=\(isShared ? "on" : "off")")
        }
        arguments += ["-kernel", kernel.vmlinux, "-initrd", initramfs, "-append", commandLine] + deviceArguments
        arguments += [
            "-chardev", "socket,id=monitor,fd=\(Self.monitorDescriptor)", "-mon", "chardev=monitor,mode=control",
        ]

        var descriptors: [CInt: CInt] = [
            1: channels.log.theirs, 2: channels.log.theirs, Self.diskDescriptor: disk.descriptor,
            Self.consoleDescriptor: channels.console.theirs, Self.monitorDescriptor: channels.monitor.theirs,
        ]
        for port in HostPort.allCases { descriptors[Self.descriptor(of: port)] = channels.ports[port]?.theirs }
        if let state {
            descriptors[Self.stateDescriptor] = state
            arguments += ["-incoming", "defer"]
        }
        let child = try ChildProcess(arguments, package: Self.package, descriptors: descriptors)
        channels.closeTheirs()
        return child
    }

    private static func descriptor(of port: HostPort) -> CInt { firstPortDescriptor + CInt(port.rawValue) }

    /// ACPI for the virtio-mmio devices, a serial port for the console, and the PIT, PIC and RTC without which the
    /// kernel waits for devices that never answer.
    private static let machine = "microvm,acpi=on,isa-serial=on,pit=on,pic=on,rtc=on"

    private var machineArguments: [String] {
        [
            "-nodefaults", "-no-user-config", "-display", "none",
            // The kernel's panic and its reboot end the emulator, which is how we hear of them.
            "-no-reboot",
            // One thread for each CPU, and room for all code that a kernel and a guest run.
            "-accel", "tcg,thread=multi,tb-size=512",
            // All that can be emulated, SVM with nested paging above all; but not ERMS, with which the kernel copies by
            // `rep movsb`: that is emulated byte by byte.
            "-cpu", "max,erms=off",
            "-smp", "\(cpus)", "-m", "\(memorySize >> 20)",
        ]
    }

    private var deviceArguments: [String] {
        var arguments = [
            "-chardev", "socket,id=console,fd=\(Self.consoleDescriptor)", "-serial", "chardev:console",
            // As the standard has it, or QEMU's virtio-mmio is the one of before virtio 1.0.
            "-global", "virtio-mmio.force-legacy=false",
            "-device", "virtio-serial-device",
        ]
        for port in HostPort.allCases {
            arguments += ["-chardev", "socket,id=port\(port.rawValue),fd=\(Self.descriptor(of: port))"]
            arguments += ["-device", "virtserialport,chardev=port\(port.rawValue),nr=\(port.rawValue)"]
        }
        // Nobody needs the disk after a crash of the host, so nothing need be flushed.
        let disk = "file=/proc/self/fd/\(Self.diskDescriptor),if=none,id=disk,format=raw,cache=unsafe"
        return arguments + ["-drive", disk, "-device", "virtio-blk-device,drive=disk"]
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
