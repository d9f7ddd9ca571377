"""Red-teaming a grader: answers that deserve nothing, what it gives for them, and whether that stands in the way."""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from rftstudio.accounts.models import User
from rftstudio.engine.errors import EngineError, SpecError
from rftstudio.engine.grading import parse_spec
from rftstudio.engine.grading.redteam import KINDS, Kind, attacks, fingerprint, raid
from rftstudio.graders.evidence import RedTeam
from rftstudio.graders.keeping import targets
from rftstudio.graders.marking import Cost, Subject, cost_of, equipped
from rftstudio.graders.models import Grader
from rftstudio.graders.proof import NotProven
from rftstudio.lib.errand import Superseded

ITEMS = 8
ITEMS_ASKING = 3  # where every answer is a call to somebody else
SHOWN_TEXT = 6000  # characters of an attack that are kept
SHOWN_REASON = 500


@dataclass(frozen=True)
class Result:
    """One sort of attack over all items. worst: the shot that was paid the most."""

    kind: Kind
    shots: list[dict[str, Any]]

    @property
    def worst(self) -> dict[str, Any]:
        return max(self.shots, key=lambda shot: (shot["paid"], -1.0 if shot["score"] is None else shot["score"]))

    @property
    def n_paid(self) -> int:
        return sum(bool(shot["paid"]) for shot in self.shots)

    @property
    def n_no_score(self) -> int:
        return sum(shot["score"] is None for shot in self.shots)

    @property
    def flagged(self) -> bool:
        return self.kind.low and self.n_paid > 0

    @property
    def level(self) -> str:
        """bad: it should worry; warn: it may be meant; good."""
        if not self.n_paid:
            return "good"
        return "bad" if self.kind.low else "warn"


def results(shots: Iterable[dict[str, Any]]) -> list[Result]:
    """By sort, what should worry first."""
    by_kind: dict[str, list[dict[str, Any]]] = {}
    for shot in shots:
        if shot["kind"] in KINDS:
            by_kind.setdefault(shot["kind"], []).append(shot)
    found = [Result(KINDS[name], by_kind[name]) for name in KINDS if name in by_kind]
    return sorted(found, key=lambda result: ("bad", "warn", "good").index(result.level))


def flagged(red_team: RedTeam) -> list[Result]:
    """The sorts that should score low and are paid."""
    return [result for result in results(red_team.shots) if result.flagged]


def stored_for(subject: Subject) -> RedTeam | None:
    return subject.grader.red_teams.filter(content_hash=key_of(subject)).first()


def key_of(subject: Subject) -> str:
    """What its red-team is kept under: other judges, or attacks that have changed since, make it a new one."""
    return hashlib.sha256(f"{subject.evidence_hash} {fingerprint()}".encode()).hexdigest()


def cost_for(subject: Subject) -> Cost | None:
    """What a red-team of this grader takes; None where it is free. Raises `SpecError` without any item to try."""
    if not subject.asks:
        return None
    tried = targets(subject.grader.taskset, ITEMS_ASKING)
    return cost_of(subject, sum(1 + sum(1 for _ in attacks(target)) for target in tried))


def red_team(*, subject: Subject, by: User | None) -> RedTeam:
    """Try it: at once where that is free, by a worker where every answer is a call. Raises `SpecError`."""
    fresh = {
        "spec": subject.stored,
        "status": RedTeam.Status.WAITING,
        "done": 0,
        "total": 0,
        "error": "",
        "worker": "",
        "created_by": by,
        "shots": [],
        "n_items": 0,
    }
    targets(subject.grader.taskset, 1)  # refuses before anything is written
    row, _ = RedTeam.objects.update_or_create(grader=subject.grader, content_hash=key_of(subject), defaults=fresh)
    if subject.asks:
        row.submit()
    else:
        do_red_team(pk=row.pk)
        row.refresh_from_db()
    return row


def do_red_team(*, pk: int) -> RedTeam | None:
    """The work itself. None where somebody else does it."""
    row = RedTeam.claim(pk)
    if row is None:
        return None
    try:
        with row.beating():
            spec = parse_spec(row.spec)
            subject = Subject(row.grader, spec, row.content_hash)
            tried = targets(row.grader.taskset, ITEMS_ASKING if subject.asks else ITEMS)
            row.step(total=len(tried))
            shots: list[dict[str, Any]] = []
            tokens, seconds, cost = 0, 0.0, 0.0
            for done, target in enumerate(tried, 1):
                with equipped(row.grader.taskset, spec) as judges:
                    found = raid(spec, [target])
                    cost += judges.budget.spent.cost if judges else 0.0
                shots += [_cut(shot.to_json()) for shot in found.shots]
                tokens, seconds = tokens + found.tokens, seconds + found.seconds
                row.step(done=done)
            row.step(
                status=RedTeam.Status.DONE,
                shots=shots,
                n_items=len(tried),
                tokens=tokens,
                seconds=round(seconds, 3),
                cost=cost,
            )
    except Superseded:
        return None
    except EngineError as error:
        row.fail(str(error))
    return row


def require_red_team(*, grader: Grader, subject: Subject, by: User | None) -> RedTeam | None:
    """The red-team of what is about to be published. Raises `NotProven` where it pays what it should not.

    A grader that asks nobody is tried here and now. One that does is not: that costs something, so somebody decides.
    None for a task set without a single reference answer, where there is nothing to try.
    """
    row = stored_for(subject)
    if not subject.asks and (row is None or row.status != RedTeam.Status.DONE):
        try:
            row = red_team(subject=subject, by=by)
        except SpecError:
            return None
    if row is None or row.status != RedTeam.Status.DONE:
        if not subject.asks:
            return None
        raise _refusal(grader, "It has not been red-teamed yet, since that asks a judge.")
    if paid := flagged(row):
        worst = paid[0].worst
        answer = " ".join(worst["text"].split())[:80] or "nothing at all"
        more = f", and {len(paid) - 1} more" if len(paid) > 1 else ""
        first = (
            f"It pays “{answer}” with {worst['score']:.2f} on {worst['item_id']} ({paid[0].kind.title.lower()}{more})."
        )
        raise _refusal(grader, first)
    return row


def _refusal(grader: Grader, message: str) -> NotProven:
    return NotProven(message, page="graders:check", arguments=(grader.pk,), link="Look at it, or publish it anyway")


def _cut(shot: dict[str, Any]) -> dict[str, Any]:
    return shot | {"text": shot["text"][:SHOWN_TEXT], "reason": shot["reason"][:SHOWN_REASON]}
