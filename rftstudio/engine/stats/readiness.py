"""What a base model's own answers say about whether a task can be trained: rewards, passes, spread, suspects.

Pure functions over graded answers; no model, no grading, no files. What follows from the figures is `findings.py`.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from math import comb, fsum
from typing import Any

from rftstudio.engine.stats.interval import Interval, mean_interval
from rftstudio.engine.stats.passk import mean_pass_at_k

SAME = 1e-9  # scores closer than this are alike
CONFIDENT = 0.75  # of an item's answers say the same
FEWEST = 4  # answers to an item, before agreement among them means anything
BY_HABIT = 0.01  # a suspect's answers agree more than the model's habits would make them, up to this chance


@dataclass(frozen=True, slots=True)
class Try:
    """One graded answer. meaning: the answer as its task reads it, "" where it cannot be read. tokens: its length."""

    score: float | None
    meaning: str = ""
    truncated: bool = False
    tokens: int = 0
    flag: str = ""


@dataclass(frozen=True, slots=True)
class Tried:
    """An item with its answers. reference: the right answer, read as `Try.meaning` is."""

    key: str
    reference: str
    tries: Sequence[Try]

    @property
    def scores(self) -> list[float]:
        """Of the answers that have one."""
        return [one.score for one in self.tries if one.score is not None]


@dataclass(frozen=True, slots=True)
class Chance:
    """What guessing among labels gets right: each alike (1 / labels), or always the most frequent reference."""

    labels: int
    even: float
    most: float
    label: str


@dataclass(frozen=True, slots=True)
class Suspect:
    """An item on which the model agrees with itself and not with the reference."""

    key: str
    reference: str
    meaning: str
    count: int
    of: int


@dataclass(frozen=True, slots=True)
class Measures:
    """The figures of a check. Shares of items are over those with a score; `unscored` has the keys of the others.

    passes: pass@1 with its interval over items. pass_at: the unbiased estimate for each k. always, sometimes, never:
    keys by how many answers reached `threshold`. partly: keys with a score for some answers only. no_spread: keys
    whose scored answers all score alike. favourite: what the model says most often, with its share of all answers and
    of the references. scale: 0..1, or None.
    """

    n_items: int
    n_answers: int
    samples: int
    threshold: float
    scale: tuple[float, float] | None
    reward: Interval | None
    highest: float | None
    passes: Interval | None
    pass_at: Mapping[int, float | None]
    always: tuple[str, ...]
    sometimes: tuple[str, ...]
    never: tuple[str, ...]
    no_spread: tuple[str, ...]
    unscored: tuple[str, ...]
    partly: tuple[str, ...]
    n_no_score: int
    flags: Mapping[str, int]
    n_truncated: int
    n_unreadable: int
    tokens_mean: float
    tokens_max: int
    chance: Chance | None
    favourite: tuple[str, float, float] | None
    suspects: tuple[Suspect, ...]

    @property
    def n_scored(self) -> int:
        return self.n_items - len(self.unscored)

    @property
    def solved(self) -> tuple[str, ...]:
        """Keys that are always right and alike: nothing is left to learn from them."""
        flat = set(self.no_spread) - set(self.partly)
        return tuple(key for key in self.always if key in flat)

    def to_json(self) -> dict[str, Any]:
        return {**asdict(self), "pass_at": {str(k): value for k, value in self.pass_at.items()}, "solved": self.solved}


def measure(items: Sequence[Tried], *, samples: int, threshold: float = 1.0, labels: Sequence[str] = ()) -> Measures:
    """All figures. threshold: the score from which an answer counts as a pass. labels: those of a choice task.

    Raises ValueError for fewer than one sample or for no items.
    """
    if samples < 1 or not items:
        raise ValueError("There is nothing to measure: no items, or no answers to them.")
    tries = [one for item in items for one in item.tries]
    scored = [item for item in items if item.scores]
    all_scores = [score for item in scored for score in item.scores]
    scale = (0.0, 1.0) if all(0.0 <= score <= 1.0 for score in all_scores) else None
    passed = {item.key: [_passes(score, threshold) for score in item.scores] for item in scored}
    return Measures(
        n_items=len(items),
        n_answers=len(tries),
        samples=samples,
        threshold=threshold,
        scale=scale,
        reward=mean_interval([_mean(item.scores) for item in scored], bounds=scale),
        highest=max(all_scores, default=None),
        passes=mean_interval([_mean(row) for row in passed.values()]),
        pass_at={k: _pass_at(items, k, threshold) for k in ks(samples)},
        always=tuple(key for key, row in passed.items() if all(row)),
        sometimes=tuple(key for key, row in passed.items() if any(row) and not all(row)),
        never=tuple(key for key, row in passed.items() if not any(row)),
        no_spread=tuple(item.key for item in scored if max(item.scores) - min(item.scores) < SAME),
        unscored=tuple(item.key for item in items if not item.scores),
        partly=tuple(item.key for item in scored if len(item.scores) < len(item.tries)),
        n_no_score=sum(one.score is None for one in tries),
        flags=dict(Counter(one.flag for one in tries if one.flag).most_common()),
        n_truncated=sum(one.truncated for one in tries),
        n_unreadable=sum(not one.meaning and not _passes(one.score, threshold) for one in tries),
        tokens_mean=_mean([one.tokens for one in tries]),
        tokens_max=max((one.tokens for one in tries), default=0),
        chance=_chance(items, labels),
        favourite=_favourite(items),
        suspects=tuple(find_suspects(items, threshold=threshold)),
    )


def ks(samples: int) -> list[int]:
    """The k of pass@k worth telling: 1, 2, 4 … and the number of answers itself."""
    found = [1]
    while found[-1] * 2 < samples:
        found.append(found[-1] * 2)
    return found if samples == found[-1] else [*found, samples]


def find_suspects(items: Sequence[Tried], *, threshold: float = 1.0) -> Iterable[Suspect]:
    """Items whose answers agree with each other against the reference, more than the model's habits explain.

    Habit: how often the model says this to the other items. A model that says “billing” to everything suspects
    nothing; the chance that so many answers agree by habit alone is a binomial tail.
    """
    said = Counter(one.meaning for item in items for one in item.tries)
    total = sum(said.values())
    for item in items:
        own = Counter(one.meaning for one in item.tries if one.meaning)
        if len(item.tries) < FEWEST or not own or not item.reference:
            continue
        meaning, count = own.most_common(1)[0]
        if meaning == item.reference or count < CONFIDENT * len(item.tries):
            continue
        if any(_passes(one.score, threshold) for one in item.tries if one.meaning == meaning):
            continue
        habit = (said[meaning] - count + 1) / (total - len(item.tries) + 2)  # never quite 0 (Laplace)
        if _at_least(count, len(item.tries), habit) < BY_HABIT:
            yield Suspect(item.key, item.reference, meaning, count, len(item.tries))


def _at_least(count: int, n: int, share: float) -> float:
    """The chance of `count` or more successes in `n` draws."""
    return fsum(comb(n, k) * share**k * (1 - share) ** (n - k) for k in range(count, n + 1))


def _chance(items: Sequence[Tried], labels: Sequence[str]) -> Chance | None:
    if len(labels) < 2:
        return None
    label, count = Counter(item.reference for item in items).most_common(1)[0]
    return Chance(len(labels), 1 / len(labels), count / len(items), label)


def _favourite(items: Sequence[Tried]) -> tuple[str, float, float] | None:
    said = Counter(one.meaning for item in items for one in item.tries)
    total = sum(said.values())
    del said[""]
    if not said:
        return None
    meaning, count = said.most_common(1)[0]
    return meaning, count / total, sum(item.reference == meaning for item in items) / len(items)


def _pass_at(items: Sequence[Tried], k: int, threshold: float) -> float | None:
    return mean_pass_at_k([[one.score for one in item.tries] for item in items], k, threshold=threshold)


def _passes(score: float | None, threshold: float) -> bool:
    return score is not None and score >= threshold - SAME


def _mean(values: Sequence[float]) -> float:
    return fsum(values) / len(values) if values else 0.0
