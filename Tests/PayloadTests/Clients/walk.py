"""walk.py SWIFTLET KERNEL COUNT: makes COUNT random requests, legal and illegal, of all methods that 'swiftlet schema' knows. A
model of the machine's states says what must come back, and nothing may be left of a server that has ended."""

import json
import os
import random
import subprocess
import sys
import tempfile

from server import Server, children

ALWAYS = {"server.info", "server.ping", "rpc.discover", "$/cancel"}
# The states in which a method is granted; None is before there is a machine.
GRANTED = {
    "vm.create": {None}, "vm.start": {"created"}, "vm.pause": {"running"}, "vm.resume": {"paused"},
    "vm.stop": {"created", "running", "paused", "stopped"}, "vm.kill": {"created", "running", "paused", "stopped"},
    "vm.wait": {"created", "running", "paused", "stopped"}, "vm.get": {"created", "running", "paused", "stopped"},
    "vm.stats": {"created", "running", "paused", "stopped"}, "console.write": {"running", "paused"},
    "device.attach": {"running", "paused"}, "device.detach": {"running", "paused"},
    "device.update": {"running", "paused"},
    **{f"exec.{name}": {"running", "paused"}
       for name in ("start", "write", "closeStdin", "signal", "resize", "ack", "wait")},
    "fs.copyIn": {"running", "paused"}, "fs.copyOut": {"running", "paused"},
}
NEXT = {"vm.create": "created", "vm.start": "running", "vm.pause": "paused", "vm.resume": "running",
        "vm.stop": "stopped", "vm.kill": "stopped"}
# Where the devices of this machine are without it, or have not got what is asked for.
DEVICE_REFUSALS = {"notFound", "unsupported", "invalidArgument", "permission", "resource", "io"}


class Walk:
    def __init__(self, program, kernel):
        self.program = program
        self.kernel = kernel
        self.document = json.loads(subprocess.run([program, "schema"], check=True, capture_output=True).stdout)
        self.methods = {method["name"]: method for method in self.document["methods"]}
        assert set(self.methods) == set(GRANTED) | ALWAYS, "the model does not know all methods"
        self.count = 0

    def resolve(self, schema):
        while "$ref" in schema:
            schema = self.document["components"]["schemas"][schema["$ref"].rsplit("/", 1)[1]]
        return schema

    def value(self, schema):
        """One that the schema allows."""
        schema = self.resolve(schema)
        if "anyOf" in schema:
            return self.value(random.choice(schema["anyOf"]))
        if "enum" in schema:
            return random.choice(schema["enum"])
        match schema["type"]:
            case "boolean": return random.choice([True, False])
            case "integer": return random.choice([schema["minimum"], schema["maximum"]])
            case "string": return random.choice(schema.get("examples", ["nonesuch"]))
            case "array": return [self.value(schema["items"])]
        if "properties" not in schema:
            return {}
        names = [name for name in schema["properties"] if name in schema["required"] or random.random() < 0.2]
        alternatives = [each["required"][0] for each in schema.get("oneOf", [])]
        names = [name for name in names if name not in alternatives]
        if alternatives:
            names.append(random.choice(alternatives))
        return {name: self.value(schema["properties"][name]) for name in names}

    def parameters(self, method):
        """Legal ones that do what the model expects."""
        match method:
            case "vm.create":
                return {"config": {"memory": "64M", "kernel": {"path": self.kernel},
                                   "balloon": {}, "console": {"output": "discard"},
                                   "ports": [{"name": "p", "socket": "port.socket"}]}}
            case "vm.stop": return {"graceMs": random.choice([0, 1, 20])}
            case "vm.wait": return {"timeoutMs": random.choice([0, 1, 20])}
            case "console.write": return random.choice([{"data": "é"}, {"base64": "AP8="}])
            case "$/cancel": return {"id": random.choice([7, "nonesuch"])}
        if method.startswith(("device.", "exec.", "fs.")):
            parameters = self.value(self.methods[method]["x-params"])
            parameters.pop("timeoutMs", None)
            return parameters
        return {}

    def spoil(self, parameters):
        """Makes them illegal by a field that is wrong, missing or unknown."""
        spoilt = dict(parameters)
        kind = random.randrange(2)
        if kind == 0 or not spoilt:
            spoilt["unknown"] = 1
        else:
            spoilt[random.choice(list(spoilt))] = random.choice([[], {"unknown": 1}, -1.5])
        return spoilt

    def expected(self, method, state):
        """The kinds of error that may come, with None for a result."""
        if method in ALWAYS:
            return {None}
        if state not in GRANTED[method]:
            return {"invalidState"}
        if method == "vm.wait" and state != "stopped":
            return {"timeout"}
        if method == "console.write":
            return {None, "resource"}
        if method.startswith(("exec.", "fs.")):
            return {"unsupported"}
        if method.startswith("device."):
            return {None} | DEVICE_REFUSALS
        return {None}

    def life(self):
        """A server from its start to its end."""
        with tempfile.TemporaryDirectory() as directory:
            os.chdir(directory)
            server = Server(self.program)
            state = None
            for _ in range(random.randrange(1, 60)):
                self.count += 1
                method = random.choice(list(self.methods) + ["vm.create", "vm.start"] * (state in (None, "created")))
                if method in ("vm.kill", "vm.stop") and random.random() < 0.6:
                    continue
                parameters = self.parameters(method)
                is_legal = random.random() < 0.75
                answer = server.answer(server.send(method, **(parameters if is_legal else self.spoil(parameters))))
                kind = answer["error"]["data"]["kind"] if "error" in answer else None
                allowed = self.expected(method, state) if is_legal else {"invalidArgument"}
                assert kind in allowed, (state, method, parameters, is_legal, answer, allowed)
                if kind is None:
                    state = NEXT.get(method, state)
                if state is not None and random.random() < 0.2:
                    assert server.call("vm.get")["state"] == state, (state, method)
            server.end()
            os.chdir("/")
            assert os.listdir(directory) == [], "a file remains"


def main(program, kernel, count):
    seed = random.randrange(1 << 32)
    print(f"seed {seed}")
    random.seed(seed)
    walk = Walk(program, kernel)
    descriptors = len(os.listdir("/proc/self/fd"))
    while walk.count < count:
        walk.life()
    assert len(os.listdir("/proc/self/fd")) == descriptors, "a descriptor remains"
    assert not children(os.getpid()), "a process remains"


main(os.path.abspath(sys.argv[1]), os.path.abspath(sys.argv[2]), int(sys.argv[3]))
