"""The sentences, at their edges."""

import pytest

from rftstudio.engine.stats import paired_difference
from rftstudio.evaluations import words
from rftstudio.lib.rounding import MINUS


def summary(base, tuned):
    found = paired_difference(base, tuned)
    return {"n_items": len(base), **(found.to_json() if found else {"excluded": len(base), "n": 0})}


def test_the_headline():
    found = summary([0.0] * 30 + [1.0] * 10, [1.0] * 30 + [0.0] + [1.0] * 9)
    assert words.headline(found) == (
        "On 40 unseen tasks the tuned model scores 0.98 against 0.25, +0.73 [0.56, 0.89]; "
        "better on 30, worse on 1, same on 9."
    )
    assert words.claim(found).startswith("The tuned model is better")


def test_no_difference_is_claimed_where_the_interval_holds_zero():
    found = summary([0.0, 1.0, 0.0, 1.0, 0.5, 0.5], [1.0, 0.0, 0.0, 1.0, 0.6, 0.5])
    assert "No difference can be claimed" in words.claim(found)


def test_nothing_different_is_said_plainly():
    assert words.claim(summary([0.5] * 9, [0.5] * 9)).endswith("every task came out the same.")


def test_worse_is_said_plainly():
    found = summary([1.0] * 20, [0.0] * 19 + [1.0])
    assert words.claim(found).startswith("The tuned model is worse")
    assert "\N{MINUS SIGN}0.95 [\N{MINUS SIGN}" in words.headline(found)


def test_tasks_without_a_score_are_named():
    assert words.headline(summary([0.0, 1.0, None], [1.0, 1.0, 1.0])).startswith(
        "On 2 of 3 unseen tasks (1 has no score) the tuned"
    )
    assert words.headline(summary([None], [1.0])) == "None of the 1 unseen tasks has a score from both models."


def test_one_task():
    assert words.headline(summary([0.0], [1.0])).startswith("On 1 unseen task the tuned")


def test_the_figures_of_the_headline_fit_each_other():
    row = {"n_items": 60, "n": 60, "excluded": 0, "base": 0.2849, "tuned": 0.2751, "difference": -0.0098}
    row |= {"low": -0.031, "high": 0.0214, "better": 20, "worse": 22, "same": 18}
    assert f"scores 0.275 against 0.285, {MINUS}0.010 [{MINUS}0.031, 0.021]; better" in words.headline(row)


def test_of_too_few_tasks_only_the_difference_is_given():
    found = summary([0.0, 0.0, 0.1, 0.0, 0.1], [1.0, 1.0, 0.9, 1.0, 0.8])
    assert words.difference(found) == "+0.90"
    assert words.claim(found).startswith("Too few tasks to tell")
    assert "[" in words.difference(summary([0.0] * 6, [1.0, 1.0, 0.9, 1.0, 0.8, 0.9]))


@pytest.mark.parametrize(
    ("better", "worse", "often"),
    [
        (30, 0, "fewer than 1 of 10,000"),
        (10, 0, "about 2 of 1,000"),
        (7, 3, "about 34 of 100"),
        (13, 0, "about 2 of 10,000"),
    ],
)
def test_luck(better, worse, often):
    from rftstudio.engine.stats import sign_test

    assert often in words.luck({"better": better, "worse": worse, "p_sign": sign_test(better, worse)})


def test_no_luck_where_nothing_differs():
    assert words.luck(summary([0.5, 0.5], [0.5, 0.5])) == ""
