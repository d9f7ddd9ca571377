"""The line as arithmetic: whose turn it is, and what can be said about when."""

import pytest

from rftstudio.runs.line import Forecast, Line, Running, Waiting, forecast

WARD, CLINIC, LAB = 1, 2, 3


def one(name: str, workspace: int, since: float, *, rank: int = 1, lasts: float | None = 60.0) -> Waiting:
    return Waiting((name, 1), workspace, rank, since, lasts)


def order(line: Line) -> list[str]:
    return [key[0] for key, _ in sorted(forecast(line, now=100.0).items(), key=lambda pair: pair[1].place)]


def test_nobody_is_next_where_no_place_is_free_or_nobody_waits():
    assert Line(1, [one("a", WARD, 0)], [Running(CLINIC)]).next() is None
    assert Line(1).next() is None
    assert Line(2, [one("a", WARD, 0)], [Running(CLINIC)]).next().key == ("a", 1)


def test_inside_a_workspace_what_is_short_goes_first_then_what_came_first():
    waiting = [one("late", WARD, 3), one("early", WARD, 1), one("check", WARD, 9, rank=0)]
    assert order(Line(1, waiting)) == ["check", "early", "late"]


def test_a_workspace_that_has_launched_ten_does_not_keep_another_waiting():
    ten = [one(f"ward-{n}", WARD, n) for n in range(10)]
    assert order(Line(1, [*ten, one("clinic", CLINIC, 50)], [Running(WARD, 10)], served={WARD: 90.0}))[0] == "clinic"


def test_with_one_place_workspaces_take_turns():
    waiting = [one(f"{name}-{n}", workspace, n) for name, workspace in (("w", WARD), ("c", CLINIC)) for n in (1, 2, 3)]
    assert order(Line(1, waiting, served={WARD: 20.0})) == ["c-1", "w-1", "c-2", "w-2", "c-3", "w-3"]


def test_short_jobs_of_one_workspace_do_not_hold_up_the_training_of_another():
    checks = [one(f"check-{n}", WARD, n, rank=0) for n in range(3)]
    assert order(Line(1, [*checks, one("training", CLINIC, 9)], served={WARD: 5.0})) == [
        "training", "check-0", "check-1", "check-2",
    ]  # fmt: skip


def test_a_limit_leaves_a_place_free_rather_than_give_it_to_who_has_enough():
    line = Line(3, [one("a", WARD, 0)], [Running(WARD, 30.0)], limits={WARD: 1})
    assert line.next() is None
    assert line.is_full(WARD)
    assert not line.is_full(LAB)
    assert forecast(line, now=0.0) == {("a", 1): Forecast(1, 30.0)}
    both = Line(3, [one("a", WARD, 0), one("b", LAB, 5)], [Running(WARD, 30.0)], limits={WARD: 1, LAB: 1})
    assert both.next().key == ("b", 1)


def test_when_each_starts():
    waiting = [one("a", WARD, 1, lasts=100.0), one("b", CLINIC, 2, lasts=20.0), one("c", LAB, 3)]
    found = forecast(Line(2, waiting, [Running(4, 50.0), Running(5, 10.0)]), now=0.0)
    assert {key[0]: (one.place, one.wait) for key, one in found.items()} == {
        "a": (1, 10.0), "b": (2, 50.0), "c": (3, 70.0),
    }  # fmt: skip


def test_what_nobody_can_tell_is_not_told():
    waiting = [one("a", WARD, 1, lasts=None), one("b", WARD, 2)]
    found = forecast(Line(1, waiting, [Running(CLINIC, 5.0)]), now=0.0)
    assert [found[("a", 1)], found[("b", 1)]] == [Forecast(1, 5.0), Forecast(2, None)]
    assert forecast(Line(1, waiting, [Running(CLINIC, None)]), now=0.0)[("a", 1)] == Forecast(1, None)


@pytest.mark.parametrize("places", [0, 1])
def test_a_machine_without_places_starts_nothing(places):
    found = forecast(Line(places, [one("a", WARD, 1)]), now=0.0)
    assert bool(found) == bool(places)
