"""What the tests stand on: processes that end with them, patience, and the local program."""

import json
import os
import shlex
import signal
import socket
import subprocess
import tempfile
import time
import unittest
import urllib.request
from pathlib import Path
from urllib.error import HTTPError, URLError

ROOT = Path(__file__).resolve().parents[2]
TOOLS = ROOT / "target" / "aws"
PROGRAM = ROOT / "target" / "debug" / "nightkeep"
PATIENCE = 90


def until(what, look, patience=PATIENCE):
    """Waits until `look` gives something, which is given on."""
    end = time.monotonic() + patience
    while True:
        seen = look()
        if seen:
            return seen
        if time.monotonic() > end:
            raise AssertionError(f"waited {patience} s, but not: {what}; seen last: {seen!r}")
        time.sleep(0.1)


def free_port():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


def listens(port):
    with socket.socket() as one:
        return one.connect_ex(("127.0.0.1", port)) == 0


def ask(method, url, body=None, headers=None):
    """The answer's status, and its body: what the JSON says, or else the text."""
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, method=method, data=data, headers={"content-type": "application/json", **(headers or {})})
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            status, text = answer.status, answer.read()
    except HTTPError as error:
        status, text = error.code, error.read()
    text = text.decode(errors="replace")
    try:
        return status, json.loads(text)
    except ValueError:
        return status, text


def answers(url):
    try:
        return urllib.request.urlopen(url, timeout=5).status == 200
    except (URLError, OSError):
        return False


def variables_of(file):
    """The variables that a file sets for a shell."""
    lines = subprocess.run(["sh", "-c", f". {shlex.quote(str(file))} && env -0"], capture_output=True, text=True, env={"PATH": "/usr/bin:/bin"}, check=True).stdout
    return {name: value for name, _, value in (line.partition("=") for line in lines.split("\0")) if name.startswith(("AWS_", "NIGHTKEEP_", "RESTIC_"))}


class Process:
    """A process with a log of its own, and all that it starts."""

    def __init__(self, command, log, environment=None, **options):
        self.log = open(log, "w+b")
        self.process = subprocess.Popen(command, stdout=options.pop("stdout", self.log), stderr=self.log, env={**os.environ, **(environment or {})}, start_new_session=True, **options)

    def stop(self):
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGTERM)
            try:
                self.process.wait(20)
            except subprocess.TimeoutExpired:
                os.killpg(self.process.pid, signal.SIGKILL)
                self.process.wait()
        self.log.close()


class WithProcesses(unittest.TestCase):
    """Tests that share processes, in a folder of their own."""

    maxDiff = None

    @classmethod
    def setUpClass(cls):
        cls.ends = []
        try:
            temporary = tempfile.TemporaryDirectory(prefix="nightkeep-")
            cls.ends.append(temporary.cleanup)
            cls.folder = Path(temporary.name)
            cls.begin()
        except BaseException:
            cls.tearDownClass()
            raise

    @classmethod
    def tearDownClass(cls):
        for end in reversed(cls.ends):
            end()

    @classmethod
    def start(cls, name, command, **options):
        process = Process([str(part) for part in command], cls.folder / f"{name}.log", **options)
        cls.ends.append(process.stop)
        return process

    @classmethod
    def start_local(cls, description):
        """Starts the local program; gives its address, and the variables by which a client finds it."""
        (cls.folder / "application.toml").write_text(description)
        port = free_port()
        state = cls.folder / "state"
        process = cls.start("local", [PROGRAM, "--port", port, "--state", state, "--application", cls.folder / "application.toml", "--nightly", "off", "--settle-seconds", "0"])
        address = f"http://127.0.0.1:{port}"
        until("the local program", lambda: answers(f"{address}/maintenance"))
        return process, address, variables_of(state / "env")

    @classmethod
    def logs(cls):
        return "\n".join(f"--- {path.name}\n{path.read_text(errors='replace')[-6000:]}" for path in sorted(cls.folder.glob("*.log")))
