"""“How would you mark this answer?”: every kind of grader as a choice in plain words, grouped by what the expert has.

The choices are the registered forms, so that a new kind appears by itself. A kind without a start for the task set is
left out.
"""

from collections.abc import Collection
from dataclasses import dataclass

from rftstudio.engine.grading import KINDS
from rftstudio.graders.forms import FORMS, KindForm
from rftstudio.graders.starts import default_spec
from rftstudio.tasksets.models import TaskSet

GROUPS = {
    "right": "There is one right answer",
    "number": "The answer is a number",
    "list": "The answer is a list",
    "words": "The wording or the form counts",
    "parts": "There are several things to look at",
    "judgement": "It takes judgement",
    "program": "A program decides",
}
_USUAL_GROUPS = {
    "judge": "judgement",
    "score_model": "judgement",
    "label_model": "judgement",
    "pairwise": "judgement",
    "python": "program",
    "endpoint": "program",
}


@dataclass(frozen=True, slots=True)
class Choice:
    """One way of marking. usual: what this task set's answers are usually marked by. asks_judge: by another model."""

    kind: str
    question: str
    example: str
    usual: bool
    asks_judge: bool


def group_of(form: type[KindForm]) -> str:
    """The form's own group; where it names none, the one its kind suggests."""
    return form.heading if form.heading in GROUPS else _USUAL_GROUPS.get(form.kind, "words")


def choices(taskset: TaskSet, starts: Collection[str]) -> list[tuple[str, list[Choice]]]:
    """The groups that have a choice, in order, as (heading, choices). starts: kinds that have one for the task set."""
    usual = default_spec(taskset)["type"]
    found: dict[str, list[Choice]] = {name: [] for name in GROUPS}
    for kind, form in FORMS.items():
        if kind in starts:
            example = form.example or KINDS[kind].summary
            found[group_of(form)].append(
                Choice(kind, form.question, example, kind == usual, "model" in KINDS[kind].model_fields)
            )
    return [(heading, found[name]) for name, heading in GROUPS.items() if found[name]]
