"""The processes of a studio around one training, each of which can be killed and, as in life, started again."""

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from contextlib import suppress
from http.client import HTTPException
from pathlib import Path
from typing import IO, Any
from urllib.error import URLError
from urllib.request import Request, urlopen

import psutil
from django.conf import settings

from rftstudio.command.up import WEB, WORKER
from tests.runs.conftest import started


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Household:
    """A worker with beat and a web server; supervisor and child are whatever the worker started.

    broker: the address of its broker. folder: for logs. Environment variables are the test's.
    """

    def __init__(self, *, broker: str, folder: Path) -> None:
        self.env = {**os.environ, "BROKER_URL": broker, "DEBUG": "1", "PYTHONWARNINGS": "ignore"}
        self.folder = folder
        self.port = free_port()
        self.processes: dict[str, subprocess.Popen[bytes]] = {}
        self.logs: list[IO[bytes]] = []

    def start(self, name: str) -> None:
        schedule = str(self.folder / "beat")
        web = [*WEB.split(), f"127.0.0.1:{self.port}"]
        words = web if name == "web" else [*WORKER.split(), schedule]
        output = (self.folder / f"{name}.log").open("ab")
        self.logs.append(output)
        self.processes[name] = subprocess.Popen(
            [sys.executable, *words], env=self.env, cwd=settings.BASE_DIR, stdin=subprocess.DEVNULL,
            stdout=output, stderr=subprocess.STDOUT, start_new_session=True,
        )  # fmt: skip

    def kill(self, name: str) -> bool:
        """SIGKILL one of "worker", "web", "supervisor", "child"; whether there was one."""
        if process := self.processes.get(name):
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            return True
        found = started("supervise" if name == "supervisor" else "rftstudio.engine.training")
        for one in found:
            with suppress(psutil.NoSuchProcess):
                one.kill()
        psutil.wait_procs(found, timeout=5)
        return bool(found)

    def close(self) -> None:
        for name in list(self.processes):
            self.kill(name)
        for output in self.logs:
            output.close()


class Reader(threading.Thread):
    """An open page: asks for what is new, however often the web server is gone, and never for what it has."""

    def __init__(self, url: str, session: str) -> None:
        super().__init__(daemon=True)
        self.url = url
        self.session = session
        self.steps: list[int] = []
        self.refused = self.answers = 0
        self.done = threading.Event()

    def run(self) -> None:
        since = -1
        while not self.done.wait(0.3):
            if (answer := self._ask(since)) is not None:
                self.steps += [point["step"] for point in answer["points"]]
                since = answer["next"]

    def _ask(self, since: int) -> dict[str, Any] | None:
        request = Request(f"{self.url}?since={since}", headers={"Cookie": f"sessionid={self.session}"})
        try:
            with urlopen(request, timeout=30) as reply:
                found: dict[str, Any] = json.load(reply)
        except (URLError, OSError, HTTPException):
            self.refused += 1
            return None
        self.answers += 1
        return found


def wait(condition: Any, *, seconds: float, what: str) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, f"{what}: not within {seconds} s"
        time.sleep(0.02)
