"""Dealing out: shares, strata, stability, and no prompt in two splits."""

from collections import Counter

import pytest

from rftstudio.tasksets.splits import SHARES, Card, deal


def cards(count, *, labels=("a", "b", "c", "d"), split=""):
    return [Card(f"k{n}", split, (f"answer {labels[n % len(labels)]}",), f"g{n}") for n in range(count)]


def test_shares_hold_overall_and_within_each_answer():
    deck = cards(160)
    dealt = deal(deck)
    assert Counter(dealt.values()) == {"train": 96, "validation": 24, "test": 40}
    for label in "abcd":
        counts = Counter(dealt[card.key] for card in deck if card.strata == (f"answer {label}",))
        for split, share in SHARES.items():
            assert abs(counts[split] - 40 * share) <= 1


def test_a_rare_answer_reaches_the_test_too():
    deck = cards(100) + [Card(f"rare{n}", "", ("answer rare",), f"r{n}") for n in range(4)]
    dealt = deal(deck)
    assert {dealt[f"rare{n}"] for n in range(4)} >= {"train", "test"}


def test_adding_items_moves_nobody():
    deck = cards(60)
    first = deal(deck)
    settled = [Card(card.key, first[card.key], card.strata, card.group) for card in deck]
    more = deal(settled + [Card(f"new{n}", "", ("answer a",), f"n{n}") for n in range(30)])
    assert set(more) == {f"new{n}" for n in range(30)}
    total = Counter([*first.values(), *more.values()])
    assert total == {"train": 54, "validation": 13, "test": 23} or abs(total["train"] - 54) <= 1


def test_the_order_of_items_does_not_matter_and_the_seed_does():
    deck = cards(50)
    assert deal(deck) == deal(list(reversed(deck)))
    assert deal(deck) != deal(deck, seed=1)


def test_items_that_ask_the_same_stay_together():
    deck = [Card(f"k{n}", "", (), f"g{n // 2}") for n in range(40)]
    dealt = deal(deck)
    assert all(dealt[f"k{n}"] == dealt[f"k{n + 1}"] for n in range(0, 40, 2))
    assert deal([Card("old", "test", (), "same"), Card("copy", "", (), "same")]) == {"copy": "test"}


@pytest.mark.parametrize("count", [3, 4, 5, 12])
def test_no_split_stays_empty_where_there_are_enough_items(count):
    assert set(deal(cards(count)).values()) == set(SHARES)


def test_an_empty_split_is_filled_first_when_few_are_left():
    settled = [Card(f"k{n}", "train", (), f"g{n}") for n in range(10)]
    dealt = deal([*settled, Card("x", "", (), "x"), Card("y", "", (), "y")])
    assert set(dealt.values()) == {"validation", "test"}
