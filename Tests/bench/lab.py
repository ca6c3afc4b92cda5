"""A session in the lab, an emulated host with a real KVM: one script that does all that was asked for."""

import os
import select
import shlex
import shutil
import subprocess

from monitors import Monitors
from report import Failure, note
from timing import forget_first, take

#: QEMU's firmware and option ROMs; each is looked for in the same places in the lab.
QEMU_FILES = [f"/usr/share/qemu/{name}" for name in (
    "bios-microvm.bin", "qboot.rom", "linuxboot_dma.bin", "pvh.bin")]

#: Seconds; twice what `marker` gives a command.
SILENCE = 120

HERE = os.path.dirname(__file__)


class Session:
    """Grows a script, runs it, and keeps what it printed."""

    def __init__(self, options, runs, memory, cpus=2):
        """`runs` turns of what is done by turns; `memory` MiB for each guest; `cpus` of the lab host,
        two so that a device's thread has one beside the guest's, as on any host that is worth measuring."""
        self.options = options
        self.runs = runs
        self.cpus = cpus
        qemu = shutil.which(options.qemu)
        self.monitors = Monitors("swiftlet", "./floor", "qemu-system-x86_64" if qemu else None,
                                 "lkvm" if options.lkvm else None, memory)
        with open(f"{HERE}/lab-host.sh") as file:
            self._script = [file.read()]
        self._arguments = []
        self._peers = {}
        self._lines = {}
        self.supply(options.marker, f"{options.kernel}/vmlinux")
        if qemu:
            self.supply_program(qemu)
            self.supply(*(f"{path}:{path}" for path in QEMU_FILES))

    def supply(self, *files):
        """Gives the lab host files, to be found by their names in the script's directory, or given as HOST:GUEST."""
        self._arguments += (word for file in files for word in ("--file", file))

    def supply_program(self, path):
        self._arguments += ["--program", path]

    def initramfs(self, path, init, *arguments, job=None, modules=None):
        """Makes the guests' initramfs `path` and supplies it; /init and /job are those files of `guests`."""
        if job:
            arguments += ("--file", f"{HERE}/guests/{job}:/job")
        if modules:
            arguments += ("--modules", f"{self.options.kernel}/modules:{modules}")
        subprocess.run([self.options.lab, "initramfs", "--to", path, "--init", f"{HERE}/guests/{init}", *arguments],
                       check=True)
        self.supply(path)

    def prepare(self, *commands):
        """Runs shell commands whose output nobody wants, and which must not fail."""
        self._script += [f"{command} >/dev/null || exit" for command in commands]

    def time_by_turns(self, *groups):
        """Pairs of a marker and the peers that will print it."""
        for _ in range(self.runs + 1):
            for marker, peers in groups:
                for peer in peers:
                    self._call("timed", peer, marker)

    def count_exits(self, marker, peers):
        for peer in peers:
            self._call("counted", peer, marker)

    def look_at_memory(self, marker, peers):
        for peer in peers:
            self._call("idle", peer, marker)

    def observe_by_turns(self, peers):
        for _ in range(self.runs):
            for peer in peers:
                self._call("observed", peer)

    def work_by_turns(self, peers):
        for _ in range(self.runs):
            for peer in peers:
                self._call("worked", peer)

    def _call(self, function, peer, *words):
        number = str(id(peer))
        self._peers[number] = peer
        if peer.before:
            self._script.append(peer.before)
        self._script.append(f"{peer.environment} {function} {number} {shlex.join([*words, *peer.command])}".strip())

    def run(self, directory):
        """Runs the script, by way of a file in `directory`, and gives the times to the peers."""
        with open(f"{directory}/script", "w") as file:
            file.write("\n".join(self._script) + "\n")
        command = [self.options.lab, "run", "--swiftlet", self.options.swiftlet, "--timeout", "24h", "--cpus", str(self.cpus),
                   *self._arguments, "--file", f"{directory}/script", "--", "sh", "script"]
        with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE) as process:
            self._listen(process)
        if process.returncode != 0:
            raise Failure(f"the lab ended with status {process.returncode}")
        for number, peer in self._peers.items():
            peer.errors = "\n".join(self.lines("message", peer)[-20:])
            for line in self.lines("time", peer):
                take(peer, line)
        forget_first([peer for peer in self._peers.values() if peer.marker])

    def _listen(self, process):
        """Keeps all that the lab prints, for as long as it does so."""
        rest = b""
        while True:
            if not select.select([process.stdout], [], [], SILENCE)[0]:
                process.terminate()
                raise Failure(f"the lab was silent for {SILENCE} s and hangs, as an emulated host can; run it again")
            piece = os.read(process.stdout.fileno(), 1 << 16)
            if not piece:
                return
            *lines, rest = (rest + piece).split(b"\n")
            for line in lines:
                self._keep(line.decode(errors="replace"))

    def _keep(self, line):
        kind, number, rest = (line.split(" ", 2) + ["", ""])[:3]
        if kind in ("time", "counted", "ended") and number in self._peers:
            note(f"  {self._peers[number].name}: {rest}")
        self._lines.setdefault((kind, number), []).append(rest)

    def lines(self, kind, peer):
        """What the script printed of this kind about this peer."""
        return self._lines.get((kind, str(id(peer))), [])
