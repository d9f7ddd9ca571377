"""`python`: the author's own `grade(sample, item) -> float`, the same as OpenAI's, run in the sandbox.

Nothing of the author's code runs in this process: it is compiled here to find errors, and run elsewhere. A grader that
raises, hangs, crashes or returns no number gives no score.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cached_property
from typing import Any, ClassVar, Literal

from pydantic import Field, ValidationInfo, field_validator

from rftstudio.engine.errors import SpecError
from rftstudio.engine.grading.failure import FieldError, NoScore
from rftstudio.engine.grading.kind import Spec, Verdict
from rftstudio.engine.grading.sandbox import monty
from rftstudio.engine.grading.sandbox.pool import Unavailable, current_seconds, pool
from rftstudio.engine.grading.sandbox.slot import Failure, Outcome
from rftstudio.engine.grading.sandbox.source import Program, read_program
from rftstudio.engine.types import GradeError, Item, Sample

Ahead = Mapping[tuple[str, int, int], Outcome]  # (program, id of item, id of sample) to what came out
_ahead: ContextVar[Ahead] = ContextVar("python_graded_ahead", default={})  # noqa: B039 - never changed


class Python(Spec):
    """The number that `grade` returns, as it is. Kept within nothing: OpenAI's may lie outside 0..1 too."""

    title: ClassVar[str] = "Python"
    summary: ClassVar[str] = "A function of your own, when no other kind can say it."
    waits: ClassVar[bool] = True

    type: Literal["python"] = "python"
    source: str = Field(title="Source", description="Python with a function grade(sample, item) that returns a number.")
    image_tag: str | None = Field(
        default=None,
        max_length=100,
        title="Image",
        description="Accepted from OpenAI and kept; here every grader has the same Python.",
    )
    engine: Literal["monty"] | None = Field(
        default=None,
        title="Run by",
        description="Empty: Python in the sandbox. monty: a subset of Python that needs no sandbox of the machine.",
    )

    @field_validator("source")
    @classmethod
    def _is_grader(cls, source: str) -> str:
        try:
            read_program(source)
        except SpecError as error:
            raise FieldError(error.message, fix=error.fix) from None
        return source

    @field_validator("engine")
    @classmethod
    def _fits_engine(cls, engine: str | None, info: ValidationInfo) -> str | None:
        if engine == "monty" and "source" in info.data:
            try:
                monty.check(info.data["source"])
            except SpecError as error:
                raise FieldError(error.message, fix=error.fix) from None
        return engine

    @cached_property
    def _program(self) -> Program:
        return read_program(self.source)

    def evaluate(self, item: Item, sample: Sample) -> Verdict:
        found = _ahead.get().get((self.source, id(item), id(sample)))
        return _verdict(found if found is not None else self._run(item, sample))

    def _given(self, item: Item, sample: Sample) -> tuple[dict[str, Any], Mapping[str, Any]]:
        """What `grade` is called with: sample and item, the same as OpenAI's."""
        values: dict[str, Any] = {
            "output_text": sample.output_text,
            "output_json": sample.output_json,
            "output_tools": sample.output_tools,
        }
        if "choices" in self.source:  # the text once more, which most graders have no use for
            message = {"role": "assistant", "content": sample.output_text}
            values["choices"] = sample.choices or [{"index": 0, "message": message, "finish_reason": "stop"}]
        return values, item.fields

    def _run(self, item: Item, sample: Sample) -> Outcome:
        try:
            if self.engine == "monty":
                interpreter = monty.interpreter()
                return interpreter.grade(self.source, *self._given(item, sample), current_seconds(interpreter.limits))
            return pool().grade(self._program, self._given(item, sample))
        except (Unavailable, SpecError) as error:
            raise NoScore("python_grader_server_error", str(error)) from None


@contextmanager
def graded_ahead(spec: Spec, pairs: Sequence[tuple[Item, Sample]]) -> Iterator[None]:
    """Inside, the answers that may share a process are graded already, in batches.

    Raises `GraderFault` where an answer graded again by itself gets another score.
    """
    if len(pairs) < 2:
        yield
        return
    found: dict[tuple[str, int, int], Outcome] = {}
    for grader in python_graders(spec, where_whole=True):
        program = grader._program
        if grader.engine is not None or not program.shares:
            continue
        try:
            outcomes = pool().grade_batch(program, [grader._given(item, sample) for item, sample in pairs])
        except Unavailable:
            continue  # each answer will say so
        for (item, sample), outcome in zip(pairs, outcomes, strict=True):
            found[grader.source, id(item), id(sample)] = outcome
    token = _ahead.set(found)
    try:
        yield
    finally:
        _ahead.reset(token)


def python_graders(spec: Spec, *, where_whole: bool = False) -> Iterator[Python]:
    """Those in a grader, itself included. where_whole: only those that are given the whole answer and item."""
    if isinstance(spec, Python):
        yield spec
    elif not (where_whole and spec.type == "json_fields"):
        for _, part in spec.parts():
            yield from python_graders(part, where_whole=where_whole)


def _verdict(outcome: Outcome) -> Verdict:
    if outcome.failure is not None:
        return Verdict(None, error=GradeError("python_grader_runtime_error", _in_words(outcome.failure)))
    return Verdict(outcome.score, f"grade() returned {outcome.score:.6g}.")


def _in_words(failure: Failure) -> str:
    """`The function failed on line 4 of the source: ValueError: could not convert …`"""
    where = f" on line {failure.line} of the source" if failure.line else ""
    if failure.kind == "exception":
        return f"The function failed{where}: {failure.type}: {failure.message}".rstrip(": ")
    if failure.kind == "memory":
        return f"The function needed more memory than it may have{where}."
    return failure.message
