"""What is measured in the lab: boots of a stock kernel, and start-up on a KVM that does without interpreting."""

import os
import shlex
import tempfile

import memory
from exits import by_kind, counts
from lab import Session
from monitors import FLAT_PAYLOAD, WARM
from report import spread, table
from timing import above_floor_table

#: What the guest's /init prints first.
UP = "guest is up"


def measure(options, wanted):
    """Measures all of the parts in `wanted` in one session, and returns a text for each."""
    session = Session(options, options.runs, options.memory)
    for peer in stock_kernel(session, "quiet"):
        if WARM in peer.environment:
            session.prepare(f"{peer.environment} {shlex.join(peer.command)}")
    parts = [PARTS[name](session) for name in wanted]
    with tempfile.TemporaryDirectory(prefix="bench") as directory:
        session.initramfs(f"{directory}/initrd", "boot")
        session.supply(options.floor, f"{options.firmware}/first-byte.elf", f"{options.kernel}/vmlinuz")
        with open(f"{directory}/flat", "wb") as file:
            file.write(FLAT_PAYLOAD)
        session.supply(file.name)
        if options.lkvm:
            os.symlink(os.path.realpath(options.lkvm), f"{directory}/lkvm")
            session.supply_program(f"{directory}/lkvm")
        session.run(directory)
    return {name: part() for name, part in zip(wanted, parts)}


def stock_kernel(session, append):
    return session.monitors.stock_kernel("vmlinux", "vmlinuz", "initrd", append)


def first_byte(session):
    """From exec to a payload's first byte on stdout, and to the exit."""
    peers = session.monitors.bare_metal("first-byte.elf", "flat")
    session.time_by_turns(("!", peers))
    return lambda: above_floor_table(peers, session.options.lkvm)


def boot(session):
    """From exec to the first line of /init, and to the exit."""
    peers = stock_kernel(session, "quiet")
    session.time_by_turns((UP, peers))
    return lambda: table(["monitor", "to /init, s", "to the exit, s"],
                         [[peer.name, spread(peer.marker, "s"), spread(peer.exit, "s")] for peer in peers])


def exits(session):
    """How often one boot, until it ends by a reset, comes back to user space and why."""
    peers = stock_kernel(session, "quiet")
    for peer in peers:
        if peer.name.startswith("swiftlet"):
            peer.command.append("-v")
    session.count_exits(UP, peers)

    return lambda: (table(["monitor", "exits to user space", "ports", "memory-mapped", "others"],
                          [[peer.name, *counts(session, peer)] for peer in peers])
                    + "\n\n" + by_kind(session, [peer for peer in peers if "-v" in peer.command]))


def idle_memory(session):
    """The monitor's own memory while the guest sleeps."""
    peers = stock_kernel(session, "quiet hold=1")
    session.look_at_memory(UP, peers)
    return lambda: memory.footprint_table(
        (peer.name, memory.footprint("\n".join(session.lines("smaps", peer)), session.options.memory))
        for peer in peers)


PARTS = {"lab-first-byte": first_byte, "lab-boot": boot, "lab-exits": exits, "lab-memory": idle_memory}
