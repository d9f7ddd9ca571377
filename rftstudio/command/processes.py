"""Several processes in one terminal: started, restarted when they die, stopped in order.

Trainings are none of them: their supervisors live in sessions of their own and go on when this process ends.
"""

import contextlib
import os
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from types import FrameType
from typing import IO

from rftstudio.command.place import Place
from rftstudio.command.running import commands
from rftstudio.command.terminal import RED, ROOT, paint, say

LONGEST_WAIT = 30  # seconds between two starts of a process that keeps dying
STEADY = 60  # seconds a process has to live for its earlier deaths to be forgotten


class Child:
    """One process in a session of its own, its lines shown behind its name."""

    def __init__(self, name: str, colour: str, command: Sequence[str], env: Mapping[str, str]) -> None:
        self.name, self.colour, self.env = name, colour, env
        self.command = command
        self.process: subprocess.Popen[str] | None = None
        self.begun = self.due = 0.0  # seconds on the monotonic clock
        self.deaths = 0

    def start(self) -> None:
        self.begun = time.monotonic()
        self.process = subprocess.Popen(
            self.command,
            cwd=ROOT,
            env=self.env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            start_new_session=True,
        )
        threading.Thread(target=self._copy, args=(self.process.stdout,), daemon=True).start()

    def _copy(self, stream: IO[str]) -> None:
        for line in stream:
            if line.strip():
                say(f"{paint(f'{self.name:>6} |', self.colour)} {line.rstrip()}")

    def check(self) -> None:
        """Starts the process when it is due; sees when it has died and says when it will be started again."""
        if self.process is None:
            if time.monotonic() >= self.due:
                self.start()
            return
        code = self.process.poll()
        if code is None:
            return
        self.end()
        lived = time.monotonic() - self.begun
        self.deaths = 1 if lived > STEADY else self.deaths + 1
        wait = min(2 ** (self.deaths - 1), LONGEST_WAIT)
        how = f"exit {code}" if code >= 0 else signal.Signals(-code).name
        say(paint(f"{self.name:>6} | stopped after {lived:.0f} s ({how}). Starting it again in {wait} s.", RED))
        self.due = time.monotonic() + wait

    def ask(self) -> None:
        """Asks the process to end. Only the first of its session: that one knows how to end the others."""
        if self.process and self.process.poll() is None:
            self.process.terminate()

    def end(self, seconds: float = 0) -> None:
        """Waits that long for the process, then kills whatever is left of its session's group."""
        if self.process:
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.process.wait(seconds)
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
            self.process = None


def look_after(
    place: Place, children: Sequence[Child], welcome: Callable[[], str], reloaded: Sequence[Child] = ()
) -> None:
    """Keeps the children running until SIGINT, SIGTERM or SIGHUP, then stops them, the first one last.

    welcome: called for the text to print once the web server answers. reloaded: started again when a source changes.
    """
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: stop.set())
    greeted, source = False, newest_source()
    known: list[int] = []
    while not stop.wait(0.5 if greeted else 0.05):
        for child in children:
            child.check()
        groups = [child.process.pid for child in children if child.process]
        if groups != known:
            place.note(groups)
            known = groups
        if not greeted and answers(place.probe):
            greeted = True
            say(welcome())
        if reloaded and newest_source() > source:
            source = newest_source()
            for child in reloaded:
                say(paint(f"{child.name:>6} | a file changed: starting again", child.colour))
                child.ask()
                child.end(10)
    stop_all(place, children)


def stop_all(place: Place, children: Sequence[Child]) -> None:
    """Ends the children in order; says what goes on without them."""

    def at_once(number: int, frame: FrameType | None) -> None:
        for child in children:
            child.end()
        os._exit(130)

    for number in (signal.SIGINT, signal.SIGTERM):  # whoever asks a second time does not wait
        signal.signal(number, at_once)
    say("\n  Stopping ...")
    going_on = jobs_under_way(place)
    first, *others = children  # the broker, where there is one: the worker gives its tasks back to it
    for child in others:
        child.ask()
    for child in others:
        child.end(15)
    first.ask()
    first.end(5)
    place.record.unlink(missing_ok=True)
    if going_on:
        noun = "training or comparison goes" if going_on == 1 else "trainings and comparisons go"
        say(f"  {going_on} {noun} on in the background; `./studio up` shows how far they are.")
    say(f"  Stopped. Everything is kept in {place.data}")


def answers(address: tuple[str, int]) -> bool:
    """Whether a web server there answers a request, whatever it says."""
    with contextlib.suppress(OSError), socket.create_connection(address, timeout=1) as connection:
        connection.settimeout(20)
        connection.sendall(b"GET / HTTP/1.0\r\nHost: 127.0.0.1\r\n\r\n")
        return connection.recv(12).startswith(b"HTTP/")
    return False


def newest_source() -> float:
    """When the newest Python file of the product was written, in seconds since the epoch."""
    return max(path.stat().st_mtime for path in (ROOT / "rftstudio").rglob("*.py"))


def jobs_under_way(place: Place) -> int:
    """How many engine processes work for this DATA_DIR."""
    return sum("-m rftstudio.engine." in line and str(place.data) in line for line in commands().values())
