"""The monitors and the commands that start them."""

from dataclasses import dataclass, field

from devices import QEMU_VIRTIO
from report import Failure

#: No option ROMs to run in the guest, and no command line of QEMU's own.
QEMU_MACHINE = "microvm,accel=kvm,isa-serial=on,x-option-roms=off,auto-kernel-cmdline=off"
#: The fastest of those tried. A kernel looks for a clock for seconds when there is none; PIT and PIC do it no harm.
QEMU_BARE_METAL = QEMU_MACHINE + ",pit=off,pic=off,rtc=off,acpi=off"
QEMU_KERNEL = QEMU_MACHINE + ",rtc=on"
#: What Swiftlet puts on a kernel's command line. reboot=t resets by a triple fault: left to itself, the default
#: machine's kernel tries ports for a minute.
QEMU_LINE = "console=ttyS0 reboot=t panic=-1 8250.nr_uarts=1"

#: A cache that has seen the kernel before, and one that is emptied every time.
WARM, COLD = "/tmp/warm", "/tmp/cold"

#: `mov dx, 0x3f8; mov al, '!'; out dx, al; mov al, 0xfe; out 0x64, al; 1: hlt; jmp 1b` in real mode. kvmtool has no PVH
#: entry and no debug exit port; it ends on the keyboard controller's reset.
FLAT_PAYLOAD = bytes.fromhex("ba f803 b0 21 ee b0 fe e6 64 f4 eb fd")


@dataclass
class Peer:
    """One way to do the work that is measured; times are in nanoseconds."""

    name: str
    command: list
    #: The command's exit status when all went well.
    status: int = 0
    #: What a shell runs before it, and what the environment has besides, as VARIABLE=VALUE.
    before: str = ""
    environment: str = ""
    marker: list = field(default_factory=list)
    exit: list = field(default_factory=list)
    errors: str = ""

    def complaint(self, text):
        return f"{self.name}: {text}; the command was:\n{' '.join(self.command)}\n{self.errors.strip()}"


@dataclass
class Monitors:
    """Where the programs are, on the machine that runs them."""

    swiftlet: str
    floor: str
    #: None when there is none.
    qemu: str | None
    lkvm: str | None
    #: MiB.
    memory: int

    def ours(self, name, kernel, *arguments, **more):
        return Peer(name, [self.swiftlet, "run", "--kernel", kernel, "--memory", f"{self.memory}M", *arguments], **more)

    def qemu_microvm(self, name, machine, kernel, *arguments, serial="stdio", **more):
        return Peer(name, [self.qemu, "-M", machine, "-m", f"{self.memory}M", "-nodefaults", "-no-user-config",
                           "-display", "none", "-serial", serial, "-no-reboot", "-kernel", kernel, *arguments], **more)

    def kvmtool(self, name, kernel, *arguments, **more):
        return Peer(name, [self.lkvm, "run", "--kernel", kernel, "--cpus", "1", "--mem", str(self.memory),
                           "--console", "serial", "--network", "mode=none", *arguments], **more)

    def bare_metal(self, payload, flat=None):
        """All that can run a payload, the floor first; kvmtool runs `flat` in its place."""
        peers = [Peer("the floor, in C", [self.floor, payload, str(self.memory)]), self.ours("swiftlet", payload)]
        if self.qemu:
            # QEMU makes 2n+1 of a debug exit with n.
            debug_exit = ("-device", "isa-debug-exit,iobase=0xf4,iosize=1")
            peers += [self.qemu_microvm("QEMU microvm, tuned", QEMU_BARE_METAL, payload, *debug_exit, status=1),
                      self.qemu_microvm("QEMU microvm", "microvm,accel=kvm", payload, *debug_exit, status=1)]
        if self.lkvm and flat:
            peers.append(self.kvmtool("kvmtool, in real mode", flat, "--initrd", "/dev/null"))
        return peers

    def stock_kernel(self, vmlinux, vmlinuz, initrd, append):
        """All that can boot a stock kernel; `append` goes to the end of its command line."""
        def ours(name, kernel, **more):
            return self.ours(name, kernel, "--initrd", initrd, "--append", append, **more)

        peers = [ours("swiftlet, vmlinux", vmlinux),
                 ours("swiftlet, vmlinuz seen before", vmlinuz, environment=f"XDG_CACHE_HOME={WARM}"),
                 ours("swiftlet, new vmlinuz", vmlinuz, before=f"rm -rf {COLD}",
                      environment=f"XDG_CACHE_HOME={COLD}")]
        if self.qemu:
            def qemu(name, machine, line, *arguments):
                return self.qemu_microvm(name, machine, vmlinux, "-initrd", initrd, "-append", f"{line} {append}",
                                         *arguments)

            peers += [qemu("QEMU microvm, tuned", QEMU_KERNEL, QEMU_LINE, "-cpu", "host"),
                      qemu("QEMU microvm", "microvm,accel=kvm", "console=ttyS0 reboot=t")]
        if self.lkvm:
            peers.append(self.kvmtool("kvmtool, vmlinuz", vmlinuz, "--initrd", initrd, "--params",
                                      f"console=ttyS0 {append}"))
        return peers

    def with_devices(self, transport, devices):
        """Swiftlet and QEMU, tuned, with the stock kernel, the same initramfs, the same devices."""
        return [self.ours_with(transport, devices), self.qemu_with(transport, devices)]

    def ours_with(self, transport, devices, *arguments):
        return self.ours(f"swiftlet, {transport.upper()}", "vmlinux", "--initrd", "initrd", "--append", "quiet",
                         "--transport", transport, *(word for device in devices for word in device.for_swiftlet()),
                         *arguments)

    def qemu_with(self, transport, devices, name="QEMU"):
        if not self.qemu:
            raise Failure("there is no QEMU to compare with; install it, or name it with --qemu")
        return self.qemu_microvm(f"{name}, {transport.upper()}",
                                 QEMU_KERNEL + (",pcie=on" if transport == "pci" else ""), "vmlinux",
                                 "-initrd", "initrd", "-append", f"{QEMU_LINE} quiet", "-cpu", "host",
                                 "-name", "bench,debug-threads=on", *QEMU_VIRTIO,
                                 *(word for device in devices for word in device.for_qemu(transport)))
