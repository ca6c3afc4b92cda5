#!/usr/bin/env python3
"""Boots a guest, prints its console, and exits with its status: guest.py KERNEL"""
import base64
import json
import os
import subprocess
import sys


def fail(message):
    print(f"guest.py: {message}", file=sys.stderr)
    sys.exit(125)


swiftlet = subprocess.Popen(
    [os.environ.get("SWIFTLET_BINARY", "swiftlet"), "serve", "--client", str(os.getpid())],
    stdin=subprocess.PIPE, stdout=subprocess.PIPE)
requests = [("vm.create", {"config": {"kernel": {"path": sys.argv[1]}, "memory": "64M"}}), ("vm.start", {})]
for number, (method, params) in enumerate(requests):
    request = {"jsonrpc": "2.0", "id": number, "method": method, "params": params}
    swiftlet.stdin.write(json.dumps(request).encode() + b"\n")
swiftlet.stdin.flush()
for line in swiftlet.stdout:
    message = json.loads(line)
    params = message.get("params", {})
    if "error" in message:
        fail(message["error"]["message"])
    if message.get("method") == "console.output":
        output = base64.b64decode(params["base64"]) if "base64" in params else params["data"].encode()
        sys.stdout.buffer.write(output)
        sys.stdout.flush()
    if message.get("method") == "vm.exited":
        sys.exit(0 if params["cause"] == "reset" else params.get("code", 255))
fail("swiftlet ended before its guest")
