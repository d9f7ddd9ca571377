"""The other engine: Monty, an interpreter of a subset of Python that has no files, network or processes to begin with.

A grader's author chooses it (`"engine": "monty"`); it needs nothing of the machine, so it works where the sandbox does
not. It runs in worker processes of its own and keeps their limits. A grader is tried when it is read, so that what
Monty does not know is found while it is written. Nothing ever falls from one engine to the other.
"""

import atexit
import math
import os
import threading
from functools import lru_cache
from importlib import import_module
from typing import Any

from rftstudio.engine.errors import SpecError
from rftstudio.engine.grading.sandbox.limits import Limits
from rftstudio.engine.grading.sandbox.slot import Failure, Outcome

CHECK_SECONDS = 2.0
_CALL = "grade(sample, item)"
_FILE = "grader.py"


class Interpreter:
    """A pool of Monty's workers. Raises `ImportError` where Monty is not installed."""

    def __init__(self, limits: Limits) -> None:
        self.monty = import_module("pydantic_monty")
        self.limits = limits
        self._workers = self.monty.Monty(max_checkouts_per_worker=1000)
        self._workers.__enter__()

    def close(self) -> None:
        self._workers.__exit__(None, None, None)

    def grade(self, text: str, sample: Any, item: Any, seconds: float) -> Outcome:
        """One answer in a session of its own."""
        monty = self.monty
        try:
            with self._session(seconds) as session:
                session.feed_run(text, print_callback=_silence)
                value = session.feed_run(_CALL, inputs={"sample": sample, "item": item}, print_callback=_silence)
        except monty.MontyCrashedError as error:
            kind = "timeout" if error.timed_out else "crash"
            return Outcome(None, Failure(kind, "The interpreter ended before it gave a score."))  # type: ignore[arg-type]
        except (monty.MontyRuntimeError, monty.MontySyntaxError) as error:
            return Outcome(None, _failure(error, seconds))
        except (monty.MontyError, ValueError, TypeError, OverflowError, RecursionError) as error:
            return Outcome(None, Failure("bad_result", f"Nothing could be handed over: {str(error)[:300]}"))
        if isinstance(value, bool | int | float) and abs(value) < 1e308 and math.isfinite(value):
            return Outcome(float(value))
        return Outcome(None, Failure("bad_result", f"grade() returned {type(value).__name__}, not a finite number."))

    def check(self, text: str) -> None:
        """Run everything but `grade`. Raises `SpecError` with path `source` for what Monty cannot do."""
        monty = self.monty
        try:
            with self._session(CHECK_SECONDS) as session:
                session.feed_run(text, print_callback=_silence)
        except (monty.MontyRuntimeError, monty.MontySyntaxError) as error:
            found = _failure(error, CHECK_SECONDS)
            where = f"Line {found.line}: " if found.line else ""
            message = f"{where}Monty cannot run this: {found.message}"
            raise SpecError(message, path="source", fix="Write it in the subset, or choose Python.") from None
        except monty.MontyError as error:
            raise SpecError(f"Monty cannot run this: {str(error)[:300]}", path="source", fix="Choose Python.") from None

    def _session(self, seconds: float) -> Any:
        limits = {
            "max_feed_duration_secs": seconds,
            "max_memory": self.limits.memory_mb << 20,
            "max_recursion_depth": 500,
            "max_total_sleep_secs": seconds,
            "max_suspensions": 1000,
        }
        return self._workers.checkout(script_name=_FILE, limits=limits)


def _silence(stream: str, text: str) -> None:
    """What a grader prints goes nowhere."""


def _failure(error: Any, seconds: float) -> Failure:
    inner = error.exception()
    lines = [frame.line for frame in error.traceback() if not frame.filename.startswith("<python-input-1")]
    line = int(lines[-1]) if lines else 0
    if isinstance(inner, TimeoutError):
        return Failure("timeout", f"grade() took longer than {seconds:g} s.")
    if isinstance(inner, MemoryError):
        return Failure("memory", "The grader needed more memory than it may have.", "MemoryError", line)
    return Failure("exception", str(inner)[:500], type(inner).__name__, line)


_interpreter: Interpreter | None = None
_owner = 0
_lock = threading.Lock()


def interpreter() -> Interpreter:
    """This process's. Raises `SpecError` where Monty is not installed."""
    global _interpreter, _owner
    with _lock:
        if _interpreter is None or _owner != os.getpid():
            try:
                _interpreter = Interpreter(Limits.from_environment())
            except ImportError as error:
                message = "Monty is not installed on this machine."
                raise SpecError(message, path="engine", fix="Install pydantic-monty, or choose Python.") from error
            _owner = os.getpid()
        return _interpreter


@lru_cache(maxsize=256)
def check(text: str) -> None:
    """Raises `SpecError` for a text that Monty cannot run."""
    interpreter().check(text)


@atexit.register
def close() -> None:
    global _interpreter
    if _interpreter is not None and _owner == os.getpid():
        _interpreter.close()
        _interpreter = None
