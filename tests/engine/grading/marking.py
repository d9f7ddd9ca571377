"""Grade one text with a spec given as JSON, against a reference and other fields."""

from typing import Any

from rftstudio.engine.grading import grade, parse_spec, recompute
from rftstudio.engine.types import Grade, Item, Sample

INPUT = "{{ sample.output_text }}"
REFERENCE = "{{ item.reference_answer }}"


def mark(spec: dict[str, Any], text: str, reference: Any = None, **fields: Any) -> Grade:
    if reference is not None:
        fields["reference_answer"] = reference
    parsed = parse_spec(spec)
    found = grade(parsed, Item("item-1", (), fields), Sample.from_text(text))
    if found.score is not None:
        stored = Grade.from_json(found.to_json())
        assert recompute(parsed, stored) == found.score, "the score must follow from the stored leaves"
        assert found.reason, "every score has a reason"
    else:
        assert found.error is not None, "no score without an error"
    return found


def check(operation: str, reference: str, **extra: Any) -> dict[str, Any]:
    return {"type": "string_check", "input": INPUT, "reference": reference, "operation": operation, **extra}
