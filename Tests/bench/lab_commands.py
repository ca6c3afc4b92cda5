"""Commands in guests, `swiftlet run -- COMMAND`, in the lab, against QEMU with as much of the same as it has."""

import re
import tempfile

from devices import QEMU_VIRTIO
from lab import HERE, Session
from monitors import QEMU_KERNEL, QEMU_LINE
from observation import results
from report import Failure, compared, spread, table
from stock import UP

#: MiB of each guest.
MEMORY = 512

#: Of Debian's qemu-system-x86.
VIRTIOFSD = "/usr/lib/qemu/virtiofsd"

#: What the command prints.
COMMAND = "command is up"

#: Where the guests' share is; a file system in memory, so that no disk counts.
SHARE = "/dev/shm/share"

#: What Swiftlet's guests load, in a kernel's directory of modules.
MODULES = ["modules.builtin", "kernel/drivers/virtio", "kernel/fs/fuse", "kernel/fs/overlayfs", "kernel/net/vmw_vsock"]

#: Each by the name that the guests have for it, and what is shown.
WORKS = {"stream": "the command's stdout, MiB/s", "write": "share, 1 MiB writes: MiB/s",
         "read": "share, 1 MiB reads: MiB/s", "make": "share, files made and written: a second",
         "look": "share, files looked up and read: a second"}


def measure(options, runs):
    # The emulator does not survive this work with two CPUs: its host resets itself.
    session = Session(options, runs, MEMORY, cpus=1)
    session.supply(*(f"{options.kernel}/modules/{name}:modules/{name}" for name in MODULES), f"{HERE}/guests/works:/works")
    session.supply_program(VIRTIOFSD)
    session.prepare(f"mkdir -p {SHARE}", f"dd if=/dev/urandom of={SHARE}/large bs=1M count=256 2>&1")
    monitors = session.monitors

    bare = monitors.qemu_microvm("QEMU, busybox in its initramfs", QEMU_KERNEL, "vmlinux", "-initrd", "bare",
                                 "-append", f"{QEMU_LINE} quiet", "-cpu", "host")
    starts = [monitors.ours("swiftlet run", "vmlinux", "--", "echo", COMMAND),
              with_root(monitors, "QEMU with virtiofsd, the same root", "up"), bare]
    # With -v, kernels are not told to be quiet.
    verbose = monitors.ours("swiftlet run -v", "vmlinux", "-v", "--append", "quiet", "--", "echo", COMMAND)
    session.time_by_turns((COMMAND, [*starts[:2], verbose]), (UP, [bare]))

    works = [monitors.ours("swiftlet", "vmlinux", "--share", f"{SHARE}:/share:rw", "--",
                           "sh", "-c", ". /works; do_works"),
             with_root(monitors, "QEMU", "works")]
    session.work_by_turns(works)
    with tempfile.TemporaryDirectory(prefix="bench") as directory:
        session.initramfs(f"{directory}/bare", "boot")
        session.initramfs(f"{directory}/root", "devices", job="root",
                          modules="virtio_mmio,virtiofs,overlay,virtio_console")
        session.run(directory)
    return f"{start_table(starts)}\n\n{phase_table(session, verbose)}\n\n{work_table(session, works)}"


def with_root(monitors, name, command):
    """QEMU with two shares by virtiofsd: the host's root, and that of the works."""
    shares = {"root": "/", "share": SHARE}
    arguments = [word for tag in shares for word in (
        "-chardev", f"socket,id={tag},path=/tmp/{tag}", "-device", f"vhost-user-fs-device,chardev={tag},tag={tag}")]
    servers = " ".join(f"virtiofsd --socket-path=/tmp/{tag} -o source={path} -o sandbox=chroot >/dev/null 2>&1 & "
                       for tag, path in shares.items())
    peer = monitors.qemu_microvm(
        name, f"{QEMU_KERNEL},memory-backend=memory", "vmlinux", "-initrd", "root",
        "-append", f"{QEMU_LINE} quiet command={command}", "-cpu", "host", *QEMU_VIRTIO,
        "-object", f"memory-backend-memfd,id=memory,size={MEMORY}M,share=on", *arguments,
        *(("-device", "virtio-serial-device", "-chardev", "file,id=out,path=/dev/shm/output",
           "-device", "virtconsole,chardev=out") if command == "works" else ()))
    peer.before = f"rm -f /tmp/root /tmp/share; {servers} until [ -e /tmp/root ] && [ -e /tmp/share ]; do usleep 10000; done"
    return peer


def start_table(peers):
    return table(["command", "to its output, s", "to the exit, s"],
                 [[peer.name, spread(peer.marker, "s"), spread(peer.exit, "s")] for peer in peers])


def phase_table(session, peer):
    """Where the time goes between the milestones that -v tells, and before and after them."""
    times = {}
    for line in session.lines("message", peer):
        for time, name in re.findall(r"^swiftlet: +([\d.]+) ms  (\w.*)$", line):
            times.setdefault(name, []).append(float(time) * 1e6)

    def between(first, second):
        """Of all runs but the first, which is not counted anywhere."""
        if len(times.get(second, [])) != session.runs + 1:
            raise Failure(peer.complaint(f"did not tell of '{second}' each time"))
        return [end - begin for begin, end in zip(times[first], times[second])][1:]

    inside = between("vCPUs started", "command ended")
    phases = [("monitor: from exec until the guest runs",
               [marker - rest for marker, rest in zip(peer.marker, inside)]),
              ("kernel: until the agent runs", between("vCPUs started", "agent started")),
              ("agent: until commands can run", between("agent started", "commands can run")),
              ("command: its start, its output and its end", between("commands can run", "command ended")),
              ("teardown: until the monitor has ended",
               [end - marker for end, marker in zip(peer.exit, peer.marker)])]
    return table(["where the time of swiftlet run goes", "s"], [[name, spread(values, "s")] for name, values in phases])


def work_table(session, peers):
    def found(peer, work):
        values = results(session, peer, work)
        if "failed" in values:
            raise Failure(peer.complaint(f"failed at the work '{work}'"))
        return [float(value) for value in values]

    return table(["work", "swiftlet", "QEMU", "ratio"],
                 [[name, *compared(*(found(peer, work) for peer in peers))] for work, name in WORKS.items()])
