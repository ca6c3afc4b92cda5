"""The control channel against QEMU's QMP: when it is there, how soon it answers, and what it takes while it waits."""

import json
import os
import statistics
import subprocess
import tempfile
import time

import memory
from local import monitors
from monitors import QEMU_BARE_METAL, Peer
from report import Failure, compared, table

#: Round trips of which a turn takes the median.
ROUNDS = 1000
#: Seconds from the greeting to the look at the memory.
SETTLE = 0.3


class Channel:
    """A monitor that was started, and its client."""

    def __init__(self, peer, pass_fds=()):
        self.peer = peer
        self.rest = b""
        self.errors = tempfile.TemporaryFile()
        self.begin = time.monotonic_ns()
        self.process = subprocess.Popen(peer.command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self.errors,
                                        pass_fds=pass_fds)
        self.line()
        self.greeted = time.monotonic_ns() - self.begin

    def line(self):
        while b"\n" not in self.rest:
            piece = os.read(self.process.stdout.fileno(), 1 << 16)
            if not piece:
                self.errors.seek(0)
                self.peer.errors = self.errors.read().decode(errors="replace")
                raise Failure(self.peer.complaint("ended before it answered"))
            self.rest += piece
        line, _, self.rest = self.rest.partition(b"\n")
        return line

    def send(self, request):
        os.write(self.process.stdin.fileno(), request)

    def call(self, request):
        """Sends it and waits for its answer; what comes besides is no matter."""
        self.send(request)
        while "id" not in (message := json.loads(self.line())):
            pass
        if "error" in message:
            raise Failure(self.peer.complaint(f"answered {request.decode().strip()} with {message['error']}"))

    def round_trips(self):
        """The median, in nanoseconds."""
        times = []
        for _ in range(ROUNDS):
            begin = time.monotonic_ns()
            self.send(self.PING)
            self.line()
            times.append(time.monotonic_ns() - begin)
        return statistics.median(times)

    def footprint(self):
        time.sleep(SETTLE)
        with open(f"/proc/{self.process.pid}/smaps") as file:
            return memory.footprint(file.read(), self.guest_size)

    def end(self):
        self.process.kill()
        self.process.wait()
        for file in (self.process.stdin, self.process.stdout, self.errors):
            file.close()


def request(method, **params):
    return json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": params}).encode() + b"\n"


class Ours(Channel):
    PING = request("server.ping")
    #: It has no guest before one is made.
    guest_size = None

    def __init__(self, monitors, payload):
        super().__init__(Peer("swiftlet", [monitors.swiftlet, "serve"]))
        self.config = {"memory": f"{monitors.memory}M", "kernel": {"path": payload}}

    def make_ready(self):
        self.call(request("vm.create", config=self.config))

    def go(self, text):
        """Starts the guest, and waits until it has printed `text`."""
        self.send(request("vm.start"))
        printed = ""
        while text not in printed:
            message = json.loads(self.line())
            if message.get("method") == "console.output":
                printed += message["params"]["data"]


def command(name):
    return json.dumps({"execute": name, "id": 1}).encode() + b"\n"


class QEMU(Channel):
    PING = command("query-status")

    def __init__(self, monitors, payload):
        self.guest_size = monitors.memory
        self.serial, other = os.pipe()
        peer = monitors.qemu_microvm(
            "QEMU microvm, tuned", QEMU_BARE_METAL, payload, "-device", "isa-debug-exit,iobase=0xf4,iosize=1",
            "-S", "-qmp", "stdio", "-add-fd", f"fd={other},set=1",
            # A pipe cannot be truncated.
            "-chardev", "file,id=serial,path=/dev/fdset/1,append=on", serial="chardev:serial")
        super().__init__(peer, (other,))
        os.close(other)

    def make_ready(self):
        self.call(command("qmp_capabilities"))

    def go(self, text):
        self.send(command("cont"))
        printed = b""
        while text.encode() not in printed:
            piece = os.read(self.serial, 1 << 16)
            if not piece:
                raise Failure(self.peer.complaint(f"ended without '{text}'"))
            printed += piece
        # That it resumes is said before the answer.
        while b'"return"' not in self.line():
            pass

    def end(self):
        super().end()
        os.close(self.serial)


WORKS = {
    "exec to the greeting, ms": 1e6,
    "exec to a machine that can be started, ms": 1e6,
    "round trip without a running machine, µs": 1e3,
    "round trip with a running machine, µs": 1e3,
    "start of the machine to the guest's first byte, ms": 1e6,
}


def turn(kind, monitors, firmware):
    """Nanoseconds, in the order of WORKS."""
    channel = kind(monitors, f"{firmware}/halt.elf")
    try:
        channel.make_ready()
        ready = time.monotonic_ns() - channel.begin
        waiting = channel.round_trips()
        # After the end of its only line, nothing comes but answers.
        channel.go("off\n")
        running = channel.round_trips()
    finally:
        channel.end()
    result = [channel.greeted, ready, waiting, running]
    channel = kind(monitors, f"{firmware}/first-byte.elf")
    try:
        channel.make_ready()
        begin = time.monotonic_ns()
        channel.go("!")
        result.append(time.monotonic_ns() - begin)
    finally:
        channel.end()
    return result


def footprint(kind, monitors, firmware):
    channel = kind(monitors, f"{firmware}/halt.elf")
    try:
        return channel.footprint()
    finally:
        channel.end()


def measure(options):
    programs = monitors(options)
    if not programs.qemu:
        raise Failure("there is no QEMU to compare with; install it, or name it with --qemu")
    kinds = {Ours: [], QEMU: []}
    allowed = os.sched_getaffinity(0)
    if options.cpu not in allowed:
        raise Failure(f"CPU {options.cpu} is not one of {sorted(allowed)}; name another with --cpu")
    os.sched_setaffinity(0, {options.cpu})
    try:
        for number in range(options.runs + 1):
            for kind, turns in kinds.items():
                found = turn(kind, programs, options.firmware)
                if number > 0:
                    turns.append(found)
    finally:
        os.sched_setaffinity(0, allowed)
    rows = [[work, *compared(*([found[index] / scale for found in turns] for turns in kinds.values()))]
            for index, (work, scale) in enumerate(WORKS.items())]
    memories = [("swiftlet serve, before vm.create", footprint(Ours, programs, options.firmware)),
                ("QEMU microvm, tuned, with -S", footprint(QEMU, programs, options.firmware))]
    return (table(["work", "swiftlet serve", "QEMU microvm, tuned", "ratio"], rows)
            + "\n\n" + memory.footprint_table(memories))
