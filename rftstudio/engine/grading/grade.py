"""The only entrance: `grade` one sample, or `grade_many`. Used alike by playground, readiness, training, evaluation.

A failure of any sort is a `Grade` without a score. Where a grader waits for something else (`Spec.waits`), `grade_many`
grades many answers at once, in threads that share the context. The only thing raised is `GraderFault`, by `grade_many`,
where a Python grader marks the same answer differently among others and by itself.
"""

from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from functools import partial
from time import perf_counter
from typing import Any

from rftstudio.engine.grading.failure import NoScore
from rftstudio.engine.grading.kind import Spec, Verdict
from rftstudio.engine.grading.python import graded_ahead
from rftstudio.engine.grading.tools import tools
from rftstudio.engine.types import Grade, GradeError, Item, Sample

# Threads for graders that wait: some more than the calls that judges allow at once, so that those are always in flight
# while other answers are still put together or wait for a second judge. A waiting thread costs next to nothing.
FEWEST_THREADS, MOST_THREADS = 32, 512

Case = tuple[Spec, Item, Sample]


def grade(spec: Spec, item: Item, sample: Sample) -> Grade:
    """Grade one sample: a tree with scores and reasons, or an error in place of the score."""
    return grade_part(spec, item, sample)


def grade_many(spec: Spec, pairs: Iterable[tuple[Item, Sample]]) -> list[Grade]:
    """Grade many, in order, one `Grade` for each pair. Raises `GraderFault`."""
    if not spec.waits_somewhere():
        return [grade_part(spec, item, sample) for item, sample in pairs]
    listed = list(pairs)
    with graded_ahead(spec, listed):
        return grade_cases([(spec, item, sample) for item, sample in listed])


def grade_cases(cases: Sequence[Case]) -> list[Grade]:
    """Grade many with a grader each, in order; those that wait all at once, the others while they do."""
    waiting = [index for index, (spec, _, _) in enumerate(cases) if spec.waits_somewhere()]
    grades: dict[int, Grade] = {}
    if len(waiting) > 1:
        with ThreadPoolExecutor(min(len(waiting), threads()), thread_name_prefix="grading") as pool:
            futures = {index: pool.submit(copy_context().run, partial(grade_part, *cases[index])) for index in waiting}
            grades = {index: grade_part(*case) for index, case in enumerate(cases) if index not in futures}
            grades.update((index, future.result()) for index, future in futures.items())
    else:
        grades = {index: grade_part(*case) for index, case in enumerate(cases)}
    return [grades[index] for index in range(len(cases))]


def threads() -> int:
    """How many answers are worth grading at once where each waits for something else."""
    judges = tools().judges
    return min(MOST_THREADS, max(FEWEST_THREADS, 2 * judges.width if judges else 0))


def recompute(spec: Spec, grade: Grade) -> float | None:
    """The score once more, from nothing but the spec and the stored leaves of the tree."""
    return spec.recompute(grade)


def grade_part(
    spec: Spec, item: Item, sample: Sample, *, name: str | None = None, weight: float | None = None
) -> Grade:
    """Grade one part of a composite, which names and weighs it."""
    return grade_verdict(spec, spec.evaluate, item, sample, name=name, weight=weight)


def grade_verdict(
    spec: Spec, evaluate: Callable[..., Verdict], *given: Any, name: str | None = None, weight: float | None = None
) -> Grade:
    """What `evaluate(*given)` finds as a `Grade` of this spec, whatever it raises."""
    started = perf_counter()
    try:
        verdict = evaluate(*given)
        if verdict.score is not None and not -1e308 <= verdict.score <= 1e308:
            verdict = Verdict(None, error=GradeError("other_error", "The grader gave a score that is not a number."))
    except NoScore as failure:
        verdict = Verdict(None, error=failure.error)
    except Exception as failure:  # hostile input that got past a kind must not stop a run
        message = f"The grader failed on this answer: {type(failure).__name__}: {str(failure)[:200]}"
        verdict = Verdict(None, error=GradeError("other_error", message))
    return as_grade(spec, verdict, name, weight, perf_counter() - started)


def as_grade(
    spec: Spec, verdict: Verdict, name: str | None = None, weight: float | None = None, latency_s: float = 0.0
) -> Grade:
    """A verdict as a `Grade` of this spec; the tokens of its children are counted in."""
    score, reason, children, metrics, error, tokens = verdict
    for child in children:
        tokens += child.tokens
    return Grade(
        spec.name or spec.type if name is None else name,
        spec.type,
        score,
        reason if error is None or reason else error.message,
        error,
        children,
        weight,
        metrics,
        latency_s,
        tokens,
    )
