"""stalled.py SWIFTLET KERNEL: stops reading while the guest prints without end. The guest's other work goes on, the
machine can be paused, the monitor does not grow, and nothing is lost once the client reads again.

The kernel is the payload `flood-disk`."""

import base64
import fcntl
import os
import sys
import tempfile
import time

from server import Server

HEAD = b"flooding the console\n"
LINE = bytes(range(ord("!"), ord("!") + 63)) + b"\n"
MOST_GROWTH = 1 << 20
PINGS = 100_000


class Stalled:
    def __init__(self, program, kernel, disk):
        self.disk = disk
        self.server = Server(program)
        # A page, so that it is full soon.
        fcntl.fcntl(self.server.process.stdout, fcntl.F_SETPIPE_SZ, 4096)
        self.server.start(kernel, disks=[{"id": "disk", "path": disk.name}])

    def memory(self):
        """What the process has written to, in bytes; with the guest's memory, of which this guest uses always the same.
        What it has of its program's file comes and goes."""
        with open(f"/proc/{self.server.process.pid}/smaps_rollup") as file:
            fields = dict(line.split(":", 1) for line in file if ":" in line)
        return {name: int(fields[name].split()[0]) << 10 for name in ("Anonymous", "Private_Dirty")}

    def writes(self):
        """How often the guest has written to its disk."""
        return int.from_bytes(os.pread(self.disk.fileno(), 8, 0), "little")

    def await_writes(self, what):
        before = self.writes()
        deadline = time.monotonic() + 30
        while self.writes() <= before:
            assert time.monotonic() < deadline, f"the guest writes nothing to its disk {what}"
            time.sleep(0.01)

    def await_stillness(self):
        deadline = time.monotonic() + 30
        before = None
        while (now := self.writes()) != before:
            assert time.monotonic() < deadline, "the guest writes to its disk while it is paused"
            before = now
            time.sleep(0.5)

    def console(self):
        texts = (message["params"] for message in self.server.messages if message.get("method") == "console.output")
        return b"".join(text["data"].encode() if "data" in text else base64.b64decode(text["base64"]) for text in texts)

    def check_growth(self, before):
        after = self.memory()
        for name, size in before.items():
            assert after[name] - size < MOST_GROWTH, f"{name} grew from {size} to {after[name]}"

    def check_console(self, least):
        console = self.console()
        assert console.startswith(HEAD), console[:100]
        flood = console[len(HEAD):]
        assert len(flood) >= least, len(flood)
        expected = (LINE * (len(flood) // len(LINE) + 1))[:len(flood)]
        assert flood == expected, next(place for place, pair in enumerate(zip(flood, expected)) if len(set(pair)) > 1)
        return len(flood)

    def stop_reading(self):
        # Once the client's and the monitor's buffers are full, the guest has time for its disk.
        before = self.memory()
        self.await_writes("while nobody reads")
        for _ in range(5):
            time.sleep(1)
            self.await_writes("while nobody reads")
        self.check_growth(before)

    def pause_unread(self):
        """The answers are read afterwards."""
        pausing = self.server.send("vm.pause")
        self.await_stillness()
        resuming = self.server.send("vm.resume")
        self.await_writes("after it was paused")
        return [(pausing, "paused"), (resuming, "running")]

    def flood_back(self):
        """Sends requests and reads no answers, until the server does not read either."""
        before = self.memory()
        line = b'{"jsonrpc":"2.0","id":%d,"method":"server.ping"}\n'
        requests = b"".join(line % number for number in range(PINGS))
        deadline = time.monotonic() + 60
        sent = 0
        last = time.monotonic()
        while time.monotonic() - last < 2:
            assert time.monotonic() < deadline and sent < len(requests), "the server takes any number of requests"
            try:
                sent += os.write(self.server.process.stdin.fileno(), requests[sent:sent + 4096])
                last = time.monotonic()
            except BlockingIOError:
                time.sleep(0.01)
        self.await_writes("while nobody reads answers")
        self.check_growth(before)
        rest = requests[sent:requests.index(b"\n", sent) + 1]
        self.server.send_bytes(rest)
        return requests[:sent].count(b"\n") + rest.count(b"\n")

    def run(self):
        server = self.server
        self.stop_reading()
        answers = self.pause_unread()
        count = self.flood_back()

        for identifier, state in answers:
            assert server.answer(identifier)["result"] == {"state": state}
        for number in range(count):
            assert server.answer(number)["result"] == {}
        printed = self.check_console(least=10_000)
        while self.check_console(least=10_000) < printed + 10_000:
            assert server.receive()
        assert server.call("vm.stats")["console"]["lostBytes"] == 0
        assert server.call("vm.kill") == {"state": "stopped"}
        server.end()
        self.check_console(least=printed)
        assert not any("id" in message for message in server.messages), "a request was answered twice"


def main(program, kernel):
    with tempfile.NamedTemporaryFile() as disk:
        disk.truncate(1 << 20)
        Stalled(program, kernel, disk).run()


main(sys.argv[1], sys.argv[2])
