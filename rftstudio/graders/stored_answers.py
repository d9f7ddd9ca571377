"""Answers to a task set's items that are stored: what its trainings and comparisons sampled, and its references.

Rooms above this one have most of them. They register what gives them (`register`) when the application starts; nothing
here imports those rooms.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import chain, zip_longest
from typing import Any, Protocol

from rftstudio.graders.checking import spread
from rftstudio.tasksets.answers import shown_answer
from rftstudio.tasksets.models import TaskSet


@dataclass(frozen=True, slots=True)
class StoredAnswer:
    """ref: by which it is found again, such as `training:71`; whose: where it comes from, in words."""

    ref: str
    item_key: str
    text: str
    whose: str
    truncated: bool = False


class Source(Protocol):
    """Where some of a task set's answers are."""

    def some(self, taskset: TaskSet, limit: int) -> Sequence[StoredAnswer]:
        """At most `limit`, spread over what there is."""

    def one(self, taskset: TaskSet, number: int) -> StoredAnswer | None:
        """The one whose `ref` ends in this number, where it belongs to the task set."""


_SOURCES: dict[str, Source] = {}
_OWN = "reference"


def register(name: str, source: Source) -> None:
    """name: what the refs of this source begin with."""
    _SOURCES[name] = source


def stored_answers(taskset: TaskSet, limit: int = 20) -> list[StoredAnswer]:
    """At most `limit` different answers to live items: what models gave, turn by turn, and a quarter of references."""
    live = set(taskset.items.live().values_list("key", flat=True))
    turns = zip_longest(*(source.some(taskset, limit) for name, source in _SOURCES.items() if name != _OWN))
    given = _different((answer for answer in chain.from_iterable(turns) if answer and answer.item_key in live), limit)
    references = _different([*given, *_SOURCES[_OWN].some(taskset, limit)], 2 * limit)[len(given) :]
    share = min(len(references), max(limit // 4, limit - len(given)))
    return [*given[: limit - share], *references[:share]]


def _different(answers: Iterable[StoredAnswer], limit: int) -> list[StoredAnswer]:
    found: dict[tuple[str, str], StoredAnswer] = {}
    for answer in answers:
        found.setdefault((answer.item_key, answer.text), answer)
    return list(found.values())[:limit]


def stored_answer(taskset: TaskSet, ref: str) -> StoredAnswer | None:
    """The answer of a ref; None for one that is not there or not this task set's."""
    name, _, number = ref.partition(":")
    if name not in _SOURCES or not number.isdigit() or len(number) > 18:
        return None
    return _SOURCES[name].one(taskset, int(number))


def evenly(numbers: Sequence[int], limit: int) -> list[int]:
    """At most `limit` of them, from first to last."""
    if len(numbers) <= limit or limit < 2:
        return list(numbers)[:limit]
    return [numbers[round(index * (len(numbers) - 1) / (limit - 1))] for index in range(limit)]


class References:
    """The items' own right answers."""

    def some(self, taskset: TaskSet, limit: int) -> list[StoredAnswer]:
        return [self._of(taskset, row) for row in spread(taskset, limit)]

    def one(self, taskset: TaskSet, number: int) -> StoredAnswer | None:
        rows: Iterable[Any] = taskset.items.live().filter(pk=number).exclude(reference_answer=None)
        return next((self._of(taskset, row) for row in rows), None)

    def _of(self, taskset: TaskSet, row: Any) -> StoredAnswer:
        text = shown_answer(row.reference_answer, taskset.answer_type)
        return StoredAnswer(f"{_OWN}:{row.pk}", row.key, text, "reference answer")


register(_OWN, References())
