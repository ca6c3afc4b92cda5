#!/usr/bin/env python3
"""Measures Swiftlet against its peers, on the same work in the same run, by turns.

The tables go to stdout, progress to stderr; --write puts the tables into the document as well.
"""

import argparse
import os
import sys

import local
from report import Failure, note, replace_section

PARTS = {
    "first-byte": ("local", local.first_byte),
    "start-up": ("local", local.start_up),
}


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--part", action="append", choices=PARTS, help="only this one; may be repeated")
    parser.add_argument("--runs", type=int, default=11, help="how often each command is timed (default: %(default)s)")
    parser.add_argument("--cpu", type=int, default=max(os.sched_getaffinity(0)),
                        help="the CPU for what is timed on this machine (default: the last)")
    parser.add_argument("--memory", type=int, default=256, help="MiB of each guest (default: %(default)s)")
    parser.add_argument("--write", metavar="FILE", help="put the tables between FILE's marker comments, too")
    parser.add_argument("--swiftlet", default=".build/release/swiftlet")
    parser.add_argument("--qemu", default="qemu-system-x86_64")
    parser.add_argument("--lkvm", default=os.environ.get("LKVM"), help="kvmtool (default: $LKVM)")
    parser.add_argument("--payload", default=".build/firmware/first-byte.elf")
    parser.add_argument("--floor", default=".build/bench/floor")
    parser.add_argument("--marker", default=".build/bench/marker")
    options = parser.parse_args()
    if options.runs < 1:
        parser.error("--runs: give 1 or more; 10 for figures worth keeping")
    return options


def check_files(options):
    for path, remedy in [(options.swiftlet, "make build"), (options.payload, "make firmware"),
                         (options.floor, "make bench"), (options.marker, "make bench")]:
        if not os.path.exists(path):
            raise Failure(f"there is no {path}; '{remedy}' builds it")


def main():
    options = arguments()
    try:
        check_files(options)
        for name in options.part or PARTS:
            note(f"{name}:")
            text = PARTS[name][1](options)
            print(f"{text}\n", flush=True)
            if options.write:
                write(options.write, name, text)
    except (Failure, OSError) as failure:
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
