"""The only entrance: `grade` one sample, or `grade_many`. Used alike by playground, readiness, training, evaluation.

A failure of any sort is a `Grade` without a score. The only thing raised is `GraderFault`, by `grade_many`, where a
Python grader marks the same answer differently among others and by itself.
"""

from collections.abc import Iterable
from time import perf_counter

from rftstudio.engine.grading.failure import NoScore
from rftstudio.engine.grading.kind import Spec, Verdict
from rftstudio.engine.grading.python import graded_ahead
from rftstudio.engine.types import Grade, GradeError, Item, Sample


def grade(spec: Spec, item: Item, sample: Sample) -> Grade:
    """Grade one sample: a tree with scores and reasons, or an error in place of the score."""
    return grade_part(spec, item, sample)


def grade_many(spec: Spec, pairs: Iterable[tuple[Item, Sample]]) -> list[Grade]:
    """Grade many, in order, one `Grade` for each pair. Raises `GraderFault`."""
    listed = list(pairs)
    with graded_ahead(spec, listed):
        return [grade_part(spec, item, sample) for item, sample in listed]


def recompute(spec: Spec, grade: Grade) -> float | None:
    """The score once more, from nothing but the spec and the stored leaves of the tree."""
    return spec.recompute(grade)


def grade_part(
    spec: Spec, item: Item, sample: Sample, *, name: str | None = None, weight: float | None = None
) -> Grade:
    """Grade one part of a composite, which names and weighs it."""
    started = perf_counter()
    try:
        verdict = spec.evaluate(item, sample)
        if verdict.score is not None and not -1e308 <= verdict.score <= 1e308:
            verdict = Verdict(None, error=GradeError("other_error", "The grader gave a score that is not a number."))
    except NoScore as failure:
        verdict = Verdict(None, error=failure.error)
    except Exception as failure:  # hostile input that got past a kind must not stop a run
        message = f"The grader failed on this answer: {type(failure).__name__}: {str(failure)[:200]}"
        verdict = Verdict(None, error=GradeError("other_error", message))
    score, reason, children, metrics, error, tokens = verdict
    if children:
        tokens += sum(child.tokens for child in children)
    return Grade(
        spec.name or spec.type if name is None else name,
        spec.type,
        score,
        reason if error is None or reason else error.message,
        error,
        children,
        weight,
        metrics,
        perf_counter() - started,
        tokens,
    )
