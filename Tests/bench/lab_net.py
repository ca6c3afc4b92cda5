"""A network card of a stock kernel in the lab, on a tap: iperf3 and ping."""

import tempfile

from devices import TRANSPORTS, Tap
from lab import Session
from observation import observations, results
from report import Failure, compared, median, table

#: MiB of each guest.
MEMORY = 256

IPERF = "/usr/bin/iperf3"

#: What the guest calls its works, and we.
DIRECTIONS = {"up": "guest to host", "down": "host to guest"}


def measure(options, runs):
    session = Session(options, runs, MEMORY)
    session.supply_program(IPERF)
    session.prepare("tunctl -t tap0", "ip addr add 10.77.0.1/24 dev tap0", "ip link set tap0 up",
                    "iperf3 --server --daemon")
    tap = Tap("tap0")
    peers = [peer for transport in TRANSPORTS for peer in session.monitors.with_devices(transport, [tap])]
    peers += [session.monitors.qemu_with(transport, [Tap("tap0", vhost=True)], "QEMU with vhost")
              for transport in TRANSPORTS]
    session.observe_by_turns(peers)
    with tempfile.TemporaryDirectory(prefix="bench") as directory:
        session.initramfs(f"{directory}/initrd", "devices", "--program", IPERF, job="net",
                          modules="virtio_mmio,virtio_pci,virtio_net")
        session.run(directory)
    return table(["work", "swiftlet, MMIO", "QEMU, MMIO", "ratio", "swiftlet, PCI", "QEMU, PCI", "ratio",
                  *(peer.name for peer in peers[4:])], list(rows(session, peers)))


def rows(session, peers):
    found = [observations(session, peer, list(DIRECTIONS)) for peer in peers]

    def row(name, values):
        return [name, *compared(*values[:2]), *compared(*values[2:4]), *map(median, values[4:])]

    def of(work, figure):
        return [[figure(observation) for observation in peer[work]] for peer in found]

    for work, name in DIRECTIONS.items():
        yield row(f"{name}, Mbit/s", of(work, megabits))
    yield row("ping, median of 200, µs",
              [[float(result) * 1e3 for result in results(session, peer, "ping")] for peer in peers])
    for work, name in DIRECTIONS.items():
        yield row(f"{name}: CPU time of all threads but the vCPU's, ms/GiB",
                  of(work, lambda observation: observation.others / 1e6 / (observation.bytes / (1 << 30))))
        yield row(f"{name}: CPU time of the vCPU's thread, ms/GiB",
                  of(work, lambda observation: observation.vcpus / 1e6 / (observation.bytes / (1 << 30))))
        yield row(f"{name}: exits to user space for a MiB",
                  of(work, lambda observation: observation.exits / (observation.bytes / (1 << 20))))


def megabits(observation):
    try:
        return float(observation.result) / 1e3
    except ValueError:
        raise Failure(f"iperf3 failed in the guest: {observation.result or 'it printed nothing'}") from None
