#!/usr/bin/env python3
"""Measures Swiftlet against its peers, on the same work in the same run, by turns.

The tables go to stdout, progress to stderr; --write puts the tables into the document as well.
"""

import argparse
import os
import re
import shutil
import subprocess
import sys

import block
import control
import lab_block
import lab_commands
import lab_net
import lab_transport
import local
import stock
from report import Failure, note, replace_section

LOCAL_PARTS = {"first-byte": local.first_byte, "memory": local.idle_memory, "start-up": local.start_up,
               "block": block.measure, "control": control.measure}
#: Each has a lab for itself, and with as many runs takes less than ten minutes.
DEVICE_PARTS = {"lab-block": (lab_block.measure, 4), "lab-net": (lab_net.measure, 5),
                "lab-transport": (lab_transport.measure, 5), "lab-commands": (lab_commands.measure, 5)}
PARTS = [*LOCAL_PARTS, *stock.PARTS, *DEVICE_PARTS]

TIMED = ("first-byte", "start-up", "block", "control", "lab-first-byte", "lab-boot", *DEVICE_PARTS)


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--part", action="append", choices=PARTS, help="only this one; may be repeated")
    parser.add_argument("--runs", type=int, default=11,
                        help="how often each command is timed (default: %(default)s; at most "
                             + ", ".join(f"{most} for {name}" for name, (_, most) in DEVICE_PARTS.items()) + ")")
    parser.add_argument("--cpu", type=int, default=max(os.sched_getaffinity(0)),
                        help="the CPU for what is timed on this machine (default: the last)")
    parser.add_argument("--memory", type=int, default=256, help="MiB of each guest (default: %(default)s)")
    parser.add_argument("--disk-directory", default=".build/bench",
                        help="where a disk is made for O_DIRECT (default: %(default)s)")
    parser.add_argument("--write", metavar="FILE", help="put the tables between FILE's marker comments, too")
    parser.add_argument("--swiftlet", default=".build/release/swiftlet")
    parser.add_argument("--qemu", default="qemu-system-x86_64")
    parser.add_argument("--lkvm", default=os.environ.get("LKVM"), help="kvmtool (default: $LKVM)")
    parser.add_argument("--kernel", default=".build/kernels/6.1", help="a directory made by 'lab kernel'")
    parser.add_argument("--lab", default=".build/debug/lab", help="the program of that name")
    parser.add_argument("--firmware", default=".build/firmware", help="the directory of the payloads")
    parser.add_argument("--floor", default=".build/bench/floor")
    parser.add_argument("--marker", default=".build/bench/marker")
    options = parser.parse_args()
    if options.runs < 1:
        parser.error("--runs: give 1 or more; 10 for figures worth keeping")
    return options


def check_files(options, parts):
    wanted = {options.swiftlet: "make build", options.floor: "make bench", options.marker: "make bench",
              f"{options.firmware}/first-byte.elf": "make firmware",
              f"{options.firmware}/halt.elf": "make firmware",
              f"{options.firmware}/virtio-block-bench.elf": "make firmware"}
    if any(is_in_lab(name) for name in parts):
        wanted[options.lab] = "swift build --product lab"
        for name in ("vmlinux", "vmlinuz", "version", "modules"):
            wanted[f"{options.kernel}/{name}"] = \
                f"{options.lab} kernel --package linux-image-cloud-amd64 --to {options.kernel}"
    for name, program in (("lab-block", lab_block.FIO), ("lab-net", lab_net.IPERF),
                          ("lab-commands", lab_commands.VIRTIOFSD)):
        if name in parts:
            wanted[program] = "make bench-packages"
    if options.lkvm:
        wanted[options.lkvm] = "a build of kvmtool"
    for path, remedy in wanted.items():
        if not os.path.exists(path):
            raise Failure(f"there is no {path}; it comes from '{remedy}'")


def is_in_lab(part):
    return part in stock.PARTS or part in DEVICE_PARTS


def runs(options, part):
    return min(options.runs, DEVICE_PARTS[part][1]) if part in DEVICE_PARTS else options.runs


def texts(options, parts):
    """Pairs of a part's name and its text."""
    for name in parts:
        if name in LOCAL_PARTS:
            note(f"{name}:")
            yield name, LOCAL_PARTS[name](options)
    in_lab = [name for name in parts if name in stock.PARTS]
    if in_lab:
        note(f"{', '.join(in_lab)}:")
        yield from stock.measure(options, in_lab).items()
    for name in parts:
        if name in DEVICE_PARTS:
            note(f"{name}:")
            function, _ = DEVICE_PARTS[name]
            yield name, function(options, runs(options, name))


def conditions(options, name):
    """What the reader of a table must know besides."""
    result = []
    if name in TIMED:
        result.append(f"Medians (least–most) of {runs(options, name)} runs by turns.")
    if name != "start-up" and shutil.which(options.qemu):
        version = subprocess.run([options.qemu, "--version"], capture_output=True, text=True, check=True).stdout
        result.append(re.sub(r"QEMU emulator version ([0-9.]+).*", r"QEMU \1.", version, flags=re.DOTALL))
    if is_in_lab(name):
        with open(f"{options.kernel}/version") as file:
            result.append(f"Kernel {file.read().strip()}.")
    return " ".join(result)


def main():
    options = arguments()
    parts = options.part or PARTS
    try:
        check_files(options, parts)
        for name, text in texts(options, parts):
            text += f"\n\n{conditions(options, name)}"
            print(f"{name}\n\n{text}\n", flush=True)
            if options.write:
                write(options.write, name, text)
    except (Failure, OSError, subprocess.CalledProcessError) as failure:
        sys.exit(f"bench: {failure}")
    except KeyboardInterrupt:
        sys.exit(130)


def write(path, name, text):
    with open(path) as file:
        document = file.read()
    document = replace_section(document, name, text)
    with open(path, "w") as file:
        file.write(document)


if __name__ == "__main__":
    main()
