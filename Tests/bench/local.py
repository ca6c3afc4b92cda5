"""What is measured on this machine's own /dev/kvm, with bare-metal payloads."""

import os
import shutil
import tempfile

import memory
from monitors import FLAT_PAYLOAD, Monitors, Peer
from report import Failure, spread, table
from timing import above_floor_table, time_by_turns


def monitors(options):
    if not os.access("/dev/kvm", os.R_OK | os.W_OK):
        raise Failure("/dev/kvm cannot be used here; 'swiftlet doctor' says why, and the parts named lab-* do without")
    return Monitors(options.swiftlet, options.floor, shutil.which(options.qemu), options.lkvm, options.memory)


def first_byte(options):
    """From exec to the payload's first byte on stdout, and to the exit."""
    with tempfile.NamedTemporaryFile(prefix="flat") as flat:
        flat.write(FLAT_PAYLOAD)
        flat.flush()
        peers = monitors(options).bare_metal(f"{options.firmware}/first-byte.elf", flat.name)
        time_by_turns(peers, options.marker, "!", options.runs, options.cpu)
    return above_floor_table(peers, options.lkvm)


def idle_memory(options):
    """The monitor's own memory while a payload halts."""
    # The floor is no monitor for payloads that want more than their first instruction.
    peers = monitors(options).bare_metal(f"{options.firmware}/halt.elf")[1:]
    return memory.footprint_table((peer.name, memory.of_process(peer, "halting", options.memory)) for peer in peers)


def start_up(options):
    """The bare program: `swiftlet --version`, and its size."""
    peers = [Peer("`swiftlet --version`", [options.swiftlet, "--version"]),
             Peer("`/bin/echo`, for comparison", ["/bin/echo"])]
    time_by_turns(peers, options.marker, "\n", options.runs, options.cpu)
    size = os.stat(options.swiftlet).st_size
    return (table(["command", "to the exit, ms"], [[peer.name, spread(peer.exit)] for peer in peers])
            + f"\n\nThe program's file has {size / 1e6:.1f} MB.")
