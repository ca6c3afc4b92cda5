"""mutations.py SWIFTLET KERNEL COUNT: sends lines that are almost requests. Each is answered, the machine runs on, and the
server does not grow."""

import json
import random
import sys

from server import Server

SEEDS = [
    {"method": "server.ping"}, {"method": "server.info"}, {"method": "vm.get"}, {"method": "vm.stats"},
    {"method": "vm.create", "params": {"config": {"memory": "64M", "kernel": {"path": "/dev/null"}}}},
    {"method": "vm.wait", "params": {"timeoutMs": 1}}, {"method": "console.write", "params": {"data": "x"}},
    {"method": "device.update", "params": {"id": "balloon", "size": "1M"}}, {"method": "$/cancel", "params": {"id": 7}},
]
WRONG = [None, True, -1, 1e308, 2 ** 63, 2 ** 64, 10 ** 400, "", "\0", "x" * 5000, [], {}, [[]], {"a": {}}]
TOO_LONG = 100 << 20
MOST_GROWTH = 16 << 20


def places(value):
    """Every object in `value` with each of its keys."""
    if isinstance(value, dict):
        for key in value:
            yield value, key
            yield from places(value[key])


def mutate(line):
    kind = random.randrange(8)
    message = json.loads(line)
    if kind == 0:
        return line[:random.randrange(len(line))]
    if kind == 1:
        position = random.randrange(len(line))
        return line[:position] + bytes([random.choice([b for b in range(256) if b != 10])]) + line[position + 1:]
    if kind == 2:
        depth = random.choice([10, 63, 64, 65, 10_000])
        return line.replace(b'"id": ', b'"x": ' + b"[" * depth + b"]" * depth + b', "id": ')
    if kind == 3:
        return line + random.choice([b"\xff", b"\xc0\x80", b"\xed\xa0\x80", b"}", b",", b"\0", line])
    if kind == 4:
        holder, key = random.choice(list(places(message)))
        holder[key] = random.choice(WRONG)
    elif kind == 5:
        holder, key = random.choice(list(places(message)))
        del holder[key]
    elif kind == 6:
        holder, _ = random.choice(list(places(message)))
        holder[random.choice(["unknown", "", "method", "é"])] = random.choice(WRONG)
    else:
        message["method"] = random.choice(["vm.", "vm.explode", "", "server.ping ", "VM.GET"])
    return json.dumps(message).encode()


def is_answered(line):
    """Whether a line must have an answer; the rest are notifications, blank, or a matter of taste among parsers."""
    try:
        message = json.loads(line.decode())
    except (ValueError, RecursionError):
        return bool(line.strip(b" \t\r"))
    return not isinstance(message, dict) or message.get("id") is not None


def resident(server):
    with open(f"/proc/{server.process.pid}/status") as file:
        return next(int(line.split()[1]) << 10 for line in file if line.startswith("VmRSS"))


def main(program, kernel, count):
    seed = random.randrange(1 << 32)
    print(f"seed {seed}")
    random.seed(seed)
    server = Server(program)
    server.start(kernel, console={"output": "discard"}, balloon={})
    before = None
    sent = answered = least = 0
    while count > 0:
        lines = []
        for number in range(min(count, 100)):
            request = {"jsonrpc": "2.0", "id": f"mutation {count} {number}", **random.choice(SEEDS)}
            lines.append(mutate(json.dumps(request).encode()))
        count -= len(lines)
        for line in lines:
            server.send_bytes(line + b"\n")
        server.call("server.ping")
        answers = [message for message in server.messages if "method" not in message]
        server.messages.clear()
        sent += len(lines)
        answered += len(answers)
        # Those of requests that wait may come with the next lines', or never.
        least += sum(is_answered(line) and b'"vm.wait"' not in line for line in lines)
        assert least <= answered <= sent, (least, answered, sent, lines)
        for message in answers:
            assert ("result" in message) != ("error" in message), message
            if "error" in message:
                assert message["error"]["data"]["message"], message
        before = before or resident(server)

    for _ in range(TOO_LONG >> 20):
        server.send_bytes(b"x" * (1 << 20))
    server.messages.clear()
    server.send_bytes(b"\n")
    server.call("server.ping")
    assert sum("longer than" in message.get("error", {}).get("message", "") for message in server.messages) == 1

    growth = resident(server) - before
    assert growth < MOST_GROWTH, f"the server grew by {growth} bytes"
    assert server.call("vm.get")["state"] == "running"
    server.process.stdin.close()
    assert server.process.wait(30) == 0


main(sys.argv[1], sys.argv[2], int(sys.argv[3]))
