"""Where each kind starts for a task set: a spec that already works, or nearly so, before anything is typed."""

from typing import Any

from rftstudio.engine.grading import default_for
from rftstudio.engine.grading.sandbox.detect import detect
from rftstudio.engine.grading.sandbox.status import has_monty
from rftstudio.tasksets.models import TaskSet

_TEMPLATES = {"input": "{{ sample.output_text }}", "reference": "{{ item.reference_answer }}"}
JUDGE = "judge"
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
    starts["keywords"] = {"type": "keywords", "required": ["the first thing"], "inflections": "english"}
    starts["regex"] = {"type": "regex", "pattern": r"\w+"}
    starts["format"] = {"type": "format", "max_words": 200, "no_preamble": True, "ends_properly": True}
    starts["python"] = {"type": "python", "source": _PYTHON, **_engine()}
    starts["multi"] = {"type": "multi", "graders": {"right": usual}, "calculate_output": "right"}
    starts.update(_judged(usual_judge(taskset)))
    criterion = {"name": "right answer", "sentence": "Gives the right answer.", "weight": 1.0, "check": usual}
    starts["rubric"] = {"type": "rubric", "criteria": [criterion]}
    return starts


def _engine() -> dict[str, str]:
    """Monty where this machine has no sandbox for Python itself; the author may still choose otherwise.

    The choice is written into each grader, and is no setting of the workspace: a published version must be run by the
    same engine for ever, whatever somebody sets later, and what decides it is the machine.
    """
    try:
        return {"engine": "monty"} if has_monty() and detect().refusal else {}
    except OSError:  # nothing can be started here just now, which is not this page's trouble
        return {}


def usual_judge(taskset: TaskSet) -> str:
    """The first of the workspace's judges, a weak one last; a name that the form then asks to replace where none is."""
    found = taskset.workspace.judges.filter(archived_at=None).order_by("embedded", "pk").first()
    return found.name if found is not None else JUDGE


def _judged(judge: str) -> dict[str, dict[str, Any]]:
    """Kinds that ask somebody else. The service's address is for the author to fill in."""
    told = "What was right:\n{{ item.reference_answer }}\n\nThe answer:\n{{ sample.output_text }}\n\n"
    named = {"model": judge}
    return {
        "judge": {
            "type": "judge",
            **named,
            "instruction": "Is the answer right?",
            "reference": _TEMPLATES["reference"],
        },
        "score_model": {
            "type": "score_model",
            **named,
            "input": [{"role": "user", "content": f"{told}How good is the answer, from 0 to 1?"}],
        },
        "label_model": {
            "type": "label_model",
            **named,
            "input": [{"role": "user", "content": f"{told}Is the answer right?"}],
            "labels": ["right", "partly right", "wrong"],
            "passing_labels": ["right"],
        },
        "pairwise": {"type": "pairwise", **named},
        "endpoint": {"type": "endpoint", "url": "https://grader.example.org/score"},
    }


def _default(taskset: TaskSet, answer_type: str) -> dict[str, Any]:
    options = taskset.answer_options or {}
    fits = answer_type == taskset.answer_type
    return default_for(
        answer_type,
        choices=taskset.choice_labels if fits else (),
        schema=options.get("schema") if fits else None,
        field_names=[*taskset.field_names, "reference_answer"],
    )
