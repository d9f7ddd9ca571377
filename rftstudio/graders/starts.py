"""Where each kind starts for a task set: a spec that already works, or nearly so, before anything is typed."""

from typing import Any

from rftstudio.engine.grading import default_for
from rftstudio.tasksets.models import TaskSet

_TEMPLATES = {"input": "{{ sample.output_text }}", "reference": "{{ item.reference_answer }}"}
_PYTHON = """\
def grade(sample, item):
    answer = sample["output_text"].strip()
    expected = str(item["reference_answer"])
    return 1.0 if answer == expected else 0.0
"""
_ANSWER_TYPES = {
    "text_similarity": "text",
    "number": "number",
    "exact_choice": "choice",
    "ranking": "ranking",
    "set_match": "set",
    "json_fields": "json",
}


def default_spec(taskset: TaskSet) -> dict[str, Any]:
    """The grader to start from, by the task set's answer type."""
    return _default(taskset, taskset.answer_type)


def starting_specs(taskset: TaskSet) -> dict[str, dict[str, Any]]:
    """A spec for every kind, by type. `multi` and `rubric` hold the task set's default grader."""
    usual = default_spec(taskset)
    starts = {kind: {**_default(taskset, answer_type), "name": ""} for kind, answer_type in _ANSWER_TYPES.items()}
    starts["string_check"] = {"type": "string_check", **_TEMPLATES, "operation": "ilike"}
    starts["python"] = {"type": "python", "source": _PYTHON}
    starts["multi"] = {"type": "multi", "graders": {"right": usual}, "calculate_output": "right"}
    criterion = {"name": "right answer", "sentence": "Gives the right answer.", "weight": 1.0, "check": usual}
    starts["rubric"] = {"type": "rubric", "criteria": [criterion]}
    return starts


def _default(taskset: TaskSet, answer_type: str) -> dict[str, Any]:
    options = taskset.answer_options or {}
    fits = answer_type == taskset.answer_type
    return default_for(
        answer_type,
        choices=taskset.choice_labels if fits else (),
        schema=options.get("schema") if fits else None,
        field_names=[*taskset.field_names, "reference_answer"],
    )
