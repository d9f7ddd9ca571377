"""Which items train, which validate, which are kept for the test: dealt out evenly, and for good.

`deal` assigns only items that have no split, so that neither a manual choice nor an earlier deal ever moves. Items
that ask the same go to the same split. Order and ties come from a hash of each item's key, so that the same items
are dealt the same way everywhere.
"""

import hashlib
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from rftstudio.tasksets.models import Split

SHARES: Mapping[str, float] = {Split.TRAIN.value: 0.60, Split.VALIDATION.value: 0.15, Split.TEST.value: 0.25}
SEED = 0
MAX_STRATA = 40  # beyond that a tag or answer is too rare to be spread


@dataclass(frozen=True, slots=True)
class Card:
    """One item to be dealt. strata: what should be spread evenly (its answer, its tags); group: who stays together."""

    key: str
    split: str
    strata: tuple[str, ...]
    group: str


def deal(cards: Iterable[Card], *, seed: int = SEED) -> dict[str, str]:
    """Key → split of every card that had none.

    Iterative stratification: cards in hash order, each to the split that its strata (and the whole) lack most,
    measured in cards below the split's share. With few cards left, empty splits come first.
    """
    cards = list(cards)
    common = {name for name, count in _count(cards).most_common(MAX_STRATA) if count > 1}
    held: dict[str, Counter[str]] = defaultdict(Counter)
    homes: dict[str, str] = {}
    waiting: dict[str, list[Card]] = {}
    for card in cards:
        if card.split:
            homes.setdefault(card.group, card.split)
            for stratum in _strata(card, common):
                held[stratum][card.split] += 1
        else:
            waiting.setdefault(card.group, []).append(card)
    order = sorted(waiting, key=lambda group: _rank(waiting[group][0].key, seed))
    dealt: dict[str, str] = {}
    for place, group in enumerate(order):
        members = waiting[group]
        split = homes.get(group) or _poorest(members[0], held, common, groups_left=len(order) - place)
        for card in members:
            dealt[card.key] = split
            for stratum in _strata(card, common):
                held[stratum][split] += 1
    return dealt


def _poorest(card: Card, held: Mapping[str, Counter[str]], common: set[str], *, groups_left: int) -> str:
    empty = [split for split in SHARES if not held[""][split]]
    candidates = empty if empty and groups_left <= len(empty) else list(SHARES)

    def lack(split: str) -> float:
        return sum(SHARES[split] * (held[name].total() + 1) - held[name][split] for name in _strata(card, common))

    return max(candidates, key=lack)


def _strata(card: Card, common: set[str]) -> list[str]:
    return ["", *(name for name in card.strata if name in common)]


def _count(cards: Iterable[Card]) -> Counter[str]:
    return Counter(name for card in cards for name in card.strata)


def _rank(key: str, seed: int) -> bytes:
    return hashlib.sha256(f"{seed}:{key}".encode()).digest()
