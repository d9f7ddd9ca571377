"""The edges of a job's process: how it hears that it should stop, and how it says why it ended.

Exit codes: 0 succeeded, 1 system fault, 2 the author's mistake, 3 cancelled, 4 too many grader failures, 5 paused,
6 ended by SIGTERM and to be gone on with, 7 disk full, 8 out of memory (`engine.faults`).
"""

import contextlib
import json
import os
import signal
import sys
import time
import traceback
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from rftstudio.engine.errors import EngineError, GraderFault, SpecError
from rftstudio.engine.events import Log, read
from rftstudio.engine.faults import Refusal, refusal
from rftstudio.engine.grading.tools import Tools, using
from rftstudio.engine.job import Job, read_job, read_lists

# How torch's threads wait for each other: they look for about as long as a layer's steps are apart, then sleep.
# Decoding with two threads takes a third longer where they sleep at once, since waking one takes as long as its work;
# where they look for milliseconds, two jobs on the same cores take ten times as long instead of twice.
WAITING = {"GOMP_SPINCOUNT": "10000", "KMP_BLOCKTIME": "0"}  # GNU's OpenMP; LLVM's and Intel's, which count in ms

SUCCEEDED, FAULT, AUTHOR, CANCELLED, GRADER, PAUSED, ENDED = 0, 1, 2, 3, 4, 5, 6


class Stop:
    """Whether the job should stop: a person wants it (a file named `stop` in its directory) or the machine (SIGTERM).

    A file named `pause` asks for a pause; only a training knows how to do that.
    """

    def __init__(self, directory: Path) -> None:
        self.file = directory / "stop"
        self.pause_file = directory / "pause"
        self.signalled = False
        signal.signal(signal.SIGTERM, self._signal)

    def _signal(self, *_: object) -> None:
        self.signalled = True

    def __call__(self) -> bool:
        return self.signalled or self.file.exists()

    @property
    def for_now(self) -> bool:
        """Only the machine wants it, to be shut down perhaps: whoever starts the job again goes on with it."""
        return self.signalled and not self.file.exists()

    @property
    def pausing(self) -> bool:
        return self.pause_file.exists()


def run_job(directory: Path, body: Callable[[Job, Log, Stop], int]) -> int:
    """Run `body` on the job of a directory and return the exit code.

    Whatever it raises becomes a `finished` event. A job that has succeeded is left as it is.
    """
    stop = Stop(directory)
    try:
        job = read_job(directory)
    except SpecError as error:
        print(error, flush=True)
        return AUTHOR
    began = time.monotonic()
    try:
        events = Log(directory / "events.jsonl")
    except OSError as error:
        return _fail(None, error, began)
    try:
        if (result := _success(directory)) is not None:
            _say_once(events, result)
            return SUCCEEDED
        (directory / "result.json").unlink(missing_ok=True)  # of a pause, perhaps: what comes now is another result
        with using(Tools(lists=read_lists(directory, job))):
            return body(job, events, stop)
    except Exception as error:
        return _fail(events, error, began)
    finally:
        events.close()


def _fail(events: Log | None, error: Exception, began: float) -> int:
    """Say why the job failed, as far as that can be written; its exit code."""
    code, culprit, message = FAULT, "system", str(error)
    refused = None
    if isinstance(error, SpecError):
        code, culprit = AUTHOR, "author"
    elif isinstance(error, GraderFault):
        code, culprit = GRADER, "grader"
    elif refused := refusal(error):
        code, message = refused.code, refused.sentence
    elif not isinstance(error, EngineError):
        what = f"{type(error).__name__}: {error}"
        message = f"The engine failed: {what}. The log has the details; what was done is kept."
    data = {"status": "failed", "culprit": culprit, "best_step": None, "seconds": round(time.monotonic() - began, 1)}
    if events is not None:
        with _room_or_not(refused):
            events.append({"type": "finished", "level": "error", "message": message, "data": data})
    with _room_or_not(refused):
        if refused or not isinstance(error, EngineError):
            traceback.print_exception(error)
        print(message, flush=True)
    return code


@contextlib.contextmanager
def _room_or_not(refused: Refusal | None) -> Iterator[None]:
    """On a full disk the last words may find no room: the exit code has them."""
    try:
        yield
    except OSError:
        if refused is None:
            raise
        sys.stdout = sys.stderr = open(os.devnull, "w")  # noqa: SIM115 - else the interpreter fails to flush, and says 120


def _success(directory: Path) -> dict[str, Any] | None:
    """The result of a job that has succeeded; else None."""
    try:
        result = json.loads((directory / "result.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return result if result.get("status") == "succeeded" else None


def _say_once(events: Log, result: dict[str, Any]) -> None:
    """The last event of a job that was killed between its result and saying so."""
    message = "This job has succeeded already."
    print(message, flush=True)
    rows = list(read(events.path))
    if not rows or rows[-1]["type"] != "finished":
        data = {name: result.get(name) for name in ("status", "best_step", "seconds")} | {"culprit": ""}
        events.append({"type": "finished", "level": "info", "message": message, "data": data})


def write_result(directory: Path, result: dict[str, Any]) -> None:
    """`result.json`, whole or not at all."""
    temporary = directory / "result.json.part"
    temporary.write_text(json.dumps(result, ensure_ascii=False, indent=1), encoding="utf-8")
    os.replace(temporary, directory / "result.json")


def say(events: Log, message: str, *, kind: str = "message", key: str = "", **data: Any) -> None:
    """An event with a sentence for a person, which also goes to the log."""
    row: dict[str, Any] = {"type": kind, "level": "info", "message": message, "data": data}
    if events.append(row, key=key):
        print(message, flush=True)


def settle_process() -> None:
    """Before torch is imported: let waiting threads sleep, and keep one library's notes to another out of the log."""
    if "OMP_WAIT_POLICY" not in os.environ:
        for name, value in WAITING.items():
            os.environ.setdefault(name, value)
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    warnings.filterwarnings("ignore", message=".*is_gradient_checkpointing.*", category=FutureWarning)
