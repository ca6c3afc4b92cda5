#!/usr/bin/python3
"""Drives 'swiftlet serve' through all of its methods, legally and illegally, and holds each message against the
document of 'swiftlet schema'.

usage: schema_client.py SWIFTLET FIRMWARE

The status is 0 when all agree. Otherwise stderr tells what does not.
"""

import base64
import copy
import json
import os
import queue
import subprocess
import sys
import tempfile
import threading

from jsonschema import Draft202012Validator
from jsonschema.exceptions import best_match

TIMEOUT = 20


def check(condition, *what):
    if not condition:
        raise AssertionError(" ".join(str(part) for part in what))


class Document:
    """The OpenRPC document, and what was seen of what it describes."""

    def __init__(self, swiftlet):
        self.content = json.loads(subprocess.run([swiftlet, "schema"], check=True, capture_output=True).stdout)
        self.methods = {method["name"]: method for method in self.content["methods"]}
        self.notifications = {each["name"]: each for each in self.content["x-notifications"]}
        check(len(self.methods) == len(self.content["methods"]), "a method is described twice")
        self.answered = set()
        self.notified = set()
        self.codes = set()
        self.requests = 0
        self.check_itself()

    def check_itself(self):
        check(self.content["openrpc"].startswith("1.3."), "this is not OpenRPC 1.3")
        check(self.content["x-jsonSchemaDialect"] == Draft202012Validator.META_SCHEMA["$id"], "another dialect")
        for name, schema in self.content["components"]["schemas"].items():
            self.check_schema(name, schema)
            for field, inner in schema["properties"].items():
                check(inner.get("description"), name, field, "has no description")
        for name, each in (self.methods | self.notifications).items():
            check(each["summary"], name, "has no summary")
            check(each["paramStructure"] == "by-name", name)
            self.check_schema(name, each["x-params"])
            whole = self.resolve(each["x-params"])
            check({param["name"] for param in each["params"]} == set(whole["properties"]), name, "has other params")
            for param in each["params"]:
                self.check_schema(name, param["schema"])
                check(param["description"], name, param["name"], "has no description")
                check(param["required"] == (param["name"] in whole["required"]), name, param["name"])
            order = [param["required"] for param in each["params"]]
            check(order == sorted(order, reverse=True), name, "has optional params before required ones")
        for name, method in self.methods.items():
            self.check_schema(name, method["result"]["schema"])
            codes = [error["code"] for error in method["errors"]]
            check(codes and len(codes) == len(set(codes)), name, "has an error code twice, or none")
            for error in method["errors"]:
                self.check_schema(name, error["data"])

    def check_schema(self, name, schema):
        try:
            Draft202012Validator.check_schema(schema)
        except Exception as error:
            raise AssertionError(f"{name}: {error}") from error

    def resolve(self, schema):
        """What a schema that may be a reference refers to."""
        while "$ref" in schema:
            check(schema["$ref"].startswith("#/components/schemas/"), schema["$ref"])
            schema = self.content["components"]["schemas"][schema["$ref"].rsplit("/", 1)[1]]
        return schema

    def problem(self, schema, value):
        """Why a value is not as the schema says; None if it is."""
        whole = {**schema, "components": self.content["components"]}
        return best_match(Draft202012Validator(whole).iter_errors(value))

    def check_value(self, what, schema, value):
        problem = self.problem(schema, value)
        check(problem is None, what, json.dumps(value)[:300], "is not as described:", problem and problem.message)

    def check_error(self, method, error):
        check(set(error) == {"code", "message", "data"}, error)
        described = self.methods[method]["errors"] if method else self.content["components"]["errors"].values()
        for candidate in described:
            if candidate["code"] == error["code"]:
                self.check_value(f"an error of {method}:", candidate["data"], error["data"])
                self.codes.add(error["code"])
                return
        raise AssertionError(f"{method or 'a message'} has an error that is not described: {error}")

    def check_coverage(self):
        # Commands need a stock kernel, which few machines that run this can boot.
        methods = {name for name in self.methods if not name.startswith(("exec.", "fs."))}
        notifications = {name for name in self.notifications if not name.startswith("exec.")}
        check(self.answered == methods, "never granted:", methods - self.answered)
        check(self.notified == notifications, "never told:", notifications - self.notified)
        codes = {error["code"] for method in self.methods.values() for error in method["errors"]}
        codes |= {error["code"] for error in self.content["components"]["errors"].values()}
        # A server at fault is not among what can be provoked.
        check(self.codes == codes - {-32603}, "never refused with:", codes - self.codes)


class Session:
    """A server and its client."""

    def __init__(self, document, swiftlet, directory, *arguments):
        self.document = document
        self.server = subprocess.Popen(
            [swiftlet, "serve", *arguments], cwd=directory, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.lines = queue.Queue()
        threading.Thread(target=self.read, daemon=True).start()
        self.last_id = 0
        self.pending = {}
        self.answers = {}
        self.notifications = []
        self.hello = self.await_notification("hello")
        check(self.hello["capabilities"] == sorted(document.methods), "hello has other methods than the document")

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        self.server.stdin.close()
        try:
            status = self.server.wait(TIMEOUT)
        finally:
            self.server.kill()
        if kind is None:
            while self.receive() is not None:
                pass
            check(not self.pending, "never answered:", self.pending)
            check(status == 0, "the server ended with status", status)

    def read(self):
        for line in self.server.stdout:
            self.lines.put(line)
        self.lines.put(None)

    def receive(self):
        """Takes one message, and checks it; None at the end."""
        line = self.lines.get(timeout=TIMEOUT)
        if line is None:
            return None
        message = json.loads(line)
        check(message.pop("jsonrpc") == "2.0", line)
        if "method" in message:
            check(set(message) == {"method", "params"}, line)
            name = message["method"]
            check(name in self.document.notifications, "a notification is not described:", line)
            self.document.check_value(name, self.document.notifications[name]["x-params"], message["params"])
            self.document.notified.add(name)
            self.notifications.append(message)
            return message
        number = message["id"]
        method = self.pending.pop(number, None)
        if "result" in message:
            check(set(message) == {"id", "result"}, line)
            check(method, "nobody asked for", line)
            self.document.check_value(
                f"the result of {method}:", self.document.methods[method]["result"]["schema"], message["result"])
            self.document.answered.add(method)
        else:
            check(set(message) == {"id", "error"}, line)
            self.document.check_error(method, message["error"])
        self.answers[number] = message
        return message

    def write(self, text):
        self.server.stdin.write(text.encode() + b"\n")
        self.server.stdin.flush()

    def send(self, method, params=None, legal=True):
        problem = self.document.problem(self.document.methods[method]["x-params"], params or {})
        check((problem is None) == legal, method, params, "is", "illegal:" if legal else "legal", problem)
        self.last_id += 1
        self.document.requests += 1
        self.pending[self.last_id] = method
        message = {"jsonrpc": "2.0", "id": self.last_id, "method": method}
        self.write(json.dumps(message | ({} if params is None else {"params": params})))
        return self.last_id

    def answer(self, number):
        while number not in self.answers:
            check(self.receive() is not None, "the server ended without an answer to", number)
        return self.answers.pop(number)

    def call(self, method, params=None):
        answer = self.answer(self.send(method, params))
        check("result" in answer, method, params, answer)
        return answer["result"]

    def refusal(self, method, params=None, kind=None, legal=True):
        answer = self.answer(self.send(method, params, legal))
        check("error" in answer, method, params, "was granted")
        data = answer["error"]["data"]
        check(kind is None or data["kind"] == kind, method, params, data)
        check(("code" in answer["error"]) and ((answer["error"]["code"] == -32602) or legal), method, params, answer)
        return data

    def await_notification(self, name, condition=lambda params: True):
        seen = 0
        while True:
            for message in self.notifications[seen:]:
                if message["method"] == name and condition(message["params"]):
                    return message["params"]
            seen = len(self.notifications)
            check(self.receive() is not None, "the server ended without", name)


def changed_at(value, path, *new, without=()):
    """A copy of a value with another one, or none, at a path, and without other fields beside it."""
    value = copy.deepcopy(value)
    inner = value
    for step in path[:-1]:
        inner = inner[step]
    for name in (path[-1], *without):
        inner.pop(name, None)
    if new:
        inner[path[-1]] = new[0]
    return value


def wrong_values(document, schema):
    """Values that a schema does not allow."""
    schema = document.resolve(schema)
    if "enum" in schema:
        yield from ("nonsense", 3) if schema["type"] == "string" else (3, "4")
    elif schema["type"] == "integer":
        yield from (schema["minimum"] - 1, schema["maximum"] + 1, 1.5, "1", True)
    elif schema["type"] == "boolean":
        yield from (1, "true")
    elif schema["type"] == "string":
        yield from (5, False, [])
        if schema.get("minLength"):
            yield ""
        if "maxLength" in schema:
            yield "x" * (schema["maxLength"] + 1)
        if "pattern" in schema:
            yield "\0"
    elif schema["type"] == "array":
        yield from ({}, "a", 5)
    else:
        yield from ([], "a", 5)


def right_values(document, schema):
    """The least and the greatest values, and whatever else is worth a try."""
    schema = document.resolve(schema)
    if "enum" in schema:
        yield from schema["enum"]
    elif schema["type"] == "integer":
        yield from (schema["minimum"], schema["maximum"])
    elif schema["type"] == "boolean":
        yield from (True, False)
    elif schema["type"] == "string":
        yield from schema.get("examples", [])
        if "maxLength" in schema and schema["maxLength"] < 1000:
            yield "x" * schema["maxLength"]


def places(document, schema, value, path=()):
    """All fields within a value: their paths, their schemas, whether they must be there, and what is instead of them."""
    schema = document.resolve(schema)
    if schema["type"] == "array":
        for index, element in enumerate(value):
            yield from places(document, schema["items"], element, path + (index,))
    elif schema["type"] == "object":
        alternatives = {name for each in schema.get("oneOf", []) for name in each["required"]}
        if "properties" not in schema:  # Any names.
            yield from ((path + (name,), schema["additionalProperties"], False, set()) for name in value)
            return
        for name, inner in schema["properties"].items():
            others = alternatives - {name} if name in alternatives else set()
            yield path + (name,), inner, name in schema["required"], others
            if name in value:
                yield from places(document, inner, value[name], path + (name,))


def objects(document, schema, value, path=()):
    schema = document.resolve(schema)
    if schema["type"] == "object" and "properties" in schema:
        yield path
        for name, inner in schema["properties"].items():
            if name in value:
                yield from objects(document, inner, value[name], path + (name,))
    elif schema["type"] == "array":
        for index, element in enumerate(value):
            yield from objects(document, schema["items"], element, path + (index,))


def pointer(path):
    return "".join(f"/{step}" for step in path)


def try_everything(session, method, params):
    """Sends params with each field in turn wrong, missing, or at the ends of its range. Nothing of it may be granted."""
    document = session.document
    schema = document.methods[method]["x-params"]
    for path, inner, is_required, others in places(document, schema, params):
        for wrong in wrong_values(document, inner):
            changed = changed_at(params, path, wrong, without=others)
            data = session.refusal(method, changed, "invalidArgument", legal=False)
            check(data.get("field") == pointer(path), method, path, wrong, data)
        if is_required:
            data = session.refusal(method, changed_at(params, path), "invalidArgument", legal=False)
            check(data.get("field") == pointer(path), method, path, "is missing", data)
        for right in right_values(document, inner):
            changed = changed_at(params, path, right, without=others)
            if others and right is False:
                continue  # As good as not there.
            answer = session.answer(session.send(method, changed))
            check("error" in answer, method, changed, "was granted")
            data = answer["error"]["data"]
            is_blamed = data["kind"] == "invalidArgument" and data.get("field") == pointer(path)
            # A schema cannot compare sizes.
            check(not is_blamed or path[-1] in ("size", "memory"), method, path, right, data)
    for path in objects(document, schema, params):
        changed = changed_at(params, path + ("nonsense",), 1)
        data = session.refusal(method, changed, "invalidArgument", legal=False)
        check(data["field"] == pointer(path + ("nonsense",)), method, path, data)


class Checks:
    def __init__(self, swiftlet, firmware, directory):
        self.swiftlet = swiftlet
        self.firmware = firmware
        self.directory = directory
        self.document = Document(swiftlet)

    def session(self, *arguments):
        return Session(self.document, self.swiftlet, self.directory, *arguments)

    def machine(self, session, payload, **configuration):
        kernel = {"path": f"{self.firmware}/{payload}.elf"}
        session.call("vm.create", {"config": {"kernel": kernel, "memory": "64M"} | configuration})

    def file(self, name, size):
        path = os.path.join(self.directory, name)
        with open(path, "wb") as file:
            file.truncate(size)
        return path

    # Each of these is a session or more.

    def a_life(self):
        with self.session() as session:
            check(session.call("server.info") == session.hello, "server.info is not what hello was")
            check(session.call("server.ping", {}) == {}, "ping")
            check(session.call("rpc.discover") == self.document.content, "rpc.discover is not what schema prints")
            for method in ("vm.start", "vm.pause", "vm.resume", "vm.stop", "vm.kill", "vm.wait", "vm.get", "vm.stats"):
                session.refusal(method, kind="invalidState")
            self.machine(session, "hello")
            session.refusal("vm.create", {"config": {"kernel": {"path": "k"}}}, "invalidState")
            check(session.call("vm.get")["state"] == "created", "the state")
            session.call("vm.stats")
            waiting = session.send("vm.wait", {"timeoutMs": 10000})
            session.call("vm.start")
            check(session.answer(waiting)["result"] == {"cause": "poweredOff", "code": 0}, "the ending")
            session.await_notification("vm.exited")
            check(session.call("vm.get")["ending"]["cause"] == "poweredOff", "the ending")
            session.call("vm.stats")
            session.call("vm.kill")
            session.refusal("vm.start", kind="invalidState")

    def a_dialogue(self):
        with self.session() as session:
            self.machine(session, "echo")
            session.call("vm.start")
            session.await_notification("console.output")
            session.call("console.write", {"data": "héllo"})
            session.await_notification("console.output", lambda params: "H" in params.get("data", ""))
            session.call("console.write", {"base64": base64.b64encode(b"\xff\xfe").decode()})
            session.await_notification("console.output", lambda params: "base64" in params)
            session.refusal("vm.wait", {"timeoutMs": 10}, "timeout")
            waiting = session.send("vm.wait")
            session.call("$/cancel", {"id": waiting})
            check(session.answer(waiting)["error"]["data"]["kind"] == "cancelled", "the cancellation")
            session.call("$/cancel", {"id": "nonesuch"})
            check(session.call("vm.pause") == {"state": "paused"}, "the pause")
            session.refusal("vm.pause", kind="invalidState")
            session.call("vm.stats")
            session.call("vm.resume")
            session.refusal("vm.resume", kind="invalidState")
            session.call("console.write", {"data": "."})
            check(session.call("vm.wait") == {"cause": "poweredOff", "code": 7}, "the status")

    def all_devices(self):
        disk, other = self.file("disk", 1 << 20), self.file("other", 1 << 19)
        with self.session() as session:
            self.machine(
                session, "spin", cpus=2, transport="pci", hugePages="never", entropy=True,
                disks=[{
                    "id": "data", "path": disk, "readOnly": False, "direct": False, "serial": "s", "queues": 2,
                    "queueSize": 64, "bytesPerSecond": 1 << 20, "operationsPerSecond": 100}],
                balloon={"deflateOnOOM": False, "statisticsInterval": 1},
                ports=[{"name": "a", "socket": "a.sock"}, {"name": "b", "file": "b.log"}],
                vsock={"cid": 3, "socket": "v.sock"}, console={"device": "virtio", "output": "discard"})
            check(len(session.call("vm.get")["devices"]) == 5, "the devices")
            session.refusal("device.update", {"id": "data"}, "invalidState")
            session.call("vm.start")
            session.call("device.update", {"id": "data"})
            session.call("device.update", {"id": "data", "path": other})
            session.call("device.update", {"id": "balloon", "size": "8M"})
            check(session.call("vm.get")["config"]["disks"][0]["path"] == other, "the disk")
            check("balloonTargetBytes" in session.call("vm.stats")["memory"], "the balloon")
            for params, kind, field in [
                ({"id": "data", "path": "/nonexistent"}, "notFound", "/path"),
                ({"id": "data", "linkUp": True}, "invalidArgument", "/linkUp"),
                ({"id": "balloon", "size": "1T"}, "invalidArgument", "/size"),
                ({"id": "balloon"}, "invalidArgument", "/size"),
                ({"id": "entropy"}, "unsupported", "/id"), ({"id": "nothing"}, "notFound", "/id"),
            ]:
                data = session.refusal("device.update", params, kind)
                check(data.get("field") == field, params, data)
            session.call("console.write", {"data": "x" * 700_000})
            session.refusal("console.write", {"data": "x" * 700_000}, "resource")
            check(session.call("vm.stop", {"graceMs": 100}) == {"state": "stopped"}, "the stop")

    def ends(self):
        for payload, cause in [("console-panic", "panicked"), ("triple-fault", "tripleFault"), ("reset-acpi", "reset")]:
            with self.session() as session:
                self.machine(session, payload)
                session.call("vm.start")
                check(session.call("vm.wait")["cause"] == cause, payload)
        with self.session() as session:
            self.machine(session, "spin")
            session.call("vm.start")
            waiting = session.send("vm.wait")
        check(session.answers[waiting]["result"] == {"cause": "killed"}, "the end of a client")

    def lost_output(self):
        with self.session() as session:
            self.machine(session, "hello", console={"output": "file:/dev/full"})
            session.call("vm.start")
            check(session.await_notification("log.line")["level"] == "error", "the log")
            session.call("vm.kill")

    def coming_and_going(self):
        device = {"disk": {"id": "plugged", "path": self.file("plugged", 1 << 20)}}
        with self.session() as session:
            self.machine(session, "hot-plug", transport="pci")
            session.call("vm.start")
            session.await_notification("console.output")
            session.call("device.attach", device)
            check([each["id"] for each in session.call("vm.get")["devices"]] == ["plugged"], "the device")
            check(session.refusal("device.attach", device, "invalidArgument")["field"] == "/disk/id", "the id")
            session.call("device.detach", {"id": "plugged"})
            check(session.refusal("device.detach", {"id": "plugged"}, "notFound")["field"] == "/id", "the id")
            session.call("vm.kill")

    def no_agent(self):
        with self.session() as session:
            self.machine(session, "echo")
            session.call("vm.start")
            for method, parameters in [
                ("exec.start", {"command": ["true"], "terminal": {"rows": 1, "columns": 1}, "environment": {"A": "b"}}),
                ("exec.write", {"id": 1, "data": "a", "wait": True}), ("exec.closeStdin", {"id": 1}),
                ("exec.signal", {"id": 1, "signal": 15}), ("exec.resize", {"id": 1, "rows": 1, "columns": 1}),
                ("exec.ack", {"id": 1, "bytes": 1}), ("exec.wait", {"id": 1}),
                ("fs.copyIn", {"source": "/a", "target": "/b", "uid": 1}), ("fs.copyOut", {"source": "/a", "target": "/b"}),
            ]:
                check("agent" in session.refusal(method, parameters, "unsupported")["hint"], method)
            session.call("vm.kill")

    def no_requests(self):
        with self.session() as session:
            for line, code in [
                ("nonsense", -32700), ("{", -32700), ("[]", -32600), ("null", -32600), ('{"id":"raw"}', -32600),
                ('{"jsonrpc":"2.0","id":[],"method":"server.ping"}', -32600),
                ('{"jsonrpc":"2.0","id":"raw","method":"vm.fly"}', -32601), ("x" * (1 << 20) + "x", -32600),
            ]:
                session.write(line)
                message = session.receive()
                check(message["error"]["code"] == code, line[:100], message)
            for method in self.document.methods:
                session.refusal(method, {"nonsense": 1}, "invalidArgument", legal=False)

    def wrong_parameters(self):
        config = {
            "kernel": {"path": "/nonexistent", "initrd": "i", "commandLine": "a", "append": "b"},
            "disks": [{"id": "d", "path": "/nonexistent"}], "nets": [{"id": "n", "tap": "/"}],
            "ports": [{"name": "p", "socket": "/nonexistent/p"}], "vsock": {"cid": 3, "socket": "/nonexistent/v"},
            "balloon": {}, "console": {},
        }
        with self.session() as session:
            try_everything(session, "vm.create", {"config": config})
            try_everything(session, "vm.stop", {})
            try_everything(session, "vm.wait", {})
            try_everything(session, "device.update", {"id": "d"})
            try_everything(session, "console.write", {"data": "a"})
            try_everything(session, "exec.start", {"command": ["c"], "directory": "/d", "environment": {"A": "b"}})
            try_everything(session, "fs.copyIn", {"source": "/a", "target": "/b"})
            session.refusal("fs.copyOut", {"source": "a", "target": "/b"}, "invalidArgument", legal=False)
            try_everything(session, "exec.signal", {"id": 1, "signal": 15})
            for wrong in ({"command": []}, {"command": [""]}, {"command": ["c"], "environment": {"A=": "b"}}):
                session.refusal("exec.start", wrong, "invalidArgument")
            session.refusal("console.write", {}, "invalidArgument", legal=False)
            session.refusal("console.write", {"data": "a", "base64": "YQ=="}, "invalidArgument", legal=False)
            for net in ({}, {"tap": "t", "user": True}, {"user": False}):
                changed = {"kernel": {"path": "k"}, "nets": [{"id": "n"} | net]}
                data = session.refusal("vm.create", {"config": changed}, "invalidArgument", legal=False)
                check(data["field"] == "/config/nets/0", net, data)
            for field, missing in [("disks/0/path", "disks"), ("kernel/path", "kernel")]:
                changed = {key: config[key] for key in ("kernel", missing)}
                changed["kernel"] = {"path": "/nonexistent"}
                data = session.refusal("vm.create", {"config": changed}, "notFound")
                check(data["field"] == f"/config/{field}", data)


def main():
    swiftlet, firmware = map(os.path.abspath, sys.argv[1:])
    with tempfile.TemporaryDirectory(prefix="swiftlet-") as directory:
        checks = Checks(swiftlet, firmware, directory)
        checks.a_life()
        checks.a_dialogue()
        checks.all_devices()
        checks.coming_and_going()
        checks.ends()
        checks.lost_output()
        checks.no_agent()
        checks.no_requests()
        checks.wrong_parameters()
    document = checks.document
    document.check_coverage()
    print(
        f"{document.requests} requests of {len(document.methods)} methods, and {len(document.notifications)} kinds of "
        "notifications, are as described")


if __name__ == "__main__":
    main()
