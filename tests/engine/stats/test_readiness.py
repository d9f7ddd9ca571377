"""The figures of a readiness check on answers made up for it."""

from itertools import combinations

import pytest

from rftstudio.engine.stats.readiness import Tried, Try, ks, measure

LABELS = ["a", "b", "c", "d"]


def item(key, *said, reference="a", **more):
    """Answers given as their meaning: right where it is the reference. `None` could not be graded."""
    tries = []
    for one in said:
        if one is None:
            tries.append(Try(None, flag="other_error"))
        else:
            tries.append(Try(float(one == reference), meaning=one, tokens=3, **more))
    return Tried(key, reference, tries)


def scores(key, *values):
    return Tried(key, "a", [Try(value, meaning="x") for value in values])


def test_always_sometimes_never_and_without_spread():
    found = measure(
        [
            item("always", *"aaaa"),
            item("sometimes", *"abca"),
            item("never", *"bbcd"),
            scores("partly", 0.2, 0.2, 0.2, 0.2),
            scores("moving", 0.2, 0.0, 0.2, 0.5),
            item("ungraded", None, None, None, None),
        ],
        samples=4,
    )
    assert found.always == ("always",)
    assert found.sometimes == ("sometimes",)
    assert found.never == ("never", "partly", "moving")
    assert found.no_spread == ("always", "never", "partly")
    assert found.solved == ("always",)
    assert found.unscored == ("ungraded",)
    assert (found.n_items, found.n_scored, found.n_answers, found.n_no_score) == (6, 5, 24, 4)
    assert found.flags == {"other_error": 4}


def test_the_mean_reward_is_over_items_and_its_interval_too():
    found = measure([item("1", *"aaaa"), item("2", *"bbbb"), item("3", *"aabb"), item("4", "a", None)], samples=4)
    assert found.reward is not None
    assert found.reward.n == 4
    assert found.reward.mean == pytest.approx((1 + 0 + 0.5 + 1) / 4)
    assert found.reward.low is not None
    assert 0 <= found.reward.low < found.reward.mean < found.reward.high <= 1


def test_an_answer_without_a_score_is_never_a_zero():
    found = measure([item("1", "a", "a", None, None)], samples=4)
    assert found.reward.mean == 1
    assert found.always == ("1",)


def test_pass_at_k_is_the_share_of_draws_with_a_right_answer():
    found = measure([item("1", *"abbbcbaa"), item("2", *"bbbbbbba")], samples=8)
    assert list(found.pass_at) == [1, 2, 4, 8]
    for k, share in found.pass_at.items():
        draws = [
            any(draw)
            for said in ("abbbcbaa", "bbbbbbba")
            for draw in combinations([letter == "a" for letter in said], k)
        ]
        assert share == pytest.approx(sum(draws) / len(draws))
    assert found.passes.mean == pytest.approx(found.pass_at[1])


@pytest.mark.parametrize(("samples", "wanted"), [(1, [1]), (2, [1, 2]), (3, [1, 2, 3]), (8, [1, 2, 4, 8])])
def test_which_k_are_told(samples, wanted):
    assert ks(samples) == wanted


def test_what_counts_as_a_pass_can_be_said():
    items = [scores("1", 0.7, 0.9), scores("2", 0.1, 0.9)]
    assert measure(items, samples=2).always == ()
    found = measure(items, samples=2, threshold=0.7)
    assert (found.always, found.sometimes) == (("1",), ("2",))
    assert found.no_spread == ()
    assert found.solved == (), "its answers still differ, so there is something to learn"


def test_the_chance_level():
    found = measure([item("1", "a"), item("2", "a"), item("3", "b", reference="b")], samples=1, labels=LABELS)
    assert (found.chance.labels, found.chance.even, found.chance.label) == (4, 0.25, "a")
    assert found.chance.most == pytest.approx(2 / 3)
    assert measure([item("1", "a")], samples=1).chance is None


def test_cut_off_and_unreadable_answers_are_counted():
    tries = [Try(0.0, meaning="", truncated=True), Try(0.0, meaning="b"), Try(1.0, meaning=""), Try(None, meaning="")]
    found = measure([Tried("1", "a", tries)], samples=4)
    assert found.n_truncated == 1
    assert found.n_unreadable == 2, "an answer with full marks is in the form asked for, whatever it looks like"


def test_a_scale_of_its_own_is_not_squeezed():
    found = measure([scores("1", 3.0, 5.0), scores("2", -1.0, 4.0)], samples=2, threshold=4)
    assert found.scale is None
    assert found.reward.mean == pytest.approx(2.75)
    assert found.highest == 5.0


MIXED = [item(f"i{number}", *"abcdabcd", reference=LABELS[number % 4]) for number in range(12)]


def test_a_consistent_answer_against_the_reference_is_suspect():
    [suspect] = measure([*MIXED, item("odd", *"bbbbbbbc")], samples=8).suspects
    assert (suspect.key, suspect.meaning, suspect.reference, suspect.count, suspect.of) == ("odd", "b", "a", 7, 8)


@pytest.mark.parametrize(
    "odd",
    [
        item("right", *"aaaaaaaa"),
        item("undecided", *"bbbbbcda"),
        item("few", *"bbb"),
        Tried("accepted", "a", [Try(1.0, meaning="b")] * 8),
        Tried("unreadable", "a", [Try(0.0, meaning="")] * 8),
        Tried("no reference", "", [Try(0.0, meaning="b")] * 8),
    ],
    ids=lambda one: one.key,
)
def test_others_are_not(odd):
    assert measure([*MIXED, odd], samples=8).suspects == ()


def test_a_model_that_says_the_same_to_everything_suspects_nothing():
    items = [item(f"i{number}", *"bbbbbbbb", reference=LABELS[number % 4]) for number in range(20)]
    found = measure(items, samples=8)
    assert found.suspects == ()
    assert found.favourite == ("b", 1.0, 0.25)


def test_nothing_to_measure():
    with pytest.raises(ValueError, match="nothing to measure"):
        measure([], samples=8)


def test_it_can_be_written_as_json():
    import json

    told = json.loads(json.dumps(measure([*MIXED, item("odd", *"bbbbbbbc")], samples=8, labels=LABELS).to_json()))
    assert told["pass_at"]["8"] == pytest.approx(12 / 13)
    assert told["suspects"][0]["key"] == "odd"
    assert told["solved"] == []
