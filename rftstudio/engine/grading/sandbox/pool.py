"""The jails of this process: made when first needed, lent to one thread at a time, closed when the process ends.

Each answer is graded in a process of its own. A batch shares one only where the grader cannot let one answer change
how the next is marked (`Program.shares`), and then one answer in a hundred is graded again by itself.
"""

import atexit
import os
import random
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from contextvars import ContextVar, copy_context
from typing import Any

from rftstudio.engine.errors import EngineError, GraderFault, SpecError
from rftstudio.engine.grading.sandbox.circuit import CRASHES, Circuit
from rftstudio.engine.grading.sandbox.detect import require
from rftstudio.engine.grading.sandbox.layers import Combination, LayerFault, SandboxMissing
from rftstudio.engine.grading.sandbox.limits import Limits
from rftstudio.engine.grading.sandbox.slot import Failure, JailLost, Outcome, Slot
from rftstudio.engine.grading.sandbox.source import Program

BATCH = 64
CHECKED_SHARE = 0.01  # of what was graded in a batch, graded again fresh
MAX_SLOTS = 8
Pair = tuple[Any, Any]  # sample, item: JSON values

_patience: ContextVar[float | None] = ContextVar("python_grader_seconds", default=None)
_dice = random.SystemRandom()


class Unavailable(EngineError):
    """Nothing can be graded now, through no fault of the author or the answer."""


@contextmanager
def patience(seconds: float) -> Iterator[None]:
    """Give a Python grader at most so long for one answer in here, where a page waits for it."""
    token = _patience.set(seconds)
    try:
        yield
    finally:
        _patience.reset(token)


def current_seconds(limits: Limits) -> float:
    """How long one answer may take in the present context."""
    limit = _patience.get()
    return limits.seconds if limit is None else min(limit, limits.seconds)


class Pool:
    """Slots of one combination. size: how many at once, one a core by default."""

    def __init__(self, combination: Combination, limits: Limits, *, size: int = 0) -> None:
        self.combination = combination
        self.limits = limits
        self.size = size or min(MAX_SLOTS, _cores())
        self.circuit = Circuit()
        self._idle: list[Slot] = []
        self._out = 0
        self._closed = False
        self._changed = threading.Condition()

    def grade(self, program: Program, pair: Pair) -> Outcome:
        """One answer in a process of its own. Raises `Unavailable`."""
        return self._run(program, [pair])[0]

    def grade_batch(self, program: Program, pairs: Sequence[Pair]) -> list[Outcome]:
        """Many answers in shared processes, in order. Raises `Unavailable`, and `GraderFault` on a mismatch."""
        chunks = [pairs[start : start + BATCH] for start in range(0, len(pairs), BATCH)]
        if len(chunks) == 1:
            return self._run_chunk(program, chunks[0])
        with ThreadPoolExecutor(min(self.size, len(chunks))) as threads:
            context = copy_context()
            done = threads.map(lambda chunk: context.copy().run(self._run_chunk, program, chunk), chunks)
            return [outcome for outcomes in done for outcome in outcomes]

    def close(self) -> None:
        """End every jail that is not lent out; the others end when they come back."""
        with self._changed:
            self._closed = True
            idle, self._idle = self._idle, []
            self._changed.notify_all()
        for slot in idle:
            slot.close()

    def abandon(self) -> None:
        """In a forked copy of the process: close the pipes, leave the jails to whom they belong."""
        for slot in self._idle:
            slot.close()
        self._idle = []

    def _run_chunk(self, program: Program, chunk: Sequence[Pair]) -> list[Outcome]:
        outcomes = self._run(program, chunk)
        if len(chunk) > 1 and all(_ended(outcome) for outcome in outcomes):
            return [self.grade(program, pair) for pair in chunk]  # the process failed: which of them was it?
        for pair, outcome in zip(chunk, outcomes, strict=True):
            if _dice.random() < CHECKED_SHARE:
                self._check(program, pair, outcome)
        return outcomes

    def _check(self, program: Program, pair: Pair, outcome: Outcome) -> None:
        again = self.grade(program, pair)
        if again.score != outcome.score:
            raise GraderFault(
                f"A Python grader gave the same answer {_shown(outcome)} among others and {_shown(again)} by itself. "
                "It keeps something from one answer to the next, or an answer has changed it. Mend the grader."
            )

    def _run(self, program: Program, pairs: Sequence[Pair]) -> list[Outcome]:
        if self.circuit.is_open(program.key):
            raise Unavailable(f"This grader crashed {CRASHES} times in a row and is left alone for half a minute.")
        outcomes = self._attempt(program, pairs, current_seconds(self.limits))
        if len(pairs) == 1 or not all(_ended(outcome) for outcome in outcomes):
            crashed = all(outcome.failure is not None and outcome.failure.kind == "crash" for outcome in outcomes)
            self.circuit.record(program.key, crashed=crashed)
        return outcomes

    def _attempt(self, program: Program, pairs: Sequence[Pair], seconds: float) -> list[Outcome]:
        """In a jail that is there, and once more in a new one where that is gone: idle jails end by themselves."""
        for attempt in (1, 2):
            slot = self._borrow(program, new=attempt == 2)
            try:
                slot.load(program)
                outcomes = slot.run(pairs, seconds)
            except (ValueError, RecursionError) as error:
                self._give_back(slot)
                failure = Failure("bad_result", f"The answer or the item cannot be handed to the grader: {error}")
                return [Outcome(None, failure)] * len(pairs)
            except JailLost as error:
                self._discard(slot)
                if attempt == 2:
                    raise Unavailable(str(error)) from None
            except LayerFault as error:
                self._discard(slot)
                raise Unavailable(_no_longer(error)) from None
            except BaseException:
                self._discard(slot)
                raise
            else:
                self._give_back(slot)
                return outcomes
        raise AssertionError("unreachable")

    def _borrow(self, program: Program, *, new: bool) -> Slot:
        """A slot, with this grader in it where there is one. Waits while all are lent out. Raises `Unavailable`.

        Never one in which another grader's packages are loaded: they cost memory and make every fork slower.
        """
        with self._changed:
            while not self._idle and self._out >= self.size:
                self._changed.wait()
            if self._closed:
                raise Unavailable("The graders' jails have been closed.")
            self._out += 1
            if self._idle and not new:
                fitting = [slot for slot in self._idle if slot.packages == program.packages]
                fitting.sort(key=lambda slot: slot.program != program.key)
                full = len(self._idle) + self._out > self.size
                if fitting and (full or fitting[0].program == program.key):
                    self._idle.remove(fitting[0])
                    return fitting[0]
            spare = self._idle.pop(0) if len(self._idle) + self._out > self.size else None
        if spare is not None:
            spare.close()
        try:
            return Slot(self.combination, self.limits)
        except (JailLost, LayerFault) as error:
            self._returned()
            raise Unavailable(_no_longer(error) if isinstance(error, LayerFault) else str(error)) from None
        except BaseException:
            self._returned()
            raise

    def _give_back(self, slot: Slot) -> None:
        with self._changed:
            self._out -= 1
            if not self._closed:
                self._idle.append(slot)
                self._changed.notify()
                return
        slot.close()

    def _discard(self, slot: Slot) -> None:
        slot.close()
        self._returned()

    def _returned(self) -> None:
        with self._changed:
            self._out -= 1
            self._changed.notify()


def _no_longer(fault: LayerFault) -> str:
    return f"The sandbox no longer holds: {fault}. Nothing is run in a weaker one."


def _ended(outcome: Outcome) -> bool:
    """Whether the process failed rather than the grader on this answer."""
    return outcome.failure is not None and outcome.failure.kind in ("timeout", "crash", "memory", "bad_result")


def _shown(outcome: Outcome) -> str:
    return f"{outcome.score:g}" if outcome.score is not None else "no score"


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


_pool: Pool | None = None
_making = threading.Lock()


def pool() -> Pool:
    """This process's. Raises `Unavailable` where no sandbox holds, with what to do about it."""
    global _pool
    if _pool is None:
        with _making:
            if _pool is None:
                try:
                    _pool = Pool(require(), Limits.from_environment())
                except (SandboxMissing, SpecError) as error:
                    raise Unavailable(str(error)) from None
    return _pool


@atexit.register
def close() -> None:
    """End this process's jails."""
    global _pool
    if _pool is not None:
        _pool.close()
        _pool = None


def _forget() -> None:
    global _pool, _making
    _making = threading.Lock()
    if _pool is not None:
        _pool.abandon()
        _pool = None


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget)
