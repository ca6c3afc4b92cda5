"""What a guest's work came to, and what it cost the host."""

from dataclasses import dataclass

from report import Failure


@dataclass
class Observation:
    """Work in full swing: what was counted between two samples, and the guest's own result of all of it."""

    #: That the guest moved.
    bytes: int
    #: Nanoseconds that the threads of the vCPUs have run, and all others.
    vcpus: int
    others: int
    exits: int
    result: str


def results(session, peer, work):
    """What came after the work's name in the guest's line about it, in each turn."""
    begin = f"result {work} "
    found = [line.removeprefix(begin) for line in session.lines("guest", peer) if line.startswith(begin)]
    if len(found) != session.runs or any(end != str(peer.status) for end in session.lines("ended", peer)):
        printed = "\n".join(session.lines("guest", peer)[-20:])
        raise Failure(peer.complaint(f"did not do the work '{work}' {session.runs} times\n{printed}"))
    return found


def observations(session, peer, works):
    """For each of the works, in the order that the guest does them in, what was observed in each turn."""
    found = {work: results(session, peer, work) for work in works}
    samples = [_sample(line) for line in session.lines("sample", peer)]
    if len(samples) != 2 * len(works) * session.runs:
        raise Failure(peer.complaint("did not ask for two samples of all work"))
    pairs = list(zip(samples[::2], samples[1::2]))
    observed = {work: [_observation(result, *pair) for result, pair in zip(found[work], pairs[index::len(works)])]
                for index, work in enumerate(works)}
    for work, turns in observed.items():
        if any(observation.bytes <= 0 for observation in turns):
            raise Failure(peer.complaint(f"moved nothing between the two samples of the work '{work}'"))
    return observed


def _observation(result, before, after):
    moved, _, rest = result.partition(" ")
    # A thread that has ended between the samples is in neither sum.
    times = {thread: time - before[1].get(thread, 0) for thread, time in after[1].items()}
    vcpus = sum(time for thread, time in times.items() if thread.startswith("vcpu"))
    return Observation(int(moved), vcpus, sum(times.values()) - vcpus, after[0] - before[0], rest)


def _sample(line):
    """Exits, and nanoseconds by thread."""
    exits, *threads = line.split()
    return int(exits), {name: int(time) for name, _, time in (thread.partition("=") for thread in threads)}
