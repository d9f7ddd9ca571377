"""A grader's new version over the answers of a training that is over: what would have been different?

Nothing of the training changes. Answers are taken by whole groups, evenly from the first step to the last, so that the
spread within a group, which is all that a training learns from, can be compared.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from statistics import fmean
from time import monotonic
from typing import Any

from rftstudio.accounts.models import User
from rftstudio.engine.errors import EngineError, SpecError
from rftstudio.engine.grading import parse_spec, recompute
from rftstudio.engine.stats import paired_difference
from rftstudio.engine.stats.agreement import spearman
from rftstudio.engine.types import Grade, Item, Sample
from rftstudio.graders.marking import Subject, mark
from rftstudio.lib.errand import Superseded
from rftstudio.runs.models import Replay, Rollout, Run
from rftstudio.tasksets.models import VersionItem
from rftstudio.tasksets.rows import to_items

FREE_CAP = 20_000
ASKING_CAP = 100  # where every answer is a call to somebody else
MAX_ASKING = 2_000
BATCH = 256
BATCH_ASKING = 16
SECONDS = 480.0  # a worker's task is ended at ten minutes
SHOWN = 12  # the biggest changes, of which both grades are kept
SAME = 1e-9
Scale = tuple[float, float] | None


@dataclass(frozen=True)
class Regraded:
    """One stored answer with its old and new grade."""

    rollout: Rollout
    grade: Grade

    @property
    def change(self) -> float | None:
        if self.rollout.reward is None or self.grade.score is None:
            return None
        return self.grade.score - self.rollout.reward


def order_replay(*, run: Run, subject: Subject, cap: int, by: User | None) -> Replay:
    """A replay on its way. Raises `SpecError` where there is nothing to replay, or it asks for too much."""
    if run.taskset.pk != subject.grader.taskset_id:
        raise SpecError("This training is of another task set.", path="run", fix="Choose one of its own trainings.")
    if not run.rollouts.exists():
        raise SpecError("This training has no stored answers.", path="run", fix="Choose another one.")
    most = MAX_ASKING if subject.asks else FREE_CAP
    if not 1 <= cap <= most:
        raise SpecError(f"{cap:,} answers cannot be asked for.", path="cap", fix=f"Use a number from 1 to {most:,}.")
    replay = Replay.objects.create(
        run=run,
        grader=subject.grader,
        number=subject.number,
        content_hash=subject.content_hash,
        spec=subject.stored,
        cap=cap,
        created_by=by,
    )
    replay.submit()
    return replay


def subject_of(replay: Replay) -> Subject:
    """What it tries. Raises `SpecError` where that is of a kind that is gone."""
    return Subject(replay.grader, parse_spec(replay.spec), replay.content_hash, replay.number)


def repeat_replay(*, replay: Replay, by: User | None) -> Replay:
    """The same once more, as a new one. Raises `SpecError`."""
    return order_replay(run=replay.run, subject=subject_of(replay), cap=replay.cap, by=by)


def do_replay(*, pk: int) -> Replay | None:
    """The work, with progress. None where somebody else does it."""
    replay = Replay.claim(pk)
    if replay is None:
        return None
    try:
        with replay.beating():
            subject = subject_of(replay)
            chosen, total = sample(replay.run, replay.cap)
            replay.step(total=len(chosen), done=0)
            rows, lost = _regrade(replay, subject, chosen)
            report = make_report(rows, replay.run)
            report |= {"n_stored": total, "n_lost": lost, "out_of_time": len(rows) + lost < len(chosen)}
            replay.step(status=Replay.Status.DONE, done=len(rows), result=report)
    except Superseded:
        return None
    except EngineError as error:
        replay.fail(str(error))
    return replay


def sample(run: Run, cap: int) -> tuple[list[int], int]:
    """Row numbers of at most `cap` answers by whole groups, evenly from first to last, and how many are stored."""
    groups: dict[tuple[str, int, int], list[int]] = defaultdict(list)
    rows = run.rollouts.order_by("seq").values_list("pk", "phase", "step", "group")
    for pk, phase, step, group in rows.iterator(chunk_size=5000):
        groups[phase, step, group].append(pk)
    total = sum(map(len, groups.values()))
    every = list(groups.values())
    # As many groups as fit, at the mean size of a group; at least one.
    many = min(len(every), max(1, int(cap * len(every) / total))) if total else 0
    places = [round(place * (len(every) - 1) / (many - 1)) for place in range(many)] if many > 1 else [0] * many
    return [pk for place in places for pk in every[place]][:cap], total


def _regrade(replay: Replay, subject: Subject, chosen: Sequence[int]) -> tuple[list[Regraded], int]:
    """In the order given, until the time is up; and how many answers had lost their item."""
    started = monotonic()
    items = _items(replay.run)
    found: list[Regraded] = []
    lost = 0
    size = BATCH_ASKING if subject.asks else BATCH
    for rollouts in _rollouts(chosen, size):
        if monotonic() - started > SECONDS:
            break
        known = [rollout for rollout in rollouts if rollout.item_key in items]
        lost += len(rollouts) - len(known)
        pairs = [
            (items[rollout.item_key], Sample.from_text(rollout.text, truncated=rollout.truncated)) for rollout in known
        ]
        grades = mark(subject.grader.taskset, subject.spec, pairs)
        found += [Regraded(rollout, grade) for rollout, grade in zip(known, grades, strict=True)]
        replay.step(done=len(found) + lost)
    return found, lost


def _rollouts(chosen: Sequence[int], size: int) -> Iterator[list[Rollout]]:
    for start in range(0, len(chosen), size):
        batch = chosen[start : start + size]
        rows = Rollout.objects.in_bulk(batch)
        yield [rows[pk] for pk in batch if pk in rows]


def _items(run: Run) -> dict[str, Item]:
    version = run.taskset_version
    return {item.id: item for item in to_items(version, VersionItem.objects.filter(version=version))}


def make_report(rows: Sequence[Regraded], run: Run) -> dict[str, Any]:
    """What changed, as JSON: means, how many up and down, groups without spread, correlation, the biggest changes."""
    old = [row.rollout.reward for row in rows]
    new = [row.grade.score for row in rows]
    both = [(a, b) for a, b in zip(old, new, strict=True) if a is not None and b is not None]
    scale: Scale = (0.0, 1.0) if all(0 <= value <= 1 for pair in both for value in pair) else None
    paired = paired_difference(old, new, bounds=scale)
    rank = spearman([a for a, _ in both], [b for _, b in both])
    changed = sorted((row for row in rows if abs(row.change or 0.0) > SAME), key=lambda row: -abs(row.change or 0.0))
    without = [row for row in rows if row.grade.score is None]
    return {
        "n": len(rows),
        "n_both": len(both),
        "before": paired.base if paired else None,
        "after": paired.tuned if paired else None,
        "up": paired.better if paired else 0,
        "down": paired.worse if paired else 0,
        "same": paired.same if paired else 0,
        "no_score_before": sum(value is None for value in old),
        "no_score_after": sum(value is None for value in new),
        "newly_without": sum(b is None and a is not None for a, b in zip(old, new, strict=True)),
        "spearman": rank.to_json() if rank else None,
        "groups": _groups(rows),
        "changes": _each_once(changed),
        "lost_scores": _each_once(without),
        "recomputed": recomputed(run, [row.rollout for row in rows]),
        "tokens": sum(row.grade.tokens for row in rows),
    }


def recomputed(run: Run, rollouts: Sequence[Rollout]) -> dict[str, int]:
    """How many displayed rewards follow from the stored leaves of their grade: {"n", "differ"}."""
    spec = parse_spec(run.grader_version.spec)
    differ = sum(
        not follows(recompute(spec, Grade.from_json(each.grade)), each.reward) for each in rollouts if each.grade
    )
    return {"n": sum(bool(each.grade) for each in rollouts), "differ": differ}


def follows(again: float | None, reward: float | None) -> bool:
    """The same number, or no number both times."""
    if again is None or reward is None:
        return again is reward
    return abs(again - reward) <= 1e-6


def _groups(rows: Sequence[Regraded]) -> dict[str, Any]:
    """Training groups of two and more answers: how many have no spread, before and after, and the mean spread."""
    groups: dict[tuple[int, int], list[Regraded]] = defaultdict(list)
    for row in rows:
        if row.rollout.phase == "train":
            groups[row.rollout.step, row.rollout.group].append(row)
    sizes = [group for group in groups.values() if len(group) > 1]
    before = [_range([row.rollout.reward for row in group]) for group in sizes]
    after = [_range([row.grade.score for row in group]) for group in sizes]
    return {
        "n": len(sizes),
        "flat_before": sum(each <= SAME for each in before),
        "flat_after": sum(each <= SAME for each in after),
        "spread_before": fmean(before) if before else None,
        "spread_after": fmean(after) if after else None,
    }


def _range(values: Sequence[float | None]) -> float:
    known = [value for value in values if value is not None]
    return max(known) - min(known) if len(known) > 1 else 0.0


def _each_once(rows: Sequence[Regraded]) -> list[dict[str, Any]]:
    """The first dozen, the same wording to the same task once, with how often it came."""
    alike: dict[tuple[str, str], list[Regraded]] = defaultdict(list)
    for row in rows:
        alike[row.rollout.item_key, row.rollout.text].append(row)
    return [_shown(same[0], len(same)) for same in list(alike.values())[:SHOWN]]


def _shown(row: Regraded, count: int) -> dict[str, Any]:
    return {
        "count": count,
        "rollout": row.rollout.pk,
        "step": row.rollout.step,
        "item_key": row.rollout.item_key,
        "change": row.change,
        "grade": row.grade.to_json(),
    }
