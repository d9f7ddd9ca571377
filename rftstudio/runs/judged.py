"""What a training will ask of judges: which ones, about how many answers. For the launch page; it asks nothing."""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from rftstudio.engine import presets
from rftstudio.engine.errors import SpecError
from rftstudio.engine.grading.judges.budget import Budget, require_prices
from rftstudio.engine.grading.judges.endpoint import read_endpoints
from rftstudio.graders.models import Grader
from rftstudio.graders.toolbox import Toolbox


@dataclass(frozen=True)
class Asked:
    """judges: their names. answers: that a training grades at the most, None where its settings cannot be read.

    weak: whether the studio's own model is among them.
    """

    judges: tuple[str, ...]
    answers: int | None
    weak: bool


def asked_by(grader: Grader | None, *, preset: str, settings: Mapping[str, Any]) -> Asked | None:
    """None where the draft grader asks no judge."""
    if grader is None:
        return None
    workspace = grader.taskset.workspace
    names = Toolbox.of(workspace, grader.spec).judges
    if not names:
        return None
    answers = None
    with suppress(SpecError):  # the form says what is wrong
        answers = answers_of(presets.resolve(preset, dict(settings)))
    weak = workspace.judges.filter(name__in=names, embedded=True).exists()
    return Asked(names, answers, weak)


def answers_of(settings: Mapping[str, Any]) -> int:
    """Graded answers: every step's, and those of the validations before the first step and every so many after it."""
    validations = 1 + -(-settings["steps"] // settings["eval_interval"])
    sampled: int = settings["steps"] * settings["batch_size"]
    checked: int = validations * settings["eval_items"] * settings["eval_samples"]
    return sampled + checked


def check_budget(toolbox: Toolbox, settings: Mapping[str, Any]) -> None:
    """Raises `SpecError` at "judge_cost" where a budget in money meets a judge without prices."""
    require_prices(read_endpoints(list(toolbox.endpoints())), Budget(cost=settings.get("judge_cost", 0.0)))
