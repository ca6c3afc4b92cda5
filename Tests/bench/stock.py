"""What is measured in the lab: boots of a stock kernel, and start-up on a KVM that does without interpreting."""

import os
import re
import subprocess
import tempfile

import memory
from lab import Session
from monitors import WARM
from report import Failure, spread, table
from timing import above_floor_table, take

#: What the guest's /init prints first.
UP = "guest is up"

#: KVM_EXIT_IO and KVM_EXIT_MMIO of <linux/kvm.h>.
IO, MMIO = 2, 6


def measure(options, wanted):
    """Measures all of the parts in `wanted` in one session, and returns a text for each."""
    session = Session(options)
    for peer in stock_kernel(session, "quiet"):
        if WARM in peer.environment:
            session.prepare(peer)
    parts = [PARTS[name](session) for name in wanted]
    with tempfile.TemporaryDirectory(prefix="bench") as directory:
        subprocess.run([options.lab, "initramfs", "--init", f"{os.path.dirname(__file__)}/guest-init",
                        "--to", f"{directory}/initrd"], check=True)
        session.run(directory)
    return {name: part() for name, part in zip(wanted, parts)}


def stock_kernel(session, append):
    return session.monitors.stock_kernel("vmlinux", "vmlinuz", "initrd", append)


def first_byte(session):
    """From exec to a payload's first byte on stdout, and to the exit."""
    peers = session.monitors.bare_metal("first-byte.elf", "flat")
    session.time_by_turns("!", peers)
    return lambda: above_floor_table(peers, session.options.lkvm)


def boot(session):
    """From exec to the first line of /init, and to the exit."""
    peers = stock_kernel(session, "quiet")
    session.time_by_turns(UP, peers)
    return lambda: table(["monitor", "to /init, s", "to the exit, s"],
                         [[peer.name, spread(peer.marker, "s"), spread(peer.exit, "s")] for peer in peers])


def exits(session):
    """How often one boot, until it ends by a reset, comes back to user space and why."""
    peers = stock_kernel(session, "quiet")
    for peer in peers:
        if peer.name.startswith("swiftlet"):
            peer.command.append("-v")
    session.count_exits(UP, peers)

    def texts():
        rows = []
        for peer in peers:
            for line in session.lines("counted", peer):
                take(peer, line)
            counts = dict(map(int, line.split()) for line in session.lines("exits", peer))
            if not counts:
                raise Failure(peer.complaint("the lab's kernel counted no exits"))
            total = sum(counts.values())
            ports, mmio = counts.get(IO, 0), counts.get(MMIO, 0)
            rows.append([peer.name, *(f"{count:,}" for count in (total, ports, mmio, total - ports - mmio))])
        return (table(["monitor", "exits to user space", "ports", "memory-mapped", "others"], rows)
                + "\n\n" + by_kind(session, [peer for peer in peers if "-v" in peer.command]))

    return texts


def by_kind(session, peers):
    """The exits as `swiftlet run -v` counts them."""
    counted = {peer.name: dict(reversed(found) for line in session.lines("message", peer)
                               for found in re.findall(r"^swiftlet: +(\d+)  ([a-z].*)$", line)) for peer in peers}
    kinds = list(dict.fromkeys(kind for found in counted.values() for kind in found))
    return table(["exits of swiftlet by kind", *counted],
                 [[kind, *(f"{int(found.get(kind, 0)):,}" for found in counted.values())] for kind in kinds])


def idle_memory(session):
    """The monitor's own memory while the guest sleeps."""
    peers = stock_kernel(session, "quiet hold=1")
    session.look_at_memory(UP, peers)
    return lambda: memory.footprint_table(
        (peer.name, memory.footprint("\n".join(session.lines("smaps", peer)), session.options.memory))
        for peer in peers)


PARTS = {"lab-first-byte": first_byte, "lab-boot": boot, "lab-exits": exits, "lab-memory": idle_memory}
