"""Disks of a stock kernel in the lab, under fio."""

import re
import tempfile
from dataclasses import dataclass

from devices import TRANSPORTS, Disk
from lab import Session
from observation import observations
from report import Failure, compared, table

#: MiB of each guest, which has fio with 80 MB of libraries in its initramfs, and of each disk.
MEMORY = 512
DISK = 256

FIO = "/usr/bin/fio"

#: What each is called, and the disk by its serial number.
MEDIA = [("a file in /dev/shm", Disk("/dev/shm/disk", serial="memory")),
         ("a file opened with O_DIRECT", Disk("disk", direct=True, serial="direct"))]


@dataclass
class Work:
    """fio's options; the bytes of an operation; what of its report is shown, as pairs of a line's name and a function
    of its fields."""

    name: str
    options: str
    block: int
    shown: list


def read_operations(fields):
    return float(fields[7])


def write_operations(fields):
    return float(fields[48])


def mebibytes_read(fields):
    return float(fields[6]) / 1024


def percentile(wanted):
    """Of the reads, in µs."""
    return lambda fields: next(float(field.split("=")[1]) for field in fields if field.startswith(f"{wanted:.6f}%="))


WORKS = [
    Work("4 KiB random reads, 1 at a time", "--rw=randread --bs=4k --ioengine=psync", 4096,
         [("median, µs", percentile(50)), ("99th percentile, µs", percentile(99)), ("a second", read_operations)]),
    Work("4 KiB random reads, 32 at a time", "--rw=randread --bs=4k --ioengine=libaio --iodepth=32", 4096,
         [("a second", read_operations)]),
    Work("128 KiB sequential reads, 8 at a time", "--rw=read --bs=128k --ioengine=libaio --iodepth=8", 131072,
         [("MiB/s", mebibytes_read)]),
    Work("4 KiB random writes, 32 at a time", "--rw=randwrite --bs=4k --ioengine=libaio --iodepth=32", 4096,
         [("a second", write_operations)]),
]

#: Of an observation.
COSTS = {"others, µs": lambda observation: observation.others / 1e3,
         "vCPU, µs": lambda observation: observation.vcpus / 1e3,
         "exits": lambda observation: observation.exits}


def measure(options, runs):
    session = Session(options, runs, MEMORY)
    # Written, for a file without blocks reads as nothing.
    session.prepare(*(f"dd if=/dev/zero of={disk.path} bs=1M count={DISK} conv=fsync 2>&1" for _, disk in MEDIA))
    peers = [peer for transport in TRANSPORTS
             for peer in session.monitors.with_devices(transport, [disk for _, disk in MEDIA])]
    session.observe_by_turns(peers)
    works = [(disk.serial, work) for _, disk in MEDIA for work in WORKS]
    with tempfile.TemporaryDirectory(prefix="bench") as directory:
        with open(f"{directory}/works", "w") as file:
            file.writelines(f"{number} {serial} {work.options}\n" for number, (serial, work) in enumerate(works))
        session.initramfs(f"{directory}/initrd", "devices", "--program", FIO, "--file", f"{file.name}:/works",
                          job="block", modules="virtio_mmio,virtio_pci,virtio_blk")
        session.run(directory)
    found = [observations(session, peer, range(len(works))) for peer in peers]
    return tables([(medium, work) for medium, _ in MEDIA for work in WORKS], found)


def tables(works, found):
    """`found` has each peer's observations by a work's number."""
    rows, costs = [], []
    for number, (medium, work) in enumerate(works):
        seen = [peer[number] for peer in found]

        def cells(figure):
            values = [[figure(observation) for observation in peer] for peer in seen]
            return compared(*values[:2]) + compared(*values[2:])

        for name, figure in work.shown:
            rows.append([medium, f"{work.name}: {name}", *cells(lambda observation: figure(fields(observation)))])
        for name, cost in COSTS.items():
            costs.append([medium, f"{work.name}: {name}",
                          *cells(lambda observation: cost(observation) * work.block / observation.bytes)])
    head = ["disk", "work", "swiftlet, MMIO", "QEMU, MMIO", "ratio", "swiftlet, PCI", "QEMU, PCI", "ratio"]
    return (f"{table(head, rows)}\n\nWhat one operation costs: CPU time of the vCPU's thread and of all others, and "
            f"exits to user space:\n\n{table(head, costs)}")


def fields(observation):
    """Of fio's terse report, version 3."""
    result = observation.result.split(";")
    if len(result) < 50 or not re.fullmatch(r"3;fio-.*;0", ";".join(result[:5])):
        raise Failure(f"fio failed in the guest: {observation.result}")
    return result
