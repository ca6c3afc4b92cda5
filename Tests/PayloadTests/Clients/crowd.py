"""crowd.py SWIFTLET KERNEL COUNT [INITRD]: drives COUNT machines at once through their whole lives, by turns, from this one
process. The kernel is the payload `echo`, or with an initrd a stock kernel whose guest does as that does.

Nothing is left at the end: no process, no descriptor, no file."""

import asyncio
import json
import os
import random
import subprocess
import sys
import tempfile

#: Seconds for an answer, or a guest's echo. So many machines share few processors.
PATIENCE = 120
MOST_LINE = 2 << 20
BANNER = "full stop\n"


class Machine:
    """A server, and what it said."""

    async def begin(self, program):
        self.process = await asyncio.create_subprocess_exec(
            program, "serve", stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, limit=MOST_LINE)
        self.waiting = {}
        self.last = 0
        self.console = ""
        self.notifications = []
        self.news = asyncio.Condition()
        self.listening = asyncio.create_task(self.listen())
        await self.told("hello")

    async def listen(self):
        while line := await self.process.stdout.readline():
            message = json.loads(line)
            assert message.pop("jsonrpc") == "2.0", line
            if "method" in message:
                async with self.news:
                    if message["method"] == "console.output":
                        self.console += message["params"]["data"]
                    else:
                        self.notifications.append((message["method"], message["params"]))
                    self.news.notify_all()
            else:
                # An answer that nobody waits for, or a second one, is a KeyError.
                self.waiting.pop(message["id"]).set_result(message)

    async def until(self, condition, what):
        async def wait():
            async with self.news:
                await self.news.wait_for(condition)
        try:
            await asyncio.wait_for(wait(), PATIENCE)
        except asyncio.TimeoutError:
            raise AssertionError(f"no {what}; there was {self.notifications} and '{self.console[-500:]}'") from None

    async def told(self, method):
        await self.until(lambda: any(name == method for name, _ in self.notifications), method)
        return next(params for name, params in self.notifications if name == method)

    async def printed(self, text):
        """Waits for the text, and forgets the console up to its end."""
        await self.until(lambda: text in self.console, f"'{text}'")
        self.console = self.console.partition(text)[2]

    def send(self, method, **params):
        self.last += 1
        self.waiting[self.last] = asyncio.get_running_loop().create_future()
        self.process.stdin.write(json.dumps(
            {"jsonrpc": "2.0", "id": self.last, "method": method, "params": params}).encode() + b"\n")
        return self.waiting[self.last]

    async def call(self, method, **params):
        answer = await asyncio.wait_for(self.send(method, **params), PATIENCE)
        assert "result" in answer, (method, answer)
        return answer["result"]

    async def end(self):
        self.process.stdin.close()
        errors = await self.process.stderr.read()
        await self.listening
        assert await self.process.wait() == 0, errors
        assert errors == b"", errors
        assert not self.waiting, "a request was not answered"


class Life:
    """What one client does with one machine. The others do the same meanwhile, each in its own order."""

    def __init__(self, number, directory, kernel, initrd, together):
        self.machine = Machine()
        self.number = number
        self.path = f"{directory}/{number}"
        self.kernel = {"path": kernel} | ({"initrd": initrd, "append": "quiet tsc=reliable"} if initrd else {})
        self.memory = "256M" if initrd else "64M"
        self.together = together

    async def live(self, program):
        machine = self.machine
        await machine.begin(program)
        hello = await machine.told("hello")
        assert hello["pid"] == machine.process.pid, hello
        assert await machine.call("vm.create", config={
            "memory": self.memory, "kernel": self.kernel, "entropy": True,
            "vsock": {"cid": 3 + self.number, "socket": f"{self.path}.vsock"},
            "ports": [{"name": "port", "socket": f"{self.path}.port"}]}) == {"id": "vm"}
        assert await machine.call("vm.start") == {"state": "running"}
        await machine.printed(BANNER)
        # All of them run now.
        await self.together.wait()
        assert os.path.exists(f"{self.path}.vsock") and os.path.exists(f"{self.path}.port")
        for _ in range(30):
            await random.choice([self.echo, self.pause, self.look, self.ask_much])()
        await self.together.wait()
        await random.choice([self.power_off, self.stop, self.kill, self.leave])()
        await machine.end()

    def text(self):
        return "".join(random.choices("abcdefghijklmnopqrstuvwxyz0123456789", k=random.randrange(1, 12)))

    async def write(self):
        """Gives the guest a line, and returns what it must print for it."""
        text = f"{self.number}:{self.text()}\n"
        assert await self.machine.call("console.write", data=text) == {}
        return text.upper()

    async def echo(self):
        await self.machine.printed(await self.write())

    async def pause(self):
        machine = self.machine
        assert await machine.call("vm.pause") == {"state": "paused"}
        assert (await machine.call("vm.get"))["state"] == "paused"
        before = await machine.call("vm.stats")
        echo = await self.write()
        await asyncio.sleep(random.uniform(0, 0.05))
        after = await machine.call("vm.stats")
        assert echo not in machine.console, "a paused guest prints"
        assert [vcpu["exits"] for vcpu in before["vcpus"]] == [vcpu["exits"] for vcpu in after["vcpus"]]
        assert await machine.call("vm.resume") == {"state": "running"}
        await machine.printed(echo)

    async def look(self):
        state = await self.machine.call("vm.get")
        assert state["state"] == "running" and state["pid"] == self.machine.process.pid, state
        assert state["config"]["vsock"]["cid"] == 3 + self.number, state
        stats = await self.machine.call("vm.stats")
        assert [vcpu["id"] for vcpu in stats["vcpus"]] == [0], stats
        assert stats["console"]["lostBytes"] == 0, stats

    async def ask_much(self):
        answers = await asyncio.gather(*(self.machine.call("server.ping") for _ in range(20)))
        assert answers == [{}] * 20, answers

    # Ends.

    async def check_end(self, waiting, cause):
        assert (await waiting)["result"]["cause"] == cause
        assert (await self.machine.told("vm.exited"))["cause"] == cause
        assert (await self.machine.call("vm.get"))["state"] == "stopped"

    async def power_off(self):
        waiting = self.machine.send("vm.wait")
        assert await self.machine.call("console.write", data=".\n") == {}
        await self.check_end(waiting, "poweredOff")

    async def stop(self):
        waiting = self.machine.send("vm.wait")
        assert await self.machine.call("vm.stop", graceMs=random.randrange(100)) == {"state": "stopped"}
        await self.check_end(waiting, "killed")

    async def kill(self):
        waiting = self.machine.send("vm.wait")
        assert await self.machine.call("vm.kill") == {"state": "stopped"}
        await self.check_end(waiting, "killed")

    async def leave(self):
        """Without a word: the machine is killed."""
        waiting = self.machine.send("vm.wait")
        self.machine.process.stdin.close()
        assert (await waiting)["result"] == {"cause": "killed"}


async def live_together(program, kernel, count, initrd, directory):
    together = asyncio.Barrier(count)
    lives = [Life(number, directory, kernel, initrd, together) for number in range(count)]
    async with asyncio.TaskGroup() as tasks:
        for life in lives:
            tasks.create_task(life.live(program))


def has_children():
    try:
        os.waitpid(-1, os.WNOHANG)
        return True
    except ChildProcessError:
        return False


def main(program, kernel, count, initrd=None):
    seed = random.randrange(1 << 32)
    print(f"seed {seed}")
    random.seed(seed)
    descriptors = os.listdir("/proc/self/fd")
    with tempfile.TemporaryDirectory() as directory:
        asyncio.run(live_together(program, kernel, count, initrd, directory))
        assert os.listdir(directory) == [], f"a file is left: {os.listdir(directory)}"
    assert not has_children(), "a process is left"
    assert os.listdir("/proc/self/fd") == descriptors, "a descriptor is left"


main(*map(os.path.abspath, sys.argv[1:3]), int(sys.argv[3]), *map(os.path.abspath, sys.argv[4:]))
