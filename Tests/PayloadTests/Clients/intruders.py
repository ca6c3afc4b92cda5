"""intruders.py SWIFTLET KERNEL: whatever else writes to stdout, in the server's process or in its children, does not get
among the messages.

The kernel is the payload `spin`."""

import os
import subprocess
import sys
import tempfile

from server import Server, children, wait_until

#: In passt's place: writes to its own stdout, and to that of the process that started it. As passt does, it ends with its
#: socket, descriptor 3.
INTRUDER = """#!/bin/sh
echo intruder on its own stdout
echo intruder on its parent\\'s stdout >/proc/$PPID/fd/1
: >%s
exec /bin/cat <&3
"""


def file_of(process, descriptor):
    status = os.stat(f"/proc/{process}/fd/{descriptor}")
    return status.st_dev, status.st_ino


def main(program, kernel):
    with tempfile.TemporaryDirectory() as directory:
        witness = f"{directory}/witness"
        with open(f"{directory}/passt", "w") as file:
            file.write(INTRUDER % witness)
        os.chmod(f"{directory}/passt", 0o755)
        # receive() takes nothing but messages, all along.
        server = Server(program, stderr=subprocess.PIPE, env={"PATH": directory})
        process = server.process.pid
        messages = os.fstat(server.process.stdout.fileno())
        messages = (messages.st_dev, messages.st_ino)

        server.call("server.ping")
        assert file_of(process, 1) == file_of(process, 2) != messages, "descriptor 1 is not stderr's file"
        # As a library would in this process.
        with open(f"/proc/{process}/fd/1", "w") as stdout:
            print("intruder in the process", file=stdout)

        server.start(kernel, nets=[{"id": "net", "user": True}])
        wait_until(lambda: os.path.exists(witness), "passt was not started")
        assert file_of(process, 1) == file_of(process, 2), "descriptor 1 is not stderr's file any more"
        child, = children(process)
        for descriptor in os.listdir(f"/proc/{child}/fd"):
            assert file_of(child, descriptor) != messages, f"the child has the messages as its descriptor {descriptor}"

        assert server.call("vm.kill") == {"state": "stopped"}
        server.end()
        wait_until(lambda: not os.path.exists(f"/proc/{child}"), "the child is left")
        with server.process.stderr as errors:
            text = errors.read()
        assert text == b"intruder in the process\nintruder on its parent's stdout\n", text


main(sys.argv[1], sys.argv[2])
