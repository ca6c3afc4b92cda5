"""A session in the lab, an emulated host with a real KVM: one script that does all that was asked for."""

import os
import select
import shlex
import shutil
import subprocess

from monitors import FLAT_PAYLOAD, Monitors
from report import Failure, note
from timing import forget_first, take

#: QEMU's firmware and option ROMs; each is looked for in the same places in the lab.
QEMU_FILES = [f"/usr/share/qemu/{name}" for name in (
    "bios-microvm.bin", "qboot.rom", "linuxboot_dma.bin", "pvh.bin")]

#: Seconds; twice what `marker` gives a command.
SILENCE = 120

#: Each function takes a peer's number, a text to wait for and a command; each line of output is what it is, this number
#: and the rest.
FUNCTIONS = r"""
messages() { sed "s/^/message $1 /" messages; }
timed() {
    number=$1 text=$2; shift 2
    echo "time $number $(./marker "$text" "$@" 2>messages)"
    messages $number
}
counted() {
    number=$1 text=$2; shift 2
    event=/sys/kernel/tracing/events/kvm/kvm_userspace_exit
    echo hist:keys=reason >$event/trigger
    echo "counted $number $(./marker "$text" "$@" 2>messages)"
    sed -n "s/.*reason: *\([0-9]*\) .*hitcount: *\([0-9]*\).*/exits $number \1 \2/p" $event/hist
    echo '!hist:keys=reason' >$event/trigger
    messages $number
}
idle() {
    number=$1 text=$2; shift 2
    : >output
    "$@" </dev/null >>output 2>messages &
    turn=0
    until grep -q "$text" output || [ $((turn += 1)) -gt 600 ]; do usleep 100000; done
    sleep 1
    sed "s/^/smaps $number /" /proc/$!/smaps
    kill -9 $!
    wait $! 2>/dev/null
    messages $number
}
"""


class Session:
    """Grows a script, runs it, and keeps what it printed."""

    def __init__(self, options):
        self.options = options
        self.qemu = shutil.which(options.qemu)
        self.monitors = Monitors("swiftlet", "./floor", "qemu-system-x86_64" if self.qemu else None,
                                 "lkvm" if options.lkvm else None, options.memory)
        self._script = [FUNCTIONS]
        self._peers = {}
        self._lines = {}

    def prepare(self, peer):
        """Runs a command whose output nobody wants."""
        self._script.append(f"{peer.environment} {shlex.join(peer.command)} >/dev/null 2>&1")

    def time_by_turns(self, marker, peers):
        for _ in range(self.options.runs + 1):
            for peer in peers:
                self._call("timed", marker, peer)

    def count_exits(self, marker, peers):
        for peer in peers:
            self._call("counted", marker, peer)

    def look_at_memory(self, marker, peers):
        for peer in peers:
            self._call("idle", marker, peer)

    def _call(self, function, marker, peer):
        number = str(id(peer))
        self._peers[number] = peer
        if peer.before:
            self._script.append(peer.before)
        self._script.append(f"{peer.environment} {function} {number} {shlex.join([marker, *peer.command])}".strip())

    def run(self, directory):
        """Runs the script with the initrd in `directory`, and gives the times to the peers."""
        with open(f"{directory}/script", "w") as file:
            file.write("\n".join(self._script) + "\n")
        with open(f"{directory}/flat", "wb") as file:
            file.write(FLAT_PAYLOAD)
        with subprocess.Popen(self._command(directory), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE) as process:
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

    def _command(self, directory):
        options = self.options
        files = [options.floor, options.marker, f"{options.firmware}/first-byte.elf",
                 *(f"{directory}/{name}" for name in ("script", "flat", "initrd")),
                 *(f"{options.kernel}/{name}" for name in ("vmlinux", "vmlinuz"))]
        programs = []
        if self.qemu:
            programs.append(self.qemu)
            files += [f"{path}:{path}" for path in QEMU_FILES]
        if options.lkvm:
            os.symlink(os.path.realpath(options.lkvm), f"{directory}/lkvm")
            programs.append(f"{directory}/lkvm")
        return [options.lab, "run", "--swiftlet", options.swiftlet, "--timeout", "24h",
                *(word for path in files for word in ("--file", path)),
                *(word for path in programs for word in ("--program", path)), "--", "sh", "script"]

    def _keep(self, line):
        kind, number, rest = (line.split(" ", 2) + ["", ""])[:3]
        if kind in ("time", "counted") and number in self._peers:
            note(f"  {self._peers[number].name}: {rest}")
        self._lines.setdefault((kind, number), []).append(rest)

    def lines(self, kind, peer):
        """What the script printed of this kind about this peer."""
        return self._lines.get((kind, str(id(peer))), [])
