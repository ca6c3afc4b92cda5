"""Timing commands by turns."""

import os
import subprocess
import tempfile
from dataclasses import dataclass, field

from report import Failure, note


@dataclass
class Peer:
    """One way to do the work that is measured."""

    name: str
    command: list
    #: What the command's end must look like; otherwise the measurement means nothing.
    status: int = 0
    marker: list = field(default_factory=list)
    exit: list = field(default_factory=list)

    def add(self, line, errors):
        """Takes one line of the program `marker`: nanoseconds to the marker, to the exit, and the exit status."""
        marker, end, status = (int(word) for word in line.split())
        if marker < 0 or status != self.status:
            raise Failure(f"{self.name} ended with status {status} instead of {self.status}, "
                          f"{'without' if marker < 0 else 'with'} its marker; the command was:\n"
                          f"{' '.join(self.command)}\n{errors.strip()}")
        self.marker.append(marker)
        self.exit.append(end)


def time_by_turns(peers, program, marker, runs, cpu):
    """Runs every peer once untimed, and then all of them by turns, on one CPU."""
    allowed = os.sched_getaffinity(0)
    if cpu not in allowed:
        raise Failure(f"CPU {cpu} is not one of {sorted(allowed)}; name another with --cpu")
    os.sched_setaffinity(0, {cpu})
    try:
        for turn in range(runs + 1):
            for peer in peers:
                run_once(peer, program, marker)
                if turn == 0:
                    peer.marker.clear()
                    peer.exit.clear()
            note(f"  turn {turn} of {runs}")
    finally:
        os.sched_setaffinity(0, allowed)


def run_once(peer, program, marker):
    with tempfile.TemporaryFile("w+") as errors:
        result = subprocess.run([program, marker, *peer.command], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                stderr=errors, text=True)
        errors.seek(0)
        if result.returncode != 0:
            raise Failure(f"{program} failed: {errors.read().strip()}")
        peer.add(result.stdout, errors.read())
