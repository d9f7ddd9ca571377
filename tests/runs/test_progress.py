"""Time left: arithmetic on the last steps."""

import pytest

from rftstudio.runs.progress import coarse, evaluations_left, seconds_left


def point(step, seconds, evaluation=0.0):
    return {"step": step, "timing": {"step": seconds + evaluation, "evaluation": evaluation}}


def test_steps_and_evaluations_to_come():
    points = [point(0, 0, 6.0), *[point(step, 2.0, 6.0 if step % 5 == 0 else 0.0) for step in range(1, 11)]]
    assert seconds_left(points, total_steps=30, eval_interval=5) == pytest.approx(20 * 2.0 + 4 * 6.0)


def test_an_odd_slow_step_does_not_spoil_it():
    points = [point(step, 2.0) for step in range(1, 10)] + [point(10, 200.0)]
    assert seconds_left(points, total_steps=20, eval_interval=100) == pytest.approx(20.0)


def test_only_the_last_steps_count():
    points = [point(step, 50.0) for step in range(1, 30)] + [point(step, 1.0) for step in range(30, 40)]
    assert seconds_left(points, total_steps=49, eval_interval=100) == pytest.approx(10.0)


def test_nothing_known_before_the_first_step():
    assert seconds_left([], total_steps=5, eval_interval=1) is None
    assert seconds_left([point(0, 0, 3.0)], total_steps=5, eval_interval=1) is None


def test_nothing_left_at_the_end():
    assert seconds_left([point(0, 0, 3.0), point(5, 1.0, 3.0)], total_steps=5, eval_interval=5) == 0


@pytest.mark.parametrize(
    ("done", "total", "interval", "expected"),
    [(0, 30, 10, 3), (10, 30, 10, 2), (9, 30, 10, 3), (30, 30, 10, 0), (20, 25, 10, 1), (0, 3, 10, 1), (29, 30, 10, 1)],
)
def test_evaluations_left(done, total, interval, expected):
    assert evaluations_left(done, total_steps=total, eval_interval=interval) == expected


@pytest.mark.parametrize(("seconds", "shown"), [(0.4, 5), (63, 65), (130, 120), (400, 390), (900, 900), (7300, 7200)])
def test_coarse(seconds, shown):
    assert coarse(seconds) == shown
