"""killings.py SWIFTLET KERNEL COUNT: kills the client, the monitor or both at a random moment. No process remains, and nobody
listens at a socket any more.

killings.py client SWIFTLET KERNEL DIRECTORY is such a client: it tells the monitor's process id."""

import os
import random
import signal
import socket
import subprocess
import sys
import tempfile
import time

from server import Server, wait_until


def be_client(program, kernel, directory):
    server = Server(program)
    print(server.process.pid, flush=True)
    server.start(kernel, disks=[{"id": "disk", "path": f"{directory}/disk"}],
                 vsock={"cid": 3, "socket": f"{directory}/vsock"}, ports=[{"name": "p", "socket": f"{directory}/port"}])
    while server.receive():
        pass


def is_gone(pid):
    """A zombie counts: whoever inherits it has to collect it."""
    try:
        with open(f"/proc/{pid}/stat") as file:
            return file.read().rpartition(")")[2].split()[0] == "Z"
    except (FileNotFoundError, ProcessLookupError):
        return True


def listens(path):
    with socket.socket(socket.AF_UNIX) as client:
        try:
            client.connect(path)
            return True
        except OSError:
            return False


def main(program, kernel, count):
    seed = random.randrange(1 << 32)
    print(f"seed {seed}")
    random.seed(seed)
    for number in range(count):
        with tempfile.TemporaryDirectory() as directory:
            with open(f"{directory}/disk", "wb") as disk:
                disk.truncate(1 << 20)
            client = subprocess.Popen([sys.executable, "-B", __file__, "client", program, kernel, directory],
                                      stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
            monitor = int(client.stdout.readline())
            time.sleep(random.uniform(0, 0.06))
            victims = random.choice([[client.pid], [monitor], [client.pid, monitor], [monitor, client.pid]])
            for victim in victims:
                os.kill(victim, signal.SIGKILL)
            client.stdout.close()
            wait_until(lambda: is_gone(monitor), f"machine {number} outlived {victims}")
            wait_until(lambda: is_gone(client.pid), f"client {number} outlived its server")
            client.wait()
            # A process's first thread may be gone before the others.
            wait_until(lambda: not listens(f"{directory}/vsock") and not listens(f"{directory}/port"),
                       f"machine {number} still listens after {victims}")


if sys.argv[1] == "client":
    be_client(*sys.argv[2:])
else:
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]))
