"""leftovers.py SWIFTLET KERNEL: a server that is killed leaves the files of its sockets behind. Nobody listens at them, and
the next one to be given the same paths takes their places.

The kernel is the payload `spin`."""

import os
import socket
import subprocess
import sys
import tempfile

from server import Server, wait_until


def connect(path):
    """What comes of it: None, or the error."""
    with socket.socket(socket.AF_UNIX) as client:
        try:
            client.connect(path)
        except OSError as error:
            return type(error)


def check_replaced(path, before):
    status = os.lstat(path)
    assert status.st_ino != before.st_ino or status.st_mtime_ns != before.st_mtime_ns, f"{path} is the old one"
    assert status.st_mode & 0o777 == 0o600, oct(status.st_mode)


def sockets_of_machines(program, kernel, directory):
    vsock, port = f"{directory}/vsock", f"{directory}/port"
    config = {"vsock": {"cid": 3, "socket": vsock}, "ports": [{"name": "p", "socket": port}]}
    first = Server(program)
    first.start(kernel, **config)
    before = {path: os.lstat(path) for path in (vsock, port)}
    # Nobody takes a path from who is alive.
    other = Server(program)
    answer = other.answer(other.send("vm.create", config={"kernel": {"path": kernel}, **config}))
    assert "error" in answer and "use" in answer["error"]["message"], answer
    other.end()
    assert connect(vsock) is None

    first.process.kill()
    first.process.wait()
    first.process.stdout.close()
    for path in (vsock, port):
        wait_until(lambda: connect(path) is ConnectionRefusedError, f"{path}: {connect(path)}")

    second = Server(program)
    second.start(kernel, **config)
    for path in (vsock, port):
        check_replaced(path, before[path])
        assert connect(path) is None, path
    second.end()
    assert os.listdir(directory) == []


def sockets_of_servers(program, directory):
    path = f"{directory}/control"

    def start():
        return subprocess.Popen([program, "serve", "--socket", path], stdin=subprocess.DEVNULL)

    first = start()
    wait_until(lambda: os.path.exists(path), "no socket")
    first.kill()
    first.wait()
    wait_until(lambda: connect(path) is ConnectionRefusedError, "somebody listens")

    second = start()
    with socket.socket(socket.AF_UNIX) as client:
        wait_until(lambda: client.connect_ex(path) == 0, "nobody listens")
        assert b'"method":"hello"' in client.recv(1 << 16)
    assert second.wait(30) == 0
    assert os.listdir(directory) == []


def main(program, kernel):
    with tempfile.TemporaryDirectory() as directory:
        sockets_of_machines(program, kernel, directory)
        sockets_of_servers(program, directory)


main(sys.argv[1], sys.argv[2])
