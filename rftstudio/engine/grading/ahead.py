"""Grade answers while others are still being written, where a grade is waited for rather than worked for."""

from concurrent.futures import Future, ThreadPoolExecutor
from contextvars import copy_context
from functools import partial

from rftstudio.engine.grading.grade import grade_many, grade_part, threads
from rftstudio.engine.grading.kind import Spec
from rftstudio.engine.grading.python import python_graders
from rftstudio.engine.types import Grade, Item, Sample


class GradingAhead:
    """Takes answers in any order, each under a number, and gives their grades in the order of the numbers.

    Where the grader asks a judge or another server, an answer is graded from the moment it is added. Anything else
    would take this machine's processors from what writes the answers, and Python graders are quicker and checked
    against each other in batches: those are graded when the grades are asked for.
    """

    def __init__(self, spec: Spec) -> None:
        self.spec = spec
        self.at_once = spec.calls_in_all() > 0 and not any(python_graders(spec))
        self._pool: ThreadPoolExecutor | None = None
        self._waiting: dict[int, Future[Grade]] = {}
        self._left: dict[int, tuple[Item, Sample]] = {}

    def add(self, number: int, item: Item, sample: Sample) -> None:
        """Grade this answer, now or later."""
        if not self.at_once:
            self._left[number] = (item, sample)
            return
        if self._pool is None:
            self._pool = ThreadPoolExecutor(threads(), thread_name_prefix="grading")
        work = partial(grade_part, self.spec, item, sample)
        self._waiting[number] = self._pool.submit(copy_context().run, work)

    def grades(self) -> list[Grade]:
        """Those of all answers added since last asked, when the last is there. Raises `GraderFault`."""
        waiting, self._waiting = self._waiting, {}
        left, self._left = dict(sorted(self._left.items())), {}
        found = dict(zip(left, grade_many(self.spec, left.values()), strict=True))
        found.update((number, future.result()) for number, future in waiting.items())
        return [found[number] for number in sorted(found)]

    def close(self) -> None:
        """Ask nothing further; calls that are under way end by themselves."""
        if self._pool is not None:
            self._pool.shutdown(wait=False, cancel_futures=True)
            self._pool = None
