"""Calibration sets: answers that experts score blind, and the condition for launch that may hang on them.

Verbs. What the scores say about a grader stands in `agreement.py`.
"""

import hashlib
from collections.abc import Iterable
from typing import Any

from django.db import transaction

from rftstudio.accounts.models import User
from rftstudio.engine.errors import SpecError
from rftstudio.graders.evidence import FIVE, CalibrationCase, CalibrationScore, CalibrationSet, KeptAnswer, Source
from rftstudio.graders.keeping import keep_answer, made_answers
from rftstudio.tasksets.models import TaskSet
from rftstudio.tasksets.text import check_text

MAX_CASES = 300
MAX_NOTE = 1000
WANTED = 30  # answers that a set should have
# What a new set starts with where nothing has been trained yet: clearly right, clearly wrong, and odd ones.
START = ((Source.REFERENCE, 8), (Source.OTHER, 8), (Source.ATTACK, 8))


@transaction.atomic
def create_set(*, taskset: TaskSet, name: str, by: User | None, filled: bool = True) -> CalibrationSet:
    """A new set, filled with answers made from the items unless it should start empty. Raises `SpecError`."""
    name = " ".join(name.split()) or f"Calibration {taskset.calibration_sets.count() + 1}"
    if len(name) > 120:
        raise SpecError("The name has more than 120 characters.", path="name", fix="Shorten it.")
    check_text(name, path="name")
    made = taskset.calibration_sets.create(name=name, created_by=by)
    if filled and taskset.items.live().exclude(reference_answer=None).exists():
        for source, many in START:
            add_made(calibration_set=made, source=source, limit=many)
    return made


def add_made(*, calibration_set: CalibrationSet, source: str, limit: int) -> int:
    """Add answers made from the items. How many are new. Raises `SpecError`."""
    if source not in (Source.REFERENCE, Source.OTHER, Source.ATTACK):
        raise SpecError("There is no such kind of answer.", path="source", fix="Choose one of the list.")
    taskset = calibration_set.taskset
    answers = [keep_answer(taskset=taskset, **given) for given in made_answers(taskset, source, limit)]
    return add_answers(calibration_set=calibration_set, answers=answers)


def add_answers(*, calibration_set: CalibrationSet, answers: Iterable[KeptAnswer]) -> int:
    """Add kept answers, each once. How many are new. Raises `SpecError` when it is full."""
    there = set(calibration_set.cases.values_list("answer_id", flat=True))
    new = list({answer.pk: answer for answer in answers if answer.pk not in there}.values())
    if len(there) + len(new) > MAX_CASES:
        raise SpecError(
            f"A set holds at most {MAX_CASES} answers.", fix="Nobody scores more than that. Make a new set."
        )
    CalibrationCase.objects.bulk_create(
        [CalibrationCase(calibration_set=calibration_set, answer=answer) for answer in new], ignore_conflicts=True
    )
    return len(new)


def remove_case(*, case: CalibrationCase) -> None:
    """Take an answer out. Raises `SpecError` where somebody has scored it: work of experts is not thrown away."""
    if case.scores.exists():
        raise SpecError("Somebody has scored this answer.", fix="It stays, so that their work is not lost.")
    case.delete()


def default_set(*, taskset: TaskSet, by: User | None) -> CalibrationSet:
    """The newest set, made where there is none: where answers go that are sent from other pages."""
    found = taskset.calibration_sets.order_by("-pk").first()
    return found or create_set(taskset=taskset, name="", by=by, filled=False)


def score_case(*, case: CalibrationCase, by: User, score: float, note: str = "") -> CalibrationScore:
    """One expert's score; a second one replaces the first. Raises `SpecError`."""
    if score not in FIVE:
        raise SpecError(
            f"{score:g} is not one of the five scores.", path="score", fix="Choose 0, 0.25, 0.5, 0.75 or 1."
        )
    if len(note) > MAX_NOTE:
        raise SpecError(f"The note has more than {MAX_NOTE} characters.", path="note", fix="Shorten it.")
    check_text(note, path="note")
    given, _ = CalibrationScore.objects.update_or_create(
        case=case, by=by, defaults={"score": score, "note": note.strip()}
    )
    return given


def set_requirement(
    *, calibration_set: CalibrationSet, required: float | None, required_n: int, by: User | None
) -> CalibrationSet:
    """What a grader must reach on this set before a launch; None asks for nothing. Raises `SpecError`."""
    if required is not None and not 0 < required <= 1:
        raise SpecError(f"{required:g} cannot be asked for.", path="required", fix="Use a number above 0, at most 1.")
    if not 10 <= required_n <= MAX_CASES:
        raise SpecError(
            f"{required_n} answers cannot be asked for.", path="required_n", fix=f"Use a number from 10 to {MAX_CASES}."
        )
    calibration_set.required = required
    calibration_set.required_n = required_n
    calibration_set.save(update_fields=["required", "required_n"])
    return calibration_set


def in_order(calibration_set: CalibrationSet, person: User) -> list[CalibrationCase]:
    """The answers in this person's own order: shuffled, so that a source does not show, and the same every time."""

    def place(case: CalibrationCase) -> bytes:
        return hashlib.sha256(f"{person.pk}:{case.pk}".encode()).digest()

    return sorted(calibration_set.cases.select_related("answer"), key=place)


def progress(calibration_set: CalibrationSet) -> list[dict[str, Any]]:
    """Who has scored how many, the most first: [{"who", "count"}]."""
    given = CalibrationScore.objects.filter(case__calibration_set=calibration_set).select_related("by")
    counts: dict[User, int] = {}
    for score in given:
        counts[score.by] = counts.get(score.by, 0) + 1
    return [{"who": who, "count": count} for who, count in sorted(counts.items(), key=lambda pair: -pair[1])]
