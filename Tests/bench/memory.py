"""The memory that a monitor itself takes, as /proc/PID/smaps has it."""

import math
import re
import subprocess
import time
from dataclasses import dataclass

from report import Failure, table


@dataclass
class Footprint:
    #: kB: pages that the process wrote; these and file pages that no other process has mapped; all pages.
    written: int = 0
    private: int = 0
    resident: int = 0
    #: kB of the mappings left out because the guest's memory is in them.
    guest: int = 0


def footprint(smaps, guest_size):
    """Sums up all mappings smaller than the guest's memory of `guest_size` MiB; all where there is no guest yet, by None."""
    if guest_size is None:
        return _sum(smaps, math.inf)
    result = _sum(smaps, guest_size << 10)
    if result.guest == 0:
        raise Failure("no mapping is as large as the guest's memory; the monitor was gone, or maps it in pieces")
    return result


def _sum(smaps, guest_size):
    result = Footprint()
    size = 0
    for name, value in re.findall(r"^(\w+): +(\d+) kB$", smaps, re.MULTILINE):
        value = int(value)
        if name == "Size":
            size = value
            if size >= guest_size:
                result.guest += size
        elif size < guest_size:
            if name in ("Private_Clean", "Private_Dirty"):
                result.private += value
                result.written += value if name == "Private_Dirty" else 0
            elif name == "Rss":
                result.resident += value
    return result


def of_process(peer, marker, guest_size, settle=0.3):
    """The footprint of a monitor on this machine, some time after its guest has written `marker`."""
    process = subprocess.Popen(peer.command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    try:
        seen = b""
        while marker.encode() not in seen:
            piece = process.stdout.read1()
            if not piece:
                peer.errors = process.stderr.read().decode(errors="replace")
                raise Failure(peer.complaint("ended without its marker"))
            seen += piece
        time.sleep(settle)
        with open(f"/proc/{process.pid}/smaps") as file:
            return footprint(file.read(), guest_size)
    finally:
        process.kill()
        process.communicate()


def footprint_table(entries):
    """`entries` are pairs of a name and a footprint."""
    return table(["monitor", "written, MB", "private, MB", "resident, MB"],
                 [[name, *(f"{size / 1000:.2f}" for size in (found.written, found.private, found.resident))]
                  for name, found in entries])
