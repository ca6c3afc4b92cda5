"""Exits to user space, as the host's kernel and Swiftlet count them."""

import re

from report import Failure, table
from timing import take

#: KVM_EXIT_IO and KVM_EXIT_MMIO of <linux/kvm.h>.
IO, MMIO = 2, 6


def counts(session, peer):
    """Cells: all exits of a peer that was counted, those at ports, those in memory, and the others."""
    for line in session.lines("counted", peer):
        take(peer, line)
    found = dict(map(int, line.split()) for line in session.lines("exits", peer))
    if not found:
        raise Failure(peer.complaint("the lab's kernel counted no exits"))
    total = sum(found.values())
    ports, mmio = found.get(IO, 0), found.get(MMIO, 0)
    return [f"{count:,}" for count in (total, ports, mmio, total - ports - mmio)]


def by_kind(session, peers):
    """A table of the exits as `swiftlet run -v` counts them."""
    counted = {peer.name: dict(reversed(found) for line in session.lines("message", peer)
                               for found in re.findall(r"^swiftlet: +(\d+)  (\S.*)$", line)) for peer in peers}
    kinds = list(dict.fromkeys(kind for found in counted.values() for kind in found))
    return table(["exits of swiftlet by kind", *counted],
                 [[kind, *(f"{int(found.get(kind, 0)):,}" for found in counted.values())] for kind in kinds])
