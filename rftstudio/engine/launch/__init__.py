"""How a job process is started, watched and stopped. Who starts it, and when, is decided elsewhere.

A launcher is four calls and a memory: start, poll, signal, collect, and `adopt`, which finds a job again
from what its handle wrote down. `local` runs a child process on this machine; a cluster's launcher has the
same calls. Nothing in the engine knows which one it runs under.
"""

import signal as signals
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol, TypeVar

from rftstudio.engine.errors import SystemFault

EXIT_SUCCEEDED = 0
EXIT_SYSTEM = 1
EXIT_AUTHOR = 2
EXIT_CANCELLED = 3
EXIT_GRADER = 4
EXIT_PAUSED = 5
EXIT_ENDED = 6  # by SIGTERM, with everything saved: a machine that shuts down sends it to all processes
EXIT_UNKNOWN = -1000  # it has ended and nobody who may know the code was watching; below every signal's number

STOP_FILE = "stop"  # in the job's directory: finish the step, keep a checkpoint, end
PAUSE_FILE = "pause"  # the same, to be gone on with: the same job is started again later


class Busy(SystemFault):
    """Another process works in this job's directory already."""


class Handle(Protocol):
    """What a launcher needs to find a job again, as JSON."""

    def to_json(self) -> dict[str, Any]: ...


H = TypeVar("H", bound=Handle)


class Launcher(Protocol[H]):
    """The calls of `local` (a module is one of these) and of any launcher to come."""

    def start(self, directory: Path, *, env: dict[str, str], nonce: str = "", secrets: Mapping[str, str] = ...) -> H:
        """Start the job of a directory. `nonce`: chosen by the caller, who may have written it down first.

        secrets: variables for the job that must not be written to any file.

        Raises `Busy` when another process has the directory, `SpecError` when `job.json` is broken and
        `SystemFault` when the machine refuses.
        """
        ...

    def poll(self, handle: H) -> int | None:
        """None while it runs; then its exit code, minus a signal's number, or `EXIT_UNKNOWN`."""
        ...

    def signal(self, handle: H, sig: signals.Signals) -> None:
        """Send a signal: SIGTERM asks the job to save at the next step and to end, SIGKILL ends all of it at once."""
        ...

    def collect(self, handle: H) -> int:
        """After the end: clear away what it left running and give the exit code. Raises `SystemFault` before it."""
        ...

    def adopt(self, data: dict[str, Any]) -> H | None:
        """The running job that `to_json` described, or of which only the nonce is known; None when it is gone."""
        ...


def request_stop(directory: Path) -> None:
    """Ask the job of a directory to stop at the next step, whoever runs it and wherever. Safe to repeat."""
    _ask(directory / STOP_FILE, "stop")


def request_pause(directory: Path) -> None:
    """Ask the job of a directory to pause at the next step. Safe to repeat; a request to stop goes before it."""
    _ask(directory / PAUSE_FILE, "pause")


def withdraw_requests(directory: Path) -> None:
    """Take earlier requests back, before a job is started anew."""
    for name in (STOP_FILE, PAUSE_FILE):
        (directory / name).unlink(missing_ok=True)


def _ask(file: Path, what: str) -> None:
    try:
        file.touch()
    except OSError as error:
        raise SystemFault(f"The job could not be asked to {what}: {error}.") from error
