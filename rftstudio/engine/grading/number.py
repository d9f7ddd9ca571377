"""`number`: a number in the answer within a tolerance of the right one; partial credit in a band beyond it.

Without a `unit`, units are not read: `12.5 mg` is 12.5, and so is `12.5 g`. With one, every number is converted into
it, the reference's and the answer's, and tolerance, band and the reason are in it. A number without a unit is taken to
be in it; one in a unit of another dimension is another quantity, and an answer that holds only such scores 0.
"""

import math
from collections.abc import Sequence
from functools import cached_property
from typing import Annotated, Any, ClassVar, Literal

from pydantic import AfterValidator, Field, model_validator

from rftstudio.engine.grading.failure import FieldError, NoScore
from rftstudio.engine.grading.kind import InputField, ReferenceField, Spec, TemplateText, Verdict, reference_value
from rftstudio.engine.grading.number_text import find_numbers
from rftstudio.engine.grading.quantity import Reading, find_quantities
from rftstudio.engine.grading.template import Template, compile_template
from rftstudio.engine.grading.text import as_text, quote
from rftstudio.engine.grading.unit import check_unit
from rftstudio.engine.types import Item, Sample

# Rounding of decimal fractions must not push a value over the tolerance: 0.4 is within 0.1 of 0.3.
_ROUNDING = 1e-12
_MAX_TEXT = 200_000  # with units, an answer is read this far
_UNIT_ROUNDING = 1e-9  # conversions of temperatures lose a few digits


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

    unit: Annotated[str, AfterValidator(check_unit)] = Field(
        default="",
        title="Unit",
        description="The unit to compare in, such as mg/g, mmol/L or °C; other units are converted into it. Empty: "
        "units are not read.",
    )
    unit_required: bool = Field(
        default=False,
        title="Unit required",
        description="Off: a number without a unit is taken to be in the unit above. On: it scores 0.",
    )

    @model_validator(mode="after")
    def _required_which(self) -> "Number":
        if self.unit_required and not self.unit:
            fix = "Name the unit, such as mg/g, or do not require one."
            raise FieldError("A unit is required, but none is named.", fix=fix, at=".unit")
        return self

    @cached_property
    def _templates(self) -> tuple[Template, Template]:
        return compile_template(self.input), compile_template(self.reference)

    def evaluate(self, item: Item, sample: Sample) -> Verdict:
        template, reference_template = self._templates
        reference = reference_value(reference_template, item, sample)
        value = template.value(item, sample)
        if self.unit:
            return self._evaluate_quantity(reference, value)
        expected = self._expected(reference)
        numbers = self._numbers(value)
        if not numbers:
            return Verdict(0.0, f"Expected {expected:g}, the answer holds no number: {quote(as_text(value))}.")
        if self.pick == "only" and len(numbers) > 1:
            several = " and ".join(f"{number:g}" for number in numbers)
            return Verdict(0.0, f"Expected {expected:g} alone, the answer gives several numbers: {several}.")
        return self._score(numbers[-1], expected, "", "", _ROUNDING)

    def _score(self, answer: float, expected: float, unit: str, written: str, rounding: float) -> Verdict:
        """unit: with a space before it, or empty. written: how the answer put it, where it was converted."""
        distance = abs(answer - expected)
        scale = abs(expected) if self.tolerance_kind == "relative" else 1.0
        tolerance, band = self.tolerance * scale, self.band * scale
        beyond, slack = distance - tolerance, rounding * max(abs(answer), abs(expected))
        metrics = {"absolute_error": distance} if math.isfinite(distance) else {}
        if beyond <= slack:
            reason = f"The answer is {answer:g}{unit}{written}, as expected."
            if distance > slack:
                reason = f"The answer {answer:g}{unit}{written} is within {tolerance:g} of {expected:g}{unit}."
            return Verdict(1.0, reason, metrics=metrics)
        reason = f"Expected {expected:g}{unit}, the answer says {answer:g}{unit}{written}, off by {distance:g}"
        if beyond < band - slack:
            return Verdict(1.0 - beyond / band, f"{reason}: inside the partial-credit band.", metrics=metrics)
        return Verdict(0.0, f"{reason}.", metrics=metrics)

    def _evaluate_quantity(self, reference: Any, value: Any) -> Verdict:
        unit = self.unit
        right = [reading for reading in self._read_quantities(reference) if reading.value is not None]
        if not right or not _all_close(right):
            message = f"The reference answer {quote(as_text(reference))} is not one quantity in {unit}."
            raise NoScore("other_error", message)
        expected = float(right[0].value or 0.0)
        readings = self._read_quantities(value)
        fitting = [reading for reading in readings if reading.value is not None]
        if not fitting:
            wanted = f"Expected {expected:g} {unit}, the answer"
            if not readings:
                return Verdict(0.0, f"{wanted} holds no number: {quote(as_text(value))}.")
            other = readings[-1] if self.pick == "last" else readings[0]
            return Verdict(0.0, f"{wanted} says {_as_written(other)}, which cannot be converted into {unit}.")
        if self.pick == "only" and not _all_close(fitting):
            several = " and ".join(dict.fromkeys(_as_written(reading) for reading in fitting[:3]))
            return Verdict(0.0, f"Expected {expected:g} {unit} alone, the answer gives several numbers: {several}.")
        # The same quantity twice, once with and once without its unit, has one.
        chosen = fitting[-1] if self.pick == "last" else fitting[0]
        if self.pick == "only":
            chosen = next((reading for reading in fitting if reading.unit), chosen)
        if self.unit_required and not chosen.unit:
            return Verdict(0.0, f"Expected {expected:g} {unit}, the answer says {chosen.written:g} without a unit.")
        converted = chosen.unit and chosen.value != chosen.written
        written = f" ({_as_written(chosen)})" if converted else ""
        return self._score(float(chosen.value or 0.0), expected, f" {unit}", written, _UNIT_ROUNDING)

    def _read_quantities(self, value: Any) -> list[Reading]:
        """What a text holds; a JSON number is in the unit itself."""
        if isinstance(value, int | float) and not isinstance(value, bool):
            try:
                number = float(value)
            except OverflowError:
                return []
            return [Reading(number, number, self.unit)] if math.isfinite(number) else []
        found: list[Reading] = []
        for reading in find_quantities(as_text(value)[:_MAX_TEXT], self.unit):
            if reading.value is not None and not math.isfinite(reading.value):
                continue
            found.append(reading)
            if self.pick == "first" and reading.value is not None:
                break
        return found

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


def _all_close(readings: Sequence[Reading]) -> bool:
    """Whether they are one number, but for the rounding of a conversion."""
    first = readings[0].value or 0.0
    return all(math.isclose(reading.value or 0.0, first, rel_tol=_UNIT_ROUNDING) for reading in readings)


def _as_written(reading: Reading) -> str:
    space = "" if reading.unit in ("", "%") or reading.unit.startswith("/") else " "
    return f"{reading.written:g}{space}{reading.unit}"
