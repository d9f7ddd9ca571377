"""Every finding of the run doctor: a log that has it, and logs much like it that must not.

`recorded/` holds the figures of three trainings of the embedded model on the triage sample: one that learns, one that
learns its few training tasks by heart, one (at a learning rate too high) that stops varying its answers.
"""

import json
from pathlib import Path
from typing import Any

import pytest

from rftstudio.engine.doctor import TITLES, Finding, findings

Points = list[dict[str, Any]]
MANUAL = Path(__file__).parents[2] / "templates" / "docs" / "training.md"


def healthy(steps: int = 40, total: int = 80, every: int = 10) -> Points:
    """A training that does well: reward and validation rise together, answers stay varied."""
    points: Points = []
    for step in range(steps + 1):
        point: dict[str, Any] = {"step": step, "total_steps": total}
        if step:
            point |= {
                "train_reward_mean": 0.3 + step / 100,
                "frac_reward_zero_std": 0.2,
                "entropy": 1.5 - step / 80,
                "kl": 0.01,
                "completion_length_mean": 60.0,
                "truncated_share": 0.02,
                "distinct_share": 0.9,
                "commonest_share": 0.2,
                "judge_talk_share": 0.01,
                "n_answers": 32,
                "n_no_score": 0,
            }
        if step % every == 0:
            level = 0.3 + step / 110
            point |= {"valid_reward_mean": level, "valid_reward_ci": [level - 0.1, level + 0.1], "valid_n_no_score": 0}
        points.append(point)
    return points


def after(points: Points, step: int, **changes: Any) -> Points:
    """The same log, with figures that changed after a step; those that points do not have stay away."""
    return [
        point | {k: v for k, v in changes.items() if k in point} if point["step"] > step else point for point in points
    ]


def validated(points: Points, *values: float | None) -> Points:
    """The same log with other validation rewards, in order."""
    left = iter(values)
    made = []
    for point in points:
        if "valid_reward_mean" in point:
            level = next(left)
            ci = None if level is None else [level - 0.05, level + 0.05]
            point = point | {"valid_reward_mean": level, "valid_reward_ci": ci}
        made.append(point)
    return made


def copied(*values: float, every: int = 5) -> Points:
    """SFT: a loss that falls all the time, validation rewards at every so many steps, nothing sampled to learn from."""
    steps = range((len(values) - 1) * every + 1)
    points: Points = [
        {"step": step, "total_steps": steps[-1], "stage": "sft", "train_loss": 2 / step} for step in steps[1:]
    ]
    points.insert(0, {"step": 0, "total_steps": steps[-1]})
    for step, level in zip(steps[::every], values, strict=True):
        points[step] |= {"valid_reward_mean": level, "valid_reward_ci": [level - 0.05, level + 0.05]}
    return points


def found(points: Points) -> dict[str, Finding]:
    return {finding.name: finding for finding in findings(points, total_steps=points[0]["total_steps"])}


def recorded(name: str) -> Points:
    text = (Path(__file__).parent / "recorded" / f"{name}.jsonl").read_text()
    return [json.loads(line) for line in text.splitlines()]


CHANGED = {"entropy": 0.05, "frac_reward_zero_std": 0.9, "train_reward_mean": 0.4}
LONGER = {"completion_length_mean": 110.0}

TRIGGERS: list[tuple[str, str, Points]] = [
    ("all_zero", "bad", after(healthy(), 20, train_reward_mean=0.0, frac_reward_zero_std=1.0)),
    ("no_spread", "warn", after(healthy(), 20, frac_reward_zero_std=0.85)),
    ("solved", "good", after(healthy(), 20, train_reward_mean=0.99, frac_reward_zero_std=0.95)),
    ("solved", "warn", validated(healthy(0), 0.97)),
    ("truncated", "warn", after(healthy(), 20, truncated_share=0.7)),
    ("entropy_collapse", "bad", after(healthy(), 20, **CHANGED)),
    ("kl_blowup", "bad", after(healthy(), 37, kl=1.7)),
    ("kl_blowup", "bad", after(healthy(), 37, kl=0.3)),
    ("length_growth", "warn", validated(after(healthy(), 20, **LONGER), 0.3, 0.34, 0.33, 0.32, 0.31)),
    ("copies", "bad", after(healthy(), 20, commonest_share=0.97, train_reward_mean=0.4)),
    ("copies", "warn", after(healthy(), 20, distinct_share=0.13, train_reward_mean=0.4)),
    ("gap", "warn", validated(after(healthy(), 20, train_reward_mean=0.85), 0.3, 0.45, 0.5, 0.49, 0.5)),
    ("graders_failing", "warn", after(healthy(), 39, n_no_score=1, errors={"other_error": 1})),
    ("graders_failing", "bad", after(healthy(), 20, n_no_score=10)),
    ("judge_addressed", "bad", after(healthy(), 20, judge_talk_share=0.3)),
    ("fallen", "warn", validated(healthy(), 0.5, 0.45, 0.4, 0.35, 0.3)),
    ("flat", "warn", validated(healthy(), 0.5, 0.49, 0.52, 0.5, 0.51)),
    ("by_heart", "warn", copied(0.2, 0.6, 0.7, 0.5, 0.4)),
    ("entropy_collapse", "bad", recorded("collapses")[:23]),
    ("gap", "warn", recorded("by_heart")),
]


@pytest.mark.parametrize(("name", "level", "points"), TRIGGERS)
def test_what_is_wrong_is_found(name: str, level: str, points: Points) -> None:
    finding = found(points)[name]
    assert finding.level == level
    assert finding.may_pause == (level == "bad")
    assert finding.sentence.endswith(".")
    assert any(character.isdigit() for character in finding.evidence + finding.sentence), "it rests on figures"
    assert finding.action
    drawn = [metric for metric, _ in finding.lines if any(point.get(metric) is not None for point in points)]
    assert drawn, "there is something to draw"


def test_every_finding_has_a_log_that_triggers_it_and_a_section_in_the_manual() -> None:
    assert {name for name, _, _ in TRIGGERS} == set(TITLES)
    headings = {line.removeprefix("### ").strip() for line in MANUAL.read_text().splitlines() if line[:4] == "### "}
    assert headings == set(TITLES.values())


@pytest.mark.parametrize(
    "points",
    [healthy(0), healthy(1), healthy(7), healthy(8), healthy(16), healthy(40), healthy(60, 60)],
    ids=lambda points: f"{len(points) - 1} steps",
)
def test_a_healthy_training_has_none(points: Points) -> None:
    assert found(points) == {}


def test_penalties_that_differ_are_not_nothing() -> None:
    """A grader may score from -7 to 0: no answer has earned anything, and yet some are better than others."""
    assert "all_zero" not in found(after(healthy(), 20, train_reward_mean=-3.0, frac_reward_zero_std=0.3))


def test_a_recorded_training_that_learns_has_none_at_any_step() -> None:
    """Its answers do become alike, and its entropy falls to a tenth: by then they are right."""
    points = recorded("learns")
    told = {name for count in range(1, len(points) + 1) for name in found(points[:count])}
    assert told == set()


@pytest.mark.parametrize(
    ("name", "points"),
    [
        # One good answer in a hundred is something to learn from.
        ("all_zero", after(healthy(), 20, train_reward_mean=0.01)),
        ("all_zero", after(healthy(), 33, train_reward_mean=0.0)),  # seven steps: it may be the tasks' turn
        ("all_zero", after(healthy(), 20, train_reward_mean=None, n_no_score=32)),  # unmarked is not zero
        ("no_spread", after(healthy(), 20, frac_reward_zero_std=0.7)),
        ("no_spread", after(healthy(), 20, frac_reward_zero_std=0.95, train_reward_mean=0.93)),
        ("solved", after(healthy(), 20, train_reward_mean=0.9)),
        ("solved", validated(healthy(0), 0.8)),
        ("truncated", after(healthy(), 20, truncated_share=0.4)),
        # Certain because it is right, or less certain but still trying.
        ("entropy_collapse", after(healthy(), 20, **{**CHANGED, "train_reward_mean": 0.9})),
        ("entropy_collapse", after(healthy(), 20, **{**CHANGED, "frac_reward_zero_std": 0.4})),
        ("entropy_collapse", after(healthy(), 20, **{**CHANGED, "entropy": 0.6})),
        ("kl_blowup", after(healthy(), 37, kl=0.08)),  # a jump, but from nearly nothing
        ("kl_blowup", after(healthy(), 37, kl=None)),  # no KL penalty: nothing was measured
        ("kl_blowup", after(healthy(), 39, kl=2.0)),  # a single step
        ("length_growth", after(healthy(), 20, **LONGER)),  # validation rises with it
        ("length_growth", validated(healthy(), 0.3, 0.34, 0.33, 0.32, 0.31)),  # as long as ever
        ("copies", after(healthy(), 20, commonest_share=0.7, train_reward_mean=0.4)),
        ("copies", after(healthy(), 20, commonest_share=0.97, train_reward_mean=0.95)),  # most tasks have that answer
        ("copies", after(healthy(), 0, distinct_share=0.2, train_reward_mean=0.4)),  # a choice of four labels
        ("gap", validated(after(healthy(), 20, train_reward_mean=0.85), 0.3, 0.4, 0.5, 0.6, 0.68)),  # still rising
        ("gap", validated(after(healthy(), 20, train_reward_mean=0.5), 0.3, 0.45, 0.5, 0.49, 0.5)),
        ("graders_failing", healthy()),
        (
            "judge_addressed",
            after(healthy(), 0, judge_talk_share=0.2),
        ),  # tasks about marking; no more than ever
        ("judge_addressed", after(healthy(), 20, judge_talk_share=0.03)),
        ("fallen", validated(healthy(), 0.5, 0.6, 0.4, 0.35, 0.3)),  # it rose; the best checkpoint is kept
        ("flat", validated(healthy(40, 200), 0.5, 0.49, 0.52, 0.5, 0.51)),  # early days
        ("flat", validated(healthy(), 0.97, 0.97, 0.98, 0.97, 0.98)),  # no room to rise
    ],
)
def test_what_looks_like_it_but_is_not(name: str, points: Points) -> None:
    assert name not in found(points)


def test_one_fact_is_told_once_and_the_gravest_first() -> None:
    names = list(found(after(healthy(), 20, **CHANGED, truncated_share=0.9)))
    assert names[0] == "entropy_collapse"
    assert "truncated" in names
    assert "no_spread" not in names


def test_logs_of_older_trainings_lack_the_newer_figures() -> None:
    newer = {"distinct_share", "commonest_share", "judge_talk_share", "n_answers"}
    points = [{key: value for key, value in point.items() if key not in newer} for point in healthy()]
    assert found(points) == {}
    assert found(after(points, 20, n_no_score=10))["graders_failing"].level == "warn"


def test_copying_has_only_findings_that_make_sense_for_it() -> None:
    assert found(copied(0.1, 0.4, 0.6, 0.7, 0.72)) == {}
    fallen = found(copied(0.5, 0.4, 0.4, 0.3, 0.3))
    assert set(fallen) == {"fallen"}
    assert "answers per step" not in fallen["fallen"].action
    flat = found(copied(0.5, 0.5, 0.5, 0.5, 0.51))
    assert set(flat) == {"flat"}
    assert "learning from the grader (RFT)" in flat["flat"].action


def test_reinforcement_after_copying_is_judged_by_its_own_steps() -> None:
    first = copied(0.1, 0.3, 0.35)[:-1]
    later = [{**point, "step": point["step"] + 10, "stage": "rft"} for point in healthy(30)]
    assert found([*first, *later]) == {}
    nothing = after(later, 10, train_reward_mean=0.0, frac_reward_zero_std=1.0)
    assert "all_zero" in found([*first, *nothing])
    assert "all_zero" not in found([*first, *nothing[:6]]), "too few steps of its own"
