"""What is measured on this machine's own /dev/kvm: start-up."""

import os
import shutil
import statistics
import tempfile

from report import Failure, milliseconds, spread, table
from timing import Peer, time_by_turns

QEMU_MACHINE = "microvm,accel=kvm,pit=off,pic=off,rtc=off,isa-serial=on"
#: The fastest of those tried: no tables, no option ROMs and no command line to make.
QEMU_FASTEST = QEMU_MACHINE + ",acpi=off,x-option-roms=off,auto-kernel-cmdline=off"

#: `mov dx, 0x3f8; mov al, '!'; out dx, al; mov al, 0xfe; out 0x64, al; 1: hlt; jmp 1b` in real mode. kvmtool has no PVH
#: entry and no debug exit port; it ends on the keyboard controller's reset.
FLAT_PAYLOAD = bytes.fromhex("ba f803 b0 21 ee b0 fe e6 64 f4 eb fd")


def need_kvm():
    if not os.access("/dev/kvm", os.R_OK | os.W_OK):
        raise Failure("/dev/kvm cannot be used here; 'swiftlet doctor' says why, and --part lab does without it")


def qemu(options, machine):
    """QEMU's command for the payload, whose debug exit with 0 it turns into status 1."""
    return [options.qemu, "-M", machine, "-m", f"{options.memory}M", "-nodefaults", "-no-user-config",
            "-display", "none", "-serial", "stdio", "-device", "isa-debug-exit,iobase=0xf4,iosize=1",
            "-kernel", options.payload]


def first_byte(options):
    """Exec to the first byte of a bare-metal payload on stdout, and to the exit; a Markdown table."""
    need_kvm()
    floor = Peer("floor: the least that a monitor can do, in C", [options.floor, options.payload, str(options.memory)])
    ours = Peer("swiftlet", [options.swiftlet, "run", "--kernel", options.payload, "--memory", f"{options.memory}M"])
    peers = [floor, ours]
    if shutil.which(options.qemu):
        peers.append(Peer("QEMU microvm, fastest options", qemu(options, QEMU_FASTEST), status=1))
        peers.append(Peer("QEMU microvm", qemu(options, "microvm,accel=kvm"), status=1))
    with tempfile.NamedTemporaryFile(prefix="flat") as flat:
        if options.lkvm:
            flat.write(FLAT_PAYLOAD)
            flat.flush()
            peers.append(Peer("kvmtool, the same in real mode",
                              [options.lkvm, "run", "--kernel", flat.name, "--initrd", "/dev/null", "--cpus", "1",
                               "--mem", str(options.memory), "--console", "serial", "--network", "mode=none"]))
        time_by_turns(peers, options.marker, "!", options.runs, options.cpu)

    def above(peer, series):
        if peer is floor:
            return "–"
        pairs = zip(getattr(peer, series), getattr(floor, series))
        return milliseconds(statistics.median(own - least for own, least in pairs))

    rows = [[peer.name, spread(peer.marker), above(peer, "marker"), spread(peer.exit), above(peer, "exit")]
            for peer in peers]
    text = table(["monitor", "to the first byte, ms", "above the floor", "to the exit, ms", "above the floor"], rows)
    if not options.lkvm:
        text += "\n\nkvmtool was not there to be measured (`LKVM=/path/to/lkvm`)."
    return text


def start_up(options):
    """The bare program: `swiftlet --version`, and its size."""
    version = Peer("`swiftlet --version`", [options.swiftlet, "--version"])
    nothing = Peer("`/bin/echo`, for comparison", ["/bin/echo"])
    time_by_turns([version, nothing], options.marker, "\n", options.runs, options.cpu)
    size = os.stat(options.swiftlet).st_size
    return table(["command", "to the exit, ms"], [[peer.name, spread(peer.exit)] for peer in (version, nothing)]) + \
        f"\n\nThe program's file has {size / 1e6:.1f} MB."
