"""Boots of a stock kernel with a disk and a network card, behind either transport."""

import tempfile

from devices import TRANSPORTS, Disk, Tap
from exits import by_kind, counts
from lab import Session
from report import spread, table
from stock import UP

#: MiB of each guest, and of the disk.
MEMORY = 256
DISK = 64

#: What the guest prints when it has found both.
DEVICES = "devices are up"


def measure(options, runs):
    session = Session(options, runs, MEMORY)
    session.prepare(f"truncate -s {DISK}M disk", "tunctl -t tap0", "ip link set tap0 up")
    devices = [Disk("disk"), Tap("tap0")]

    def peers(*arguments):
        return [session.monitors.ours_with(transport, devices, *arguments) for transport in TRANSPORTS]

    to_init, to_devices, counted = peers(), peers(), peers("-v")
    session.time_by_turns((UP, to_init), (DEVICES, to_devices))
    session.count_exits(DEVICES, counted)
    with tempfile.TemporaryDirectory(prefix="bench") as directory:
        session.initramfs(f"{directory}/initrd", "devices", job="transport",
                          modules="virtio_mmio,virtio_pci,virtio_blk,virtio_net")
        session.run(directory)
    rows = [[first.name, spread(first.marker, "s"), spread(second.marker, "s"), spread(second.exit, "s"),
             *counts(session, third)] for first, second, third in zip(to_init, to_devices, counted)]
    return (table(["monitor", "to /init, s", "to the devices, s", "to the exit, s", "exits to user space", "ports",
                   "memory-mapped", "others"], rows) + "\n\n" + by_kind(session, counted))
