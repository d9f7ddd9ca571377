"""Regression cases: answers on which a grader was wrong once. Every new version has to be right about them.

Verbs, and the check that publishing makes. The cases belong to a grader, not to one of its versions.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from django.db import IntegrityError, transaction
from django.utils import timezone

from rftstudio.accounts.models import User
from rftstudio.engine.errors import SpecError
from rftstudio.engine.types import Grade
from rftstudio.graders.evidence import KeptAnswer, RegressionCase, Rule
from rftstudio.graders.marking import Subject, grades_of
from rftstudio.graders.models import Grader
from rftstudio.graders.proof import NotProven
from rftstudio.tasksets.text import check_text

MAX_WHY = 1000
MAX_CASES = 500
_NAMED = 3  # failing cases that a refusal spells out


@dataclass(frozen=True)
class Tried:
    """A case and what a grader gives for it. grade: None where nobody has asked it yet."""

    case: RegressionCase
    grade: Grade | None

    @property
    def state(self) -> str:
        """passed, failed or unknown."""
        if self.grade is None:
            return "unknown"
        return "passed" if self.case.passes(self.grade.score) else "failed"


def add_case(
    *, grader: Grader, answer: KeptAnswer, rule: str, wanted: float, why: str, gave: float | None, by: User | None
) -> RegressionCase:
    """A new case, or the one that this answer has already, changed. Raises `SpecError`."""
    _check(rule, wanted, why)
    if grader.cases.filter(retired_at=None).count() >= MAX_CASES:
        raise SpecError(f"There are {MAX_CASES} cases already.", fix="Retire some that say the same.")
    values = {"rule": rule, "wanted": wanted, "why": why.strip()}
    there = grader.cases.filter(answer=answer, retired_at=None)
    if there.update(**values, updated_at=timezone.now()):
        return there.get()
    try:
        with transaction.atomic():
            return grader.cases.create(answer=answer, **values, gave=gave, created_by=by)
    except IntegrityError:  # somebody objected to the same answer at the same moment
        there.update(**values, updated_at=timezone.now())
        return there.get()


def change_case(*, case: RegressionCase, rule: str, wanted: float, why: str, by: User | None) -> RegressionCase:
    """Ask for another score. Raises `SpecError`."""
    _check(rule, wanted, why)
    values = {"rule": rule, "wanted": wanted, "why": why.strip()}
    if not RegressionCase.objects.filter(pk=case.pk, retired_at=None).update(**values, updated_at=timezone.now()):
        raise SpecError("This case is retired.", fix="Take it up again first.")
    case.refresh_from_db()
    return case


def retire_case(*, case: RegressionCase, why: str, by: User | None) -> RegressionCase:
    """No version has to pass it any more. Raises `SpecError` without a reason."""
    why = why.strip()
    if not why:
        raise SpecError("Say why it no longer counts.", path="why", fix="A few words are enough.")
    _check(case.rule, case.wanted, why)
    RegressionCase.objects.filter(pk=case.pk, retired_at=None).update(
        retired_at=timezone.now(), retired_why=why, retired_by=by, updated_at=timezone.now()
    )
    case.refresh_from_db()
    return case


def take_up_case(*, case: RegressionCase, by: User | None) -> RegressionCase:
    """Let a retired case count again. Raises `SpecError` where the same answer has a newer one."""
    try:
        with transaction.atomic():
            RegressionCase.objects.filter(pk=case.pk).update(
                retired_at=None, retired_why="", retired_by=None, updated_at=timezone.now()
            )
    except IntegrityError:
        raise SpecError("There is a newer case for the same answer.", fix="Change that one.") from None
    case.refresh_from_db()
    return case


def current_cases(grader: Grader) -> list[RegressionCase]:
    return list(grader.cases.filter(retired_at=None).select_related("answer", "created_by"))


def try_cases(subject: Subject, cases: Sequence[RegressionCase]) -> list[Tried]:
    """Every case with what this grader gives, as far as that is known or free."""
    grades = grades_of(subject, [case.answer for case in cases])
    return [Tried(case, grades.get(case.answer_id)) for case in cases]


def require_cases(*, grader: Grader, subject: Subject) -> None:
    """Raises `NotProven` where a case fails, or has not been tried since that would cost something."""
    tried = try_cases(subject, current_cases(grader))
    failed = [each for each in tried if each.state == "failed"]
    unknown = [each for each in tried if each.state == "unknown"]
    if failed:
        raise _refusal(grader, f"{_counted(len(failed), 'regression case')} not passed: {_spelled(failed)}")
    if unknown:
        raise _refusal(grader, f"{_counted(len(unknown), 'regression case')} not tried yet, since that takes a while.")


def _spelled(failed: Sequence[Tried]) -> str:
    words = []
    for each in failed[:_NAMED]:
        grade = each.grade
        gets = "no score" if grade is None or grade.score is None else f"{grade.score:.2f}"
        text = " ".join(each.case.answer.text.split())[:60] or "an empty answer"
        words.append(f"{each.case.answer.item_key}, “{text}”, should get {each.case.asks} and gets {gets}")
    more = f"; and {len(failed) - _NAMED} more" if len(failed) > _NAMED else ""
    return "; ".join(words) + more + "."


def _refusal(grader: Grader, message: str) -> NotProven:
    return NotProven(message, page="graders:cases", arguments=(grader.pk,), link="Look at the cases")


def _counted(count: int, word: str) -> str:
    return f"1 {word} is" if count == 1 else f"{count} {word}s are"


def _check(rule: str, wanted: float, why: str) -> None:
    if rule not in Rule.values:
        raise SpecError(f"“{rule}” is not known here.", path="rule", fix="Choose at least, at most or about.")
    if not 0 <= wanted <= 1:
        raise SpecError(f"{wanted:g} is not a score.", path="wanted", fix="Use a number from 0 to 1.")
    if len(why) > MAX_WHY:
        raise SpecError(f"The reason has more than {MAX_WHY} characters.", path="why", fix="Shorten it.")
    check_text(why, path="why")
