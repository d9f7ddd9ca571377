"""A grader tried on a task set's own items: does it pay right answers, and not pay wrong ones?

Right: each item's reference answer. Wrong: the reference answer of another item that expects something else.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from time import monotonic
from typing import Any

from rftstudio.engine.errors import SpecError
from rftstudio.engine.grading import Spec, grade
from rftstudio.engine.grading.sandbox.pool import patience
from rftstudio.engine.types import Item
from rftstudio.graders.checking import FULL, Marked, reference_sample, spread
from rftstudio.graders.toolbox import Toolbox
from rftstudio.tasksets.definition import canonical, definition_of
from rftstudio.tasksets.models import TaskItem, TaskSet
from rftstudio.tasksets.rows import draft_item

MAX_ITEMS = 200
MAX_SECONDS = 6.0
MAX_JUDGED = 5  # items that a judge is asked about, twice each
MAX_JUDGED_SECONDS = 20.0
BINS = 10
PAID = 0.5
_SHOWN = 8


@dataclass
class Side:
    """Scores of the right, or of the wrong, answers. bars: how many per tenth of the scale, 0 to 1."""

    scores: list[float] = field(default_factory=list)
    n_no_score: int = 0
    odd: list[Marked] = field(default_factory=list)

    @property
    def n(self) -> int:
        return len(self.scores)

    @property
    def mean(self) -> float | None:
        return sum(self.scores) / len(self.scores) if self.scores else None

    @property
    def bars(self) -> list[int]:
        counts = [0] * BINS
        for score in self.scores:
            counts[max(0, min(BINS - 1, int(score * BINS + 1e-9)))] += 1
        return counts

    @property
    def columns(self) -> list[tuple[int, int, int, str]]:
        """The bars to draw on a 200 by 60 field: (x, top, height, words)."""
        bars = self.bars
        tallest = max(*bars, 1)
        heights = [max(2, round(56 * count / tallest)) if count else 0 for count in bars]
        return [
            (20 * place + 1, 60 - height, height, f"{count} from {place / BINS:.1f} to {(place + 1) / BINS:.1f}")
            for place, (count, height) in enumerate(zip(bars, heights, strict=True))
        ]

    @property
    def in_words(self) -> str:
        """The bars for somebody who does not see them."""
        return "; ".join(words for *_, words in self.columns if not words.startswith("0 ")) or "none"

    @property
    def odd_shown(self) -> list[Marked]:
        return self.odd[:_SHOWN]

    @property
    def odd_more(self) -> int:
        return len(self.odd) - _SHOWN


@dataclass
class Trial:
    """What came out. n_items: tried; n_total: there are."""

    right: Side
    wrong: Side
    n_items: int
    n_total: int
    seconds: float
    out_of_time: bool

    @property
    def verdict(self) -> tuple[str, str]:
        """(level, sentence); level is good, warn or bad."""
        if not self.right.n:
            return "bad", "None of the reference answers got a score."
        if self.right.n_no_score or self.wrong.n_no_score:
            many = self.right.n_no_score + self.wrong.n_no_score
            return "bad", f"{many} answers got no score at all. Answers without a score cannot train."
        if self.right.odd:
            return "warn", f"{len(self.right.odd)} of {self.right.n} right answers do not get full marks."
        if not self.wrong.n:
            return "warn", "Every item expects the same answer, so there is no wrong one to try."
        if self.wrong.odd:
            return (
                "warn",
                f"Right answers get full marks, but {len(self.wrong.odd)} of {self.wrong.n} wrong ones are paid.",
            )
        return "good", "Right answers get full marks and wrong ones do not: it tells them apart."


def try_on_items(taskset: TaskSet, spec: Spec, *, judges: bool = False) -> Trial:
    """Grade up to 200 items, right and wrong answers, for a few seconds at most; few where others are asked.

    judges: they, and servers, may be asked. Raises `SpecError` where they may not, and the grader needs one.
    """
    toolbox = Toolbox.of(taskset.workspace, spec)
    asks = spec.calls_in_all()
    if asks and not judges:
        whom = "a judge, which costs money" if toolbox.judges else "a server"
        raise SpecError(f"This grader asks {whom}.", fix="Ask an author of the workspace to try it.")
    with toolbox.lent(judges=bool(toolbox.judges)):
        if asks:
            return _try(taskset, spec, most=MAX_JUDGED, seconds=MAX_JUDGED_SECONDS)
        return _try(taskset, spec, most=MAX_ITEMS, seconds=MAX_SECONDS)


def _try(taskset: TaskSet, spec: Spec, *, most: int, seconds: float) -> Trial:
    started = monotonic()
    rows = spread(taskset, most)
    definition = definition_of(taskset)
    items = [draft_item(taskset, row, definition=definition) for row in rows]
    samples = [reference_sample(item, taskset.answer_type) for item in items]
    others = other_answers([row.reference_answer for row in rows])
    right, wrong = Side(), Side()
    tried = 0
    for index, (row, item) in enumerate(zip(rows, items, strict=True)):
        if monotonic() - started > seconds:
            break
        tried += 1
        _mark(right, row, spec, item, samples[index], is_odd=lambda score: score < FULL)
        other = others[index]
        if other is not None:
            _mark(wrong, row, spec, item, samples[other], is_odd=lambda score: score >= PAID)
    total = taskset.items.live().count()
    return Trial(right, wrong, tried, total, monotonic() - started, tried < len(rows))


def other_answers(references: Sequence[Any]) -> list[int | None]:
    """For each answer the place of the next one that differs from it, None where all are alike. Linear."""
    keys = [canonical(reference) for reference in references]
    count = len(keys)
    following: list[int | None] = [None] * count
    # Walking backwards round the ring twice, the nearest differing neighbour is either the next one or the next one's.
    for place in range(2 * count - 1, -1, -1):
        here, there = place % count, (place + 1) % count
        if keys[here] != keys[there]:
            following[here] = there
        else:
            following[here] = following[there]
    return following


def _mark(side: Side, row: TaskItem, spec: Spec, item: Item, sample: Any, *, is_odd: Any) -> None:
    with patience(MAX_SECONDS):
        found = grade(spec, item, sample)
    if found.score is None:
        side.n_no_score += 1
        side.odd.insert(0, Marked(row.pk, row.key, None, found.reason))
    else:
        side.scores.append(found.score)
        if is_odd(found.score):
            side.odd.append(Marked(row.pk, row.key, found.score, found.reason))
