"""What a job asks of judges: for the launch page how many answers, for its own page what they cost so far.

Nothing here asks a judge: the first is reckoned from the settings, the second is what the engine reported.
"""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from rftstudio.engine import presets
from rftstudio.engine.approaches import SFT, SFT_RFT
from rftstudio.engine.errors import SpecError
from rftstudio.engine.grading.judges.budget import Budget, require_prices
from rftstudio.engine.grading.judges.endpoint import read_endpoints
from rftstudio.graders.models import Grader, GraderVersion
from rftstudio.graders.toolbox import Toolbox

WANTED_ANSWERS = 160  # of each compared model: few tasks are answered several times, so that luck averages out
MOST_SAMPLES = 4  # beyond that the spread between tasks decides, which more answers to the same ones do not narrow


@dataclass(frozen=True)
class Asked:
    """judges: their names. answers: that a training grades at the most, None where its settings cannot be read.

    weak: whether the studio's own model is among them.
    """

    judges: tuple[str, ...]
    answers: int | None
    weak: bool


@dataclass(frozen=True)
class Paid:
    """What judges cost so far. cost: money, None where no call had a price. left: of the budget, None without one."""

    calls: int
    tokens: int
    cost: float | None
    tokens_left: int | None
    cost_left: float | None


def paid_of_points(points: Sequence[Mapping[str, Any]], settings: Mapping[str, Any]) -> Paid | None:
    """As the newest "metrics" event that speaks of judges has it. None where none does."""
    for point in reversed(points):
        if "judges" in point:
            return paid(point["judges"], settings)
    return None


def paid(reported: Mapping[str, Any] | None, settings: Mapping[str, Any]) -> Paid | None:
    """reported: the "judges" of an event (`total_…`) or of a result. None where no judge was asked."""
    if not reported:
        return None
    calls, tokens, cost = (
        reported.get(f"total_{name}", reported.get(name) or 0) for name in ("calls", "tokens", "cost")
    )
    if not (calls or tokens):
        return None
    most_tokens, most_cost = settings.get("judge_tokens") or 0, settings.get("judge_cost") or 0.0
    # Of a budget that is shared, what the others paid is gone as well.
    gone_tokens, gone_cost = reported.get("launch_tokens", tokens), reported.get("launch_cost", cost)
    return Paid(
        calls=int(calls),
        tokens=int(tokens),
        cost=float(cost) or None,
        tokens_left=max(0, int(most_tokens) - int(gone_tokens)) if most_tokens else None,
        cost_left=max(0.0, float(most_cost) - float(gone_cost)) if most_cost else None,
    )


def asked_by(
    grader: Grader | None, *, preset: str, settings: Mapping[str, Any], n_validation: int, baseline: bool = False
) -> Asked | None:
    """None where the draft grader asks no judge. baseline: with an SFT beside it, whose validations ask as well.

    n_validation: how many validation tasks there are.
    """
    if grader is None:
        return None
    workspace = grader.taskset.workspace
    names = Toolbox.of(workspace, grader.spec).judges
    if not names:
        return None
    answers = None
    with suppress(SpecError):  # the form says what is wrong
        full = presets.resolve(preset, dict(settings))
        answers = answers_of(full, n_validation=n_validation)
        if baseline and full["approach"] != SFT:
            answers += answers_of({**full, "approach": SFT}, n_validation=n_validation)
    weak = workspace.judges.filter(name__in=names, embedded=True).exists()
    return Asked(names, answers, weak)


def answers_of(settings: Mapping[str, Any], *, n_validation: int) -> int:
    """Graded answers: every step's, and those of the validations before the first step and every so many after it.

    n_validation: how many validation tasks there are, of which `eval_items` at the most are asked.
    """
    validations = 1 + -(-settings["steps"] // settings["eval_interval"])
    copying = {SFT: settings["steps"], SFT_RFT: settings["warm_start_steps"]}.get(settings["approach"], 0)
    sampled: int = (settings["steps"] - copying) * settings["batch_size"]
    checked: int = validations * min(settings["eval_items"], n_validation) * settings["eval_samples"]
    return sampled + checked


def training_shares(
    trainings: Sequence[Mapping[str, Any]], *, n_validation: int, n_test: int, comparisons: int
) -> list[float]:
    """How much of a launch's budget each of its trainings may spend: its part of all the answers that are judged.

    The rest is for the answers that are compared afterwards. trainings: the settings of each. comparisons: how many
    follow by themselves.
    """
    trained = [answers_of(settings, n_validation=n_validation) for settings in trainings]
    temperature = trainings[0].get("eval_temperature", 1.0)
    compared = comparisons * 2 * n_test * compared_samples(n_test, temperature)
    return [answers / (sum(trained) + compared) for answers in trained]


def compared_samples(n_test: int, temperature: float) -> int:
    """How often a comparison that follows a training asks each model each of its unseen tasks."""
    return max(1, min(MOST_SAMPLES, WANTED_ANSWERS // n_test)) if n_test and temperature > 0 else 1


def has_budget(settings: Mapping[str, Any]) -> bool:
    return bool(settings.get("judge_tokens") or settings.get("judge_cost"))


def further_budget(version: GraderVersion, settings: Mapping[str, Any]) -> str:
    """What judges may spend anew on a job with these settings that is started by hand: “5,000 tokens and 2 in money”.

    "" where no judge is asked or no budget is set.
    """
    if not (has_budget(settings) and Toolbox.of(version.grader.taskset.workspace, version.spec).judges):
        return ""
    tokens, cost = settings.get("judge_tokens") or 0, settings.get("judge_cost") or 0.0
    return " and ".join([f"{tokens:,} tokens"] * bool(tokens) + [f"{cost:g} in money"] * bool(cost))


def check_budget(toolbox: Toolbox, settings: Mapping[str, Any]) -> None:
    """Raises `SpecError` at "judge_cost" where a budget in money meets a judge without prices."""
    require_prices(read_endpoints(list(toolbox.endpoints())), Budget(cost=settings.get("judge_cost", 0.0)))
