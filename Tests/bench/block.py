"""A virtio block device, driven by a payload from the guest's user mode on this machine's own /dev/kvm."""

import contextlib
import os
import shutil
import subprocess
import tempfile
import time
from dataclasses import dataclass, field

from devices import QEMU_VIRTIO, TRANSPORTS, Disk
from monitors import QEMU_MACHINE
from report import Failure, compared, note, table

#: MiB of the disk.
DISK = 256

#: Seconds that one run may take.
LIMIT = 120


@dataclass
class Work:
    """Parameters of the payload, and what of its report is shown, as pairs of a line's name and a function."""

    parameters: str
    #: Operations on a file in memory, and on a disk.
    operations: tuple
    shown: list


def microseconds(name):
    return lambda report: report[name] / 1e3


def thousands_a_second(report):
    return report["operations"] / report["nanoseconds"] * 1e6


def mebibytes_a_second(report):
    return report["operations"] / 8 / report["nanoseconds"] * 1e9


WORKS = [
    Work("", (20000, 5000), [("4 KiB random reads, 1 at a time: median, µs", microseconds("p50")),
                             ("99th percentile, µs", microseconds("p99"))]),
    Work("interrupts", (20000, 5000), [("with interrupts: median, µs", microseconds("p50")),
                                       ("99th percentile, µs", microseconds("p99"))]),
    Work("depth=32", (100000, 20000), [("4 KiB random reads, 32 at a time: thousands a second", thousands_a_second)]),
    Work("depth=32 interrupts", (100000, 20000), [("with interrupts: thousands a second", thousands_a_second)]),
    Work("sequential block=131072 depth=8", (10000, 2000),
         [("128 KiB sequential reads, 8 at a time: MiB/s", mebibytes_a_second)]),
]

#: What the medium does not matter for.
WORKS_WITHOUT_IO = [
    Work("operation=notify", (20000, 0), [("a notification of nothing: median, µs", microseconds("p50"))]),
    Work("operation=id", (20000, 0), [("a request without I/O: median, µs", microseconds("p50"))]),
    Work("operation=id interrupts", (20000, 0), [("with interrupts: median, µs", microseconds("p50"))]),
]


@dataclass
class Contender:
    """A monitor with its disk; `status` is the exit status when all went well."""

    name: str
    command: list
    vcpu_thread: str
    status: int
    reports: list = field(default_factory=list)


def measure(options):
    cpus = sorted(os.sched_getaffinity(0))
    if len(cpus) < 2:
        raise Failure("the part 'block' needs two CPUs: one for the vCPU, one for all else")
    if not shutil.which(options.qemu):
        raise Failure(f"there is no {options.qemu}; install QEMU, or name it with --qemu")
    media = [("a file in /dev/shm", "/dev/shm", False), ("a file opened with O_DIRECT", options.disk_directory, True)]
    rows, cpu_rows = [], []
    for medium, directory, direct in media:
        os.makedirs(directory, exist_ok=True)
        with tempfile.NamedTemporaryFile(prefix="bench", dir=directory) as disk:
            for _ in range(DISK):
                disk.write(os.urandom(1 << 20))
            disk.flush()
            os.fsync(disk.fileno())
            for work in WORKS + ([] if direct else WORKS_WITHOUT_IO):
                note(f"  {medium}: {work.parameters or 'one at a time'}")
                contenders = [contender(options, name, transport, Disk(disk.name, direct), work)
                              for transport in TRANSPORTS for name in ("swiftlet", "qemu")]
                by_turns(contenders, options.runs, cpus)
                add_rows(rows, cpu_rows, medium if work in WORKS else "any", work, contenders)
    head = ["disk", "work", "swiftlet, MMIO", "QEMU, MMIO", "ratio", "swiftlet, PCI", "QEMU, PCI", "ratio"]
    return (table(head, rows) + "\n\nCPU time of all threads but the vCPU's, µs for an operation:\n\n"
            + table(head, cpu_rows))


def contender(options, name, transport, disk, work):
    payload = f"{options.firmware}/virtio-block-bench.elf"
    append = f"{work.parameters} operations={work.operations[disk.direct]}"
    if name == "swiftlet":
        return Contender(name, [options.swiftlet, "run", "--kernel", payload, "--memory", f"{options.memory}M",
                                "--transport", transport, *disk.for_swiftlet(), "--append", append], "vcpu0", 0)
    # PCI takes ACPI, and some microseconds of start-up; QEMU makes 1 of a debug exit with 0.
    machine = "acpi=off" if transport == "mmio" else "acpi=on,pcie=on"
    return Contender(name, [
        options.qemu, "-M", f"{QEMU_MACHINE},pit=off,pic=off,rtc=off,{machine}", "-m", f"{options.memory}M",
        "-name", "bench,debug-threads=on", "-nodefaults", "-no-user-config", "-display", "none", "-serial", "stdio",
        "-no-reboot", "-kernel", payload, "-append", append, "-device", "isa-debug-exit,iobase=0xf4,iosize=1",
        *QEMU_VIRTIO, *disk.for_qemu(transport)], "CPU 0/KVM", 1)


def by_turns(contenders, runs, cpus):
    for turn in range(runs + 1):
        for contender in contenders:
            report = run(contender, io_cpu=cpus[-2], vcpu_cpu=cpus[-1])
            if turn > 0:
                contender.reports.append(report)


def run(contender, io_cpu, vcpu_cpu):
    """The payload's report, as numbers by name, with the CPU time of the threads other than the vCPU's as `cpu`."""
    process = subprocess.Popen(["timeout", str(LIMIT), "taskset", "-c", str(io_cpu), *contender.command],
                               stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    monitor, vcpu = find_vcpu(contender, process)
    os.sched_setaffinity(vcpu, {vcpu_cpu})
    report, before = {}, {}
    for line in process.stdout:
        if line.startswith("measuring"):
            before = cpu_times(monitor, vcpu)
        elif line.startswith("operations"):
            report["cpu"] = sum(time - before.get(thread, 0) for thread, time in cpu_times(monitor, vcpu).items())
        words = line.split()
        if len(words) == 2 and words[1].isdigit():
            report[words[0]] = int(words[1])
    errors = process.stderr.read()
    if process.wait() != contender.status or "cpu" not in report:
        raise Failure(f"{contender.name} ended with status {process.returncode}; the command was:\n"
                      f"{' '.join(contender.command)}\n{errors.strip()}")
    return report


def find_vcpu(contender, timeout):
    """The monitor's process and its vCPU's thread, as soon as there is one."""
    while timeout.poll() is None:
        with open(f"/proc/{timeout.pid}/task/{timeout.pid}/children") as file:
            children = file.read().split()
        for monitor in children:
            for thread, name in threads(monitor):
                if name == contender.vcpu_thread:
                    return int(monitor), thread
        time.sleep(0.0005)
    raise Failure(f"{contender.name} had no thread named '{contender.vcpu_thread}'; the command was:\n"
                  f"{' '.join(contender.command)}\n{timeout.stderr.read().strip()}")


def threads(process):
    """Pairs of a thread's number and its name; of those that there still are."""
    with contextlib.suppress(OSError):
        for thread in os.listdir(f"/proc/{process}/task"):
            with open(f"/proc/{process}/task/{thread}/comm") as file:
                yield int(thread), file.read().strip()


def cpu_times(process, vcpu):
    """Nanoseconds that each thread of a process but the vCPU's has run; of those that there still are."""
    times = {}
    for thread, _ in threads(process):
        if thread == vcpu:
            continue
        try:
            with open(f"/proc/{process}/task/{thread}/schedstat") as file:
                times[thread] = int(file.read().split()[0])
        except OSError:
            pass
    return times


def add_rows(rows, cpu_rows, medium, work, contenders):
    for name, figure in work.shown:
        rows.append([medium, name, *cells(contenders, figure)])
    name = work.shown[0][0].split(":")[0]
    cpu_rows.append([medium, name, *cells(contenders, lambda report: report["cpu"] / report["operations"] / 1e3)])


def cells(contenders, figure):
    values = [[figure(report) for report in contender.reports] for contender in contenders]
    return compared(*values[:2]) + compared(*values[2:])
