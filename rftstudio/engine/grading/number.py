"""`number`: a number in the answer within a tolerance of the right one; partial credit in a band beyond it.

Units are not read: `12.5 mg` is 12.5, and so is `12.5 g`.
"""

import math
from functools import cached_property
from typing import Any, ClassVar, Literal

from pydantic import Field

from rftstudio.engine.grading.failure import NoScore
from rftstudio.engine.grading.kind import InputField, ReferenceField, Spec, TemplateText, Verdict, reference_value
from rftstudio.engine.grading.number_text import find_numbers
from rftstudio.engine.grading.template import Template, compile_template
from rftstudio.engine.grading.text import as_text, quote
from rftstudio.engine.types import Item, Sample

# Rounding of decimal fractions must not push a value over the tolerance: 0.4 is within 0.1 of 0.3.
_ROUNDING = 1e-12


class Number(Spec):
    """1 within the tolerance, falling in a straight line to 0 at the outer edge of the band."""

    title: ClassVar[str] = "Number"
    summary: ClassVar[str] = "The answer is a number, right within a tolerance."

    type: Literal["number"] = "number"
    input: TemplateText = InputField
    reference: TemplateText = ReferenceField
    tolerance: float = Field(
        default=0.0, ge=0, title="Tolerance", description="How far from the right number is still fully right."
    )
    tolerance_kind: Literal["absolute", "relative"] = Field(
        default="absolute",
        title="Tolerance is",
        description="absolute: in the number's own unit; relative: a share of the right number (0.05 is 5 %), "
        "so that nothing but 0 is right where 0 is.",
    )
    band: float = Field(
        default=0.0,
        ge=0,
        title="Partial-credit band",
        description="Width beyond the tolerance, of the same kind, over which the score falls to 0.",
    )
    pick: Literal["only", "first", "last"] = Field(
        default="only",
        title="If there are several numbers",
        description="only: the answer must hold one number (repeating it is fine); first or last: take that one.",
    )
    percent: Literal["as_written", "fraction"] = Field(
        default="as_written",
        title="A percent sign",
        description="as_written: 45 % is 45; fraction: 45 % is 0.45, in the answer and in the reference.",
    )

    @cached_property
    def _templates(self) -> tuple[Template, Template]:
        return compile_template(self.input), compile_template(self.reference)

    def evaluate(self, item: Item, sample: Sample) -> Verdict:
        template, reference_template = self._templates
        expected = self._expected(reference_value(reference_template, item, sample))
        value = template.value(item, sample)
        numbers = self._numbers(value)
        if not numbers:
            return Verdict(0.0, f"Expected {expected:g}, the answer holds no number: {quote(as_text(value))}.")
        if self.pick == "only" and len(numbers) > 1:
            several = " and ".join(f"{number:g}" for number in numbers)
            return Verdict(0.0, f"Expected {expected:g} alone, the answer gives several numbers: {several}.")
        answer = numbers[-1]
        distance = abs(answer - expected)
        scale = abs(expected) if self.tolerance_kind == "relative" else 1.0
        tolerance, band = self.tolerance * scale, self.band * scale
        beyond, slack = distance - tolerance, _ROUNDING * max(abs(answer), abs(expected))
        metrics = {"absolute_error": distance} if math.isfinite(distance) else {}
        if beyond <= slack:
            reason = f"The answer is {answer:g}, as expected."
            if answer != expected:
                reason = f"The answer {answer:g} is within {tolerance:g} of {expected:g}."
            return Verdict(1.0, reason, metrics=metrics)
        reason = f"Expected {expected:g}, the answer says {answer:g}, off by {distance:g}"
        if beyond < band - slack:
            return Verdict(1.0 - beyond / band, f"{reason}: inside the partial-credit band.", metrics=metrics)
        return Verdict(0.0, f"{reason}.", metrics=metrics)

    def _expected(self, reference: Any) -> float:
        if isinstance(reference, int | float) and not isinstance(reference, bool):
            try:
                value = float(reference)
            except OverflowError:
                value = math.inf
            if math.isfinite(value):
                return value
            raise NoScore("other_error", "The reference answer is not a finite number.")
        found = {self._read(number) for number in find_numbers(as_text(reference)[:10_000])}
        if len(found) != 1:
            raise NoScore("other_error", f"The reference answer {quote(as_text(reference))} is not one number.")
        return found.pop()

    def _numbers(self, value: Any) -> list[float]:
        """What the rule for several numbers leaves: at most one, or for `only` the first two that differ."""
        if isinstance(value, int | float) and not isinstance(value, bool):
            try:
                return [float(value)] if math.isfinite(value) else []
            except OverflowError:
                return []
        found: list[float] = []
        for number in find_numbers(as_text(value)):
            read = self._read(number)
            if self.pick == "first":
                return [read]
            if self.pick == "last":
                found = [read]
            elif read not in found:
                found.append(read)
                if len(found) == 2:
                    break
        return found

    def _read(self, number: tuple[float, bool]) -> float:
        value, percent = number
        return value / 100 if percent and self.percent == "fraction" else value
