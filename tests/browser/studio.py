"""A studio as a user has it: broker, web server and worker as `./studio up` starts them, over its own data directory.

Nothing runs in the tests' own process and nothing of the studio is replaced; only the model is smaller, the line of
jobs is looked at by the same tasks, and a silent supervisor is replaced after seconds instead of twenty.
"""

import os
import re
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from unittest import mock

import psutil

from rftstudio.command.place import Place
from rftstudio.command.processes import answers
from rftstudio.command.terminal import ROOT
from rftstudio.command.up import services

# What the tests' own process has set, or whoever runs them, must not reach the studio.
FOREIGN = (
    "ALLOWED_HOSTS",
    "BROKER_URL",
    "DATABASE_URL",
    "DEBUG",
    "DJANGO_SETTINGS_MODULE",
    "HTTPS",
    "SECRETS_KEY",
    "SECRET_KEY",
)
REGISTER = (
    "import pathlib; from rftstudio.registry.actions import register_local; "
    "register_local(name='Tiny', directory=pathlib.Path({!r}), licence='none')"
)


class Studio:
    """`prepare()` once, then `start()`, `kill()` and `stop()` at will; `url` is where a browser finds it."""

    def __init__(self, data: Path, port: int | None = None) -> None:
        self.data = data
        self.port = port or free_port()
        own = {"HOST": "127.0.0.1", "PORT": str(self.port), "DATA_DIR": str(data), "JOB_STALE_SECONDS": "4"}
        clean = {name: value for name, value in os.environ.items() if name not in FOREIGN}
        self.env = {**clean, **own, "OMP_NUM_THREADS": "1", "HF_ENDPOINT": "http://127.0.0.1:9"}
        with mock.patch.dict(os.environ, self.env, clear=True):
            self.place = Place()
            self.children = services(self.place, debug=False)
        self.url = self.place.url
        self.link = ""
        self.running: dict[str, subprocess.Popen[bytes]] = {}

    def prepare(self, embedded: Path) -> None:
        """Tables, static files, models, first account and samples. `link` is the printed sign-in link."""
        (self.data / "models").mkdir(parents=True, exist_ok=True)
        (self.data / "models" / "smollm2-135m-instruct").symlink_to(embedded)
        tiny = self.data / "models" / "tiny"
        making = [
            subprocess.Popen([sys.executable, *command], cwd=ROOT, env=self.env)
            for command in (
                ["-m", "tests.browser.tiny", str(tiny)],
                ["manage.py", "collectstatic", "--no-input", "-v0"],
                ["manage.py", "migrate", "--no-input", "-v0"],
            )
        ]
        assert [process.wait(120) for process in making] == [0, 0, 0]
        # First, so that the launch page offers it before the embedded model.
        self.manage("shell", "-v0", "-c", REGISTER.format(str(tiny)))
        said = self.manage("setup_studio", "--base-url", self.url)
        found = re.search(r"http://\S+/welcome/\S+", said)
        assert found, f"setup_studio printed no sign-in link: {said}"
        self.link = found[0]

    def manage(self, *arguments: str) -> str:
        """Runs a management command of this studio; returns what it printed."""
        command = [sys.executable, "manage.py", *arguments]
        return subprocess.run(command, cwd=ROOT, env=self.env, stdout=subprocess.PIPE, text=True, check=True).stdout

    def start(self) -> None:
        """Broker, web server and worker; returns when the web server answers."""
        for child in self.children:
            with (self.data / f"{child.name}.log").open("ab") as log:
                self.running[child.name] = subprocess.Popen(
                    child.command,
                    cwd=ROOT,
                    env=child.env,
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                    start_new_session=True,
                )
        wait_for(lambda: answers(self.place.probe), "the web server answers", seconds=120)

    def kill(self, *names: str) -> None:
        """SIGKILL to the processes named, or to all, with everything in their groups."""
        for name in names or list(self.running):
            process = self.running.pop(name)
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()

    def stop(self) -> None:
        """Everything ends at once, supervisors and trainings too: nobody needs the data any more."""
        self.kill()
        for process in self.processes():
            process.kill()

    def processes(self, part: str = "") -> list[psutil.Process]:
        """Every process that works for this data directory and has `part` in its command."""
        found = []
        for process in psutil.process_iter():
            try:
                command = " ".join(process.cmdline())
                ours = str(self.data) in command or process.environ().get("DATA_DIR") == str(self.data)
            except (psutil.NoSuchProcess, psutil.AccessDenied, psutil.ZombieProcess):
                continue
            if ours and part in command and process.pid != os.getpid():
                found.append(process)
        return found

    def rows(self, query: str, *values: Any) -> list[tuple[Any, ...]]:
        """What stands in the studio's database."""
        with sqlite3.connect(f"file:{self.data}/studio.sqlite3?mode=ro", uri=True, timeout=20) as connection:
            return connection.execute(query, values).fetchall()

    def logs(self) -> str:
        """The last lines of every process, for a failure's report."""
        files = [*sorted(self.data.glob("*.log")), *sorted(self.data.glob("jobs/*.log"))]
        return "\n".join(f"== {file.name}\n" + "\n".join(file.read_text().splitlines()[-25:]) for file in files)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def wait_for(condition: Callable[[], Any], what: str, seconds: float = 60) -> Any:
    """The condition's first true value. Fails with `what` when it does not come true in time."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if value := condition():
            return value
        time.sleep(0.2)
    raise AssertionError(f"After {seconds:.0f} s it is still not so that {what}.")
