"""Kept answers through a grader: at once where that is free, by a worker where the grader asks somebody else.

The one place where this room grades more than one answer outside the builder. Grades are remembered only where a person
asked for them; what can be worked out in a moment is worked out anew.
"""

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from time import monotonic
from typing import Any

from rftstudio.accounts.models import User
from rftstudio.engine.errors import EngineError, SpecError
from rftstudio.engine.grading import Spec, grade_many, parse_spec
from rftstudio.engine.grading.judges.judges import Judges
from rftstudio.engine.types import Grade, Item, Sample
from rftstudio.graders.evidence import KeptAnswer, KeptGrade, Marking, kept
from rftstudio.graders.judges.grading import answering
from rftstudio.graders.models import Grader, GraderVersion
from rftstudio.graders.toolbox import Toolbox
from rftstudio.lib.errand import Superseded
from rftstudio.tasksets.definition import canonical
from rftstudio.tasksets.models import TaskSet

BATCH = 32
WORKER_SECONDS = 480.0  # a worker's task is ended at ten minutes
PAGE_SECONDS = 4.0
TOKENS_A_CALL = 400  # a prompt with a short rubric, an answer and a verdict; until there is a measured figure


@dataclass(frozen=True)
class Subject:
    """A grader's draft or one of its versions, as something to be tried. number: None for the draft."""

    grader: Grader
    spec: Spec
    content_hash: str
    number: int | None = None

    @property
    def label(self) -> str:
        return "the draft" if self.number is None else f"version {self.number}"

    @property
    def asks(self) -> int:
        """Calls to judges and other servers for one answer, at the most."""
        return self.spec.calls_in_all()

    @property
    def evidence_hash(self) -> str:
        """What a grade or a red-team of this is remembered under: the grader, and who its judges are just now.

        A grader names its judges; what stands behind a name can be changed without the grader noticing.
        """
        who = answering(self.grader.taskset.workspace, self.stored) if any(self.spec.models()) else []
        return hashlib.sha256(canonical([self.content_hash, who])).hexdigest() if who else self.content_hash

    @property
    def stored(self) -> dict[str, Any]:
        return self.spec.model_dump(mode="json", exclude_none=True)


def draft_of(grader: Grader) -> Subject:
    """Raises `SpecError` where the stored draft is of a kind that is gone."""
    return Subject(grader, parse_spec(grader.pinned_spec), grader.content_hash)


def version_of(version: GraderVersion) -> Subject:
    return Subject(version.grader, parse_spec(version.spec), version.content_hash, version.number)


def chosen(grader: Grader, word: str) -> Subject:
    """The version that a page's address names; the draft for anything else."""
    version = grader.versions.filter(number=int(word)).first() if word.isdigit() and len(word) < 9 else None
    return draft_of(grader) if version is None else version_of(version)


@dataclass(frozen=True)
class Cost:
    """What marking some answers takes, said before it is done.

    tokens: None where no model is asked. money: None where no price is set.
    """

    answers: int
    calls: int
    tokens: int | None
    measured: bool
    money: float | None = None

    @property
    def sentence(self) -> str:
        calls = "1 call" if self.calls == 1 else f"{self.calls:,} calls"
        answers = "1 answer" if self.answers == 1 else f"{self.answers:,} answers"
        words = f"It asks somebody else: at most {calls} for {answers}"
        if self.tokens is None:
            return f"{words}."
        basis = "measured on answers marked before" if self.measured else "a rough guess before the first ones"
        money = "" if self.money is None else f", {self.money:.4f} at the prices set"
        return f"{words}, about {self.tokens:,} tokens ({basis}){money}."


def cost_of(subject: Subject, answers: int) -> Cost | None:
    """None where it costs nothing. Tokens as measured on the grades that are kept of this grader, where there are."""
    calls = subject.asks * answers
    if not calls:
        return None
    judged = any(subject.spec.models())
    of_this = KeptGrade.objects.filter(content_hash=subject.evidence_hash).values_list("grade__tokens", flat=True)[:200]
    spent = [int(each) for each in of_this if each]
    each = sum(spent) / len(spent) if spent else TOKENS_A_CALL * subject.asks
    if not judged:
        return Cost(answers, calls, None, bool(spent))
    tokens = round(each * answers)
    return Cost(answers, calls, tokens, bool(spent), _money(subject, tokens))


def _money(subject: Subject, tokens: int) -> float | None:
    """At the dearest of the judges' prices for what is read, which is nearly all of it."""
    workspace = subject.grader.taskset.workspace
    names = Toolbox.of(workspace, subject.spec).judges
    prices = [price for price in workspace.judges.filter(name__in=names).values_list("price_in", flat=True) if price]
    return max(prices) * tokens / 1e6 if prices else None


def mark(taskset: TaskSet, spec: Spec, pairs: Sequence[tuple[Item, Sample]]) -> list[Grade]:
    """Grade with the workspace's word lists, and its judges where the grader asks them. Raises `SystemFault`."""
    with equipped(taskset, spec):
        return grade_many(spec, pairs)


def equipped(taskset: TaskSet, spec: Spec) -> AbstractContextManager[Judges | None]:
    """Inside, a grader may call upon what it names, judges included: only where somebody has agreed to the cost."""
    toolbox = Toolbox.of(taskset.workspace, spec)
    return toolbox.lent(judges=bool(toolbox.judges))


def grades_of(subject: Subject, answers: Sequence[KeptAnswer]) -> dict[int, Grade]:
    """By answer: what is remembered, and what can be worked out in a few seconds for nothing. The rest is left out."""
    found = {
        row.answer_id: Grade.from_json(row.grade)
        for row in KeptGrade.objects.filter(answer__in=answers, content_hash=subject.evidence_hash)
    }
    missing = [answer for answer in answers if answer.pk not in found]
    if subject.asks:
        return found
    started = monotonic()
    for batch in _batches(missing):
        if monotonic() - started > PAGE_SECONDS:
            break
        found |= _marked(subject, batch)
    return found


def order_marking(*, subject: Subject, answers: Iterable[KeptAnswer], by: User | None) -> Marking | None:
    """Have the answers that have no grade yet marked by a worker. None where there are none."""
    pks = [answer.pk for answer in answers]
    known = _known(subject, pks)
    left = [pk for pk in pks if pk not in known]
    if not left:
        return None
    marking = Marking.objects.create(
        grader=subject.grader,
        content_hash=subject.content_hash,
        spec=subject.stored,
        answers=left,
        total=len(left),
        created_by=by,
    )
    marking.submit()
    return marking


def do_marking(*, pk: int) -> Marking | None:
    """What a worker does for it. None where somebody else does it."""
    marking = Marking.claim(pk)
    if marking is None:
        return None
    started = monotonic()
    try:
        with marking.beating():
            subject = Subject(marking.grader, parse_spec(marking.spec), marking.content_hash)
            known = _known(subject, marking.answers)  # by a worker that was killed: nothing is paid twice
            left = KeptAnswer.objects.filter(pk__in=marking.answers).exclude(pk__in=known).order_by("pk")
            marking.step(done=len(known))
            for batch in _batches(list(left)):
                if monotonic() - started > WORKER_SECONDS:
                    raise SpecError("The time for this ran out; what was marked is kept.", fix="Start it again.")
                _keep(subject, _marked(subject, batch))
                marking.step(done=marking.done + len(batch))
            marking.step(status=Marking.Status.DONE)
    except Superseded:
        return None
    except EngineError as error:
        marking.fail(str(error))
    return marking


def _known(subject: Subject, answers: Sequence[int]) -> set[int]:
    """Those of these answers that have a grade which still counts."""
    rows = KeptGrade.objects.filter(answer__in=answers, content_hash=subject.evidence_hash)
    return set(rows.values_list("answer_id", flat=True))


def latest_marking(subject: Subject) -> Marking | None:
    return subject.grader.markings.filter(content_hash=subject.content_hash).order_by("-pk").first()


def _marked(subject: Subject, answers: Sequence[KeptAnswer]) -> dict[int, Grade]:
    pairs = [(answer.as_item, Sample.from_text(answer.text)) for answer in answers]
    grades = mark(subject.grader.taskset, subject.spec, pairs)
    return {answer.pk: grade for answer, grade in zip(answers, grades, strict=True)}


def _keep(subject: Subject, grades: Mapping[int, Grade]) -> None:
    """A judge that failed is not remembered, so that it can be asked again."""
    key = subject.evidence_hash
    rows = [
        KeptGrade(answer_id=pk, content_hash=key, **kept(grade))
        for pk, grade in grades.items()
        if grade.score is not None or grade.error is None or "server" not in grade.error.flag
    ]
    KeptGrade.objects.bulk_create(rows, ignore_conflicts=True)


def _batches(answers: Sequence[KeptAnswer]) -> Iterator[Sequence[KeptAnswer]]:
    for start in range(0, len(answers), BATCH):
        yield answers[start : start + BATCH]
