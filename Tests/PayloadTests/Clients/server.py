"""A `swiftlet serve` and its client, who knows no more than the protocol's messages."""

import json
import os
import select
import subprocess
import time


def wait_until(condition, what):
    # On a busy host KVM itself takes seconds to let go of a machine.
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline, what
        time.sleep(0.002)


def children(process):
    """The numbers of those that all its threads have started (proc(5), `children`)."""
    found = []
    for thread in os.listdir(f"/proc/{process}/task"):
        with open(f"/proc/{process}/task/{thread}/children") as file:
            found += file.read().split()
    return found


class Server:
    def __init__(self, program, *arguments, **options):
        """`options` are further ones of `subprocess.Popen`."""
        self.process = subprocess.Popen([program, "serve", *arguments], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        **options)
        os.set_blocking(self.process.stdin.fileno(), False)
        self.messages = []
        self._rest = b""
        self._last = 0

    def send_bytes(self, data):
        """Writes all of it, and reads meanwhile, since the server does not listen to who does not."""
        view = memoryview(data)
        while view:
            readable, writable, _ = select.select([self.process.stdout], [self.process.stdin], [], 30)
            assert readable or writable, "the server neither reads nor writes"
            if readable:
                self.receive()
            if writable:
                view = view[os.write(self.process.stdin.fileno(), view):]

    def receive(self):
        """Takes what there is, or waits for it.

        Returns false at the end."""
        piece = os.read(self.process.stdout.fileno(), 1 << 16)
        *lines, self._rest = (self._rest + piece).split(b"\n")
        for line in lines:
            message = json.loads(line)
            assert message["jsonrpc"] == "2.0", line
            self.messages.append(message)
        return bool(piece)

    def send(self, method, **params):
        self._last += 1
        identifier = f"request {self._last}"
        self.send_bytes(json.dumps(
            {"jsonrpc": "2.0", "id": identifier, "method": method, "params": params}).encode() + b"\n")
        return identifier

    def answer(self, identifier, timeout=30):
        deadline = time.monotonic() + timeout
        while True:
            for index, message in enumerate(self.messages):
                if "method" not in message and message["id"] == identifier:
                    return self.messages.pop(index)
            assert select.select([self.process.stdout], [], [], max(0, deadline - time.monotonic()))[0], \
                f"no answer to {identifier}"
            assert self.receive(), f"the server ended before it answered {identifier}"

    def call(self, method, **params):
        message = self.answer(self.send(method, **params))
        assert "result" in message, message
        return message["result"]

    def start(self, kernel, **config):
        self.call("vm.create", config={"memory": "64M", "kernel": {"path": kernel}, **config})
        return self.call("vm.start")

    def end(self):
        """Goes away as the client, and takes what is said until the server's end."""
        self.process.stdin.close()
        while self.receive():
            pass
        self.process.stdout.close()
        status = self.process.wait(60)
        assert status == 0, f"the server ended with status {status}"
