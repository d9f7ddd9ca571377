"""The statistics of a comparison, from its graded answers. Pure: takes rows, gives JSON; no database, no page.

Run once, when a comparison ends, in the process that looked after it: SciPy stays out of the web process.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from math import fsum
from typing import Any

from rftstudio.engine.stats import mean_interval, mean_pass_at_k, paired_difference
from rftstudio.engine.stats.paired import SAME

MODELS = ("base", "tuned")
MAX_TAGS = 40  # slices shown; the most used tags first
MIN_SLICE = 2  # items; a slice of one says nothing that the item does not say itself
Scale = tuple[float, float] | None


@dataclass(frozen=True, slots=True)
class Given:
    """One graded answer. metrics: the numbers of its whole grade tree by name."""

    model: str
    score: float | None
    tokens: int
    truncated: bool
    parts: Mapping[str, float | None]
    metrics: Mapping[str, float]
    flag: str = ""


@dataclass(slots=True)
class ItemAnswers:
    """What both models answered to one item."""

    key: str
    tags: Sequence[str] = ()
    answers: dict[str, list[Given]] = field(default_factory=lambda: {model: [] for model in MODELS})

    def score(self, model: str) -> float | None:
        """Mean over the model's scored answers to this item; None where there is none."""
        return _mean(answer.score for answer in self.answers[model])

    @property
    def outcome(self) -> str:
        base, tuned = self.score("base"), self.score("tuned")
        if base is None or tuned is None:
            return "no_score"
        return "better" if tuned - base > SAME else "worse" if base - tuned > SAME else "same"


def read_grade(grade: Mapping[str, Any]) -> tuple[dict[str, float | None], dict[str, float], str]:
    """The criteria below the root as {path: score}, every metric by name, and the first error flag."""
    parts: dict[str, float | None] = {}
    metrics: dict[str, float] = dict(grade.get("metrics") or {})
    flag = (grade.get("error") or {}).get("flag", "")
    for path, node in _walk(grade.get("children") or (), ""):
        parts[path] = node["score"]
        metrics = {**(node.get("metrics") or {}), **metrics}
        flag = flag or (node.get("error") or {}).get("flag", "")
    return parts, metrics, flag if grade.get("score") is None else ""


def _walk(nodes: Sequence[Mapping[str, Any]], above: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
    names: dict[str, int] = defaultdict(int)
    for node in nodes:
        names[node["name"]] += 1
        number = names[node["name"]]
        path = f"{above}{node['name']}" + (f" ({number})" if number > 1 else "")
        yield path, node
        yield from _walk(node.get("children") or (), f"{path} › ")


def summarise(items: Sequence[ItemAnswers], *, samples: int) -> dict[str, Any]:
    """Everything the page shows. Its top level is the headline: `PairedDifference.to_json()` over all items.

    Besides: `n_items`, `samples`; `models` {name: mean score with interval, answers, no score, cut off, tokens};
    `criteria` and `metrics`, each [{name, base, tuned, n, difference, low, high, …}]; `tags` likewise;
    `pass_at` {k: {model: share}} for several answers an item; `flags` {flag: {model: count}}.
    The top level lacks `difference` where no item has a score from both models.
    """
    scale = _scale(answer.score for item in items for model in MODELS for answer in item.answers[model])
    headline = _compare(items, scale)
    return {
        **(headline or {"excluded": len(items), "n": 0, "verdict": "unclear"}),
        "n_items": len(items),
        "samples": samples,
        "scale": list(scale) if scale else None,
        "models": {model: _describe(items, model, scale) for model in MODELS},
        "criteria": _rows(items, lambda answer: answer.parts),
        "metrics": _rows(items, lambda answer: answer.metrics),
        "tags": _tags(items, scale),
        "pass_at": _pass_at(items, samples),
        "flags": _flags(items),
    }


def _compare(items: Sequence[ItemAnswers], scale: Scale) -> dict[str, Any] | None:
    base, tuned = ([item.score(model) for item in items] for model in MODELS)
    found = paired_difference(base, tuned, bounds=scale)
    return found.to_json() if found else None


def _describe(items: Sequence[ItemAnswers], model: str, scale: Scale) -> dict[str, Any]:
    answers = [answer for item in items for answer in item.answers[model]]
    scores = [score for item in items if (score := item.score(model)) is not None]
    interval = mean_interval(scores, bounds=scale)
    return {
        "score": interval.to_json() if interval else None,
        "n_answers": len(answers),
        "n_no_score": sum(answer.score is None for answer in answers),
        "n_truncated": sum(answer.truncated for answer in answers),
        "tokens_mean": _mean(answer.tokens for answer in answers),
        "tokens_max": max((answer.tokens for answer in answers), default=0),
    }


def _rows(items: Sequence[ItemAnswers], read: Any) -> list[dict[str, Any]]:
    """One row a name, in the order in which names first appear."""
    names = dict.fromkeys(name for item in items for model in MODELS for a in item.answers[model] for name in read(a))
    rows = []
    for name in names:
        columns = [[_mean(read(answer).get(name) for answer in item.answers[m]) for item in items] for m in MODELS]
        scale = _scale(value for column in columns for value in column)
        found = paired_difference(columns[0], columns[1], bounds=scale)
        if found is None:
            continue
        row = {"name": name, **found.to_json(), "intervals": {}}
        for model, column in zip(MODELS, columns, strict=True):
            interval = mean_interval([value for value in column if value is not None], bounds=scale)
            row["intervals"][model] = interval.to_json() if interval else None
        rows.append(row)
    return rows


def _tags(items: Sequence[ItemAnswers], scale: Scale) -> list[dict[str, Any]]:
    groups: dict[str, list[ItemAnswers]] = defaultdict(list)
    for item in items:
        for tag in dict.fromkeys(item.tags):
            groups[tag].append(item)
    rows = []
    for tag, group in sorted(groups.items(), key=lambda pair: (-len(pair[1]), pair[0])):
        if len(group) >= MIN_SLICE and (found := _compare(group, scale)):
            rows.append({"name": tag, **found})
    return rows[:MAX_TAGS]


def _pass_at(items: Sequence[ItemAnswers], samples: int) -> dict[str, dict[str, float | None]]:
    scores = {model: [[answer.score for answer in item.answers[model]] for item in items] for model in MODELS}
    wanted = sorted({1, samples} | {k for k in (2, 4, 8, 16, 32) if k < samples}) if samples > 1 else []
    return {str(k): {model: mean_pass_at_k(scores[model], k) for model in MODELS} for k in wanted}


def _flags(items: Sequence[ItemAnswers]) -> dict[str, dict[str, int]]:
    flags: dict[str, dict[str, int]] = defaultdict(lambda: dict.fromkeys(MODELS, 0))
    for item in items:
        for model in MODELS:
            for answer in item.answers[model]:
                if answer.flag:
                    flags[answer.flag][model] += 1
    return dict(flags)


def _scale(values: Iterable[float | None]) -> Scale:
    """0..1 where all scores lie in it, as those of our own kinds do; else none is assumed."""
    return (0.0, 1.0) if all(value is None or 0.0 <= value <= 1.0 for value in values) else None


def _mean(values: Iterable[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return fsum(known) / len(known) if known else None
