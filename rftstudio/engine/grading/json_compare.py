"""One value of a JSON answer against the same value of the reference: what `json_fields` does for each field."""

from dataclasses import dataclass, field
from typing import Any, Final

from rftstudio.engine.grading.exact_choice import ExactChoice
from rftstudio.engine.grading.grade import grade_part
from rftstudio.engine.grading.kind import Spec
from rftstudio.engine.grading.number import Number
from rftstudio.engine.grading.path import Step, follow, format_path
from rftstudio.engine.grading.set_match import SetMatch
from rftstudio.engine.grading.text import as_text, quote
from rftstudio.engine.types import Grade, GradeError, Item, Sample

MAX_FIELDS = 200
ABSENT: Final[Any] = object()  # nothing there, which is not the same as null
_NUMBER, _LABEL, _SET = Number(), ExactChoice(), SetMatch()


@dataclass(frozen=True, slots=True)
class Compared:
    """A field to compare. uses_reference: whether its grader looks at the reference's value."""

    path: str
    steps: tuple[Step, ...]
    grader: Spec
    weight: float = 1.0
    required: bool = True
    uses_reference: bool = field(init=False)

    def __post_init__(self) -> None:
        used = {(variable.root, variable.name) for _, variable in self.grader.variables()}
        object.__setattr__(self, "uses_reference", ("item", "reference_answer") in used)


def compare(wanted: Compared, answer: Any, reference: Any, item: Item, sample: Sample) -> Grade:
    """A grade named by the field's path; its weight is as written, or 0 where the field does not count."""
    value, expected = _at(answer, wanted.steps), _at(reference, wanted.steps)
    missing = value is ABSENT or value is None
    kind, weight = wanted.grader.type, wanted.weight
    if wanted.uses_reference and (expected is None or (expected is ABSENT and not wanted.required)):
        if missing:
            return Grade(wanted.path, kind, 1.0, "Rightly empty.", weight=weight)
        return Grade(
            wanted.path, kind, 0.0, f"Should be empty, the answer says {quote(as_text(value))}.", weight=weight
        )
    if missing:
        reason = f"The answer has nothing at {wanted.path}."
        if wanted.required:
            return Grade(wanted.path, kind, 0.0, reason, weight=weight)
        return Grade(wanted.path, kind, None, f"{reason} It does not count.", weight=0.0)
    if expected is not ABSENT:
        fields = {**item.fields, "reference_answer": expected}
    elif wanted.uses_reference:
        error = GradeError("invalid_variable_error", f"The reference answer has nothing at {wanted.path}.")
        return Grade(wanted.path, kind, None, error.message, error, weight=weight)
    else:
        fields = {name: each for name, each in item.fields.items() if name != "reference_answer"}
    inner_item = Item(item.id, item.messages, fields)
    inner_sample = Sample(as_text(value), value, sample.output_tools, sample.choices, sample.truncated)
    return grade_part(wanted.grader, inner_item, inner_sample, name=wanted.path, weight=weight)


def _at(value: Any, steps: tuple[Step, ...]) -> Any:
    try:
        return ABSENT if value is ABSENT else follow(value, steps)
    except LookupError:
        return ABSENT


def every_value(reference: Any) -> list[Compared]:
    """A field for each value of the reference: numbers as numbers, plain lists as sets, the rest as labels.

    At most `MAX_FIELDS`; empty where the reference is neither an object nor a list of them.
    """
    found: list[Compared] = []
    waiting: list[tuple[tuple[Step, ...], Any]] = [((), reference)]
    while waiting and len(found) < MAX_FIELDS:
        steps, value = waiting.pop()
        if isinstance(value, dict):
            waiting += reversed([((*steps, key), child) for key, child in value.items()])
        elif isinstance(value, list) and any(isinstance(each, dict | list) for each in value):
            waiting += reversed([((*steps, index), child) for index, child in enumerate(value)])
        elif steps:
            grader: Spec = _LABEL
            if isinstance(value, list):
                grader = _SET
            elif isinstance(value, int | float) and not isinstance(value, bool):
                grader = _NUMBER
            found.append(Compared(format_path(steps), steps, grader))
    return found
