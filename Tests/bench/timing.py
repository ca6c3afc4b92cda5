"""What the program `marker` says about a command, by turns with the others."""

import os
import statistics
import subprocess
import tempfile

from report import Failure, milliseconds, spread, table


def take(peer, line):
    """Takes one line of `marker`: nanoseconds to the marker and to the exit, and the exit status."""
    marker, end, status = (int(word) for word in line.split())
    if marker < 0:
        raise Failure(peer.complaint(f"ended with status {status} and without its marker"))
    if status != peer.status:
        raise Failure(peer.complaint(f"ended with status {status} instead of {peer.status}"))
    peer.marker.append(marker)
    peer.exit.append(end)


def time_by_turns(peers, program, marker, runs, cpu):
    """Runs every peer once untimed, and then all of them by turns, on one CPU of this machine."""
    allowed = os.sched_getaffinity(0)
    if cpu not in allowed:
        raise Failure(f"CPU {cpu} is not one of {sorted(allowed)}; name another with --cpu")
    os.sched_setaffinity(0, {cpu})
    try:
        for turn in range(runs + 1):
            for peer in peers:
                take(peer, run_once(peer, program, marker))
        forget_first(peers)
    finally:
        os.sched_setaffinity(0, allowed)


def forget_first(peers):
    for peer in peers:
        del peer.marker[0], peer.exit[0]


def run_once(peer, program, marker):
    with tempfile.TemporaryFile("w+", errors="replace") as errors:
        result = subprocess.run([program, marker, *peer.command], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                stderr=errors, text=True)
        errors.seek(0)
        peer.errors = errors.read()
    if result.returncode != 0:
        raise Failure(peer.complaint("could not be timed"))
    return result.stdout


def above_floor_table(peers, has_kvmtool):
    """First byte and exit of every peer, and how far they are from those of the first one in the same turn."""
    floor = peers[0]

    def above(own, least):
        if own is least:
            return "–"
        return milliseconds(statistics.median(a - b for a, b in zip(own, least)))

    text = table(["monitor", "to the first byte, ms", "above the floor", "to the exit, ms", "above the floor"],
                 [[peer.name, spread(peer.marker), above(peer.marker, floor.marker),
                   spread(peer.exit), above(peer.exit, floor.exit)] for peer in peers])
    return text if has_kvmtool else text + "\n\nkvmtool was not there to be measured (`LKVM=/path/to/lkvm`)."
