"""OpenAI's hyperparameters of reinforcement fine-tuning, by its names and in its ranges, as settings of ours.

A pure function of what was given, the number of training tasks and a preset. What is left out or "auto" is as
the preset says. It imports no torch and writes nothing.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from rftstudio.engine.approaches import APPROACHES, DEFAULT_APPROACH, Approach
from rftstudio.engine.dial import Value
from rftstudio.engine.errors import SpecError
from rftstudio.engine.presets import DEFAULT_PRESET, DIALS, resolve

AUTO = "auto"
EFFORTS = {"default": 1, "low": 1, "medium": 2, "high": 4}  # room for an answer, in lengths of the preset's
WARM_SHARE = 10  # at most one step in so many is warm-up, in a run shorter than the preset's


@dataclass(frozen=True, slots=True)
class _Range:
    """What OpenAI documents as allowed. low is excluded where `above`; high is inclusive, None for no limit."""

    whole: bool
    low: float
    high: float | None = None
    above: bool = False

    def __str__(self) -> str:
        kind = "a whole number" if self.whole else "a number"
        if self.high is not None:
            return (
                f"{kind} {'above' if self.above else 'from'} {self.low:g} {'up ' if self.above else ''}to {self.high:g}"
            )
        return f"{kind} above {self.low:g}" if self.above else f"{kind} of {self.low:g} or more"

    def holds(self, value: float) -> bool:
        enough = value > self.low if self.above else value >= self.low
        return enough and (self.high is None or value <= self.high) and math.isfinite(value)


RANGES = {
    "n_epochs": _Range(True, 1, 50),
    "batch_size": _Range(True, 1, 256),
    "learning_rate_multiplier": _Range(False, 0, above=True),
    "compute_multiplier": _Range(False, 1e-5, 10, above=True),
    "eval_interval": _Range(True, 1),
    "eval_samples": _Range(True, 1),
}
NAMES = (*RANGES, "reasoning_effort")


def settings_of(
    given: Mapping[str, Any],
    *,
    n_train: int,
    preset: str = DEFAULT_PRESET,
    approach: Approach = APPROACHES[DEFAULT_APPROACH],
) -> dict[str, Value]:
    """What these hyperparameters change about `preset`, for `presets.resolve`. n_train: training tasks, at least 1.

    batch_size counts tasks, of which each gets the preset's number of answers times compute_multiplier; n_epochs are
    passes over the training tasks, the last step rounded up (a warm start comes on top); learning_rate_multiplier is
    of the preset's rate; eval_samples are answers per validation task. reasoning_effort is room to think: an answer
    may be twice (medium) or four times (high) as long as the preset's, and never shorter. Where nothing is reinforced,
    batch_size counts reference answers, and compute_multiplier is refused, since no answers are sampled to learn from.
    Raises `SpecError(path="hyperparameters.NAME")`.
    """
    for name in given:
        if name not in NAMES:
            raise _error(name, "There is no such hyperparameter.", f"Known are {', '.join(NAMES)}.")
    values = {name: _read(name, given[name]) for name in RANGES if given.get(name, AUTO) not in (AUTO, None)}
    usual = resolve(preset)
    changes: dict[str, Value] = {}
    if not approach.reinforces:
        return _within_ours(_copying(values, usual, n_train) | _common(given, values, usual), values)
    group = usual["group_size"]
    if "compute_multiplier" in values:
        group = changes["group_size"] = max(2, round(group * values["compute_multiplier"]))
    tasks = int(values.get("batch_size", usual["batch_size"] // usual["group_size"]))
    if "batch_size" in values or "compute_multiplier" in values:
        changes["batch_size"] = tasks * group
    if "n_epochs" in values:
        steps = changes["steps"] = max(1, math.ceil(values["n_epochs"] * n_train / tasks))
        changes["warmup_steps"] = min(usual["warmup_steps"], steps // WARM_SHARE)
        if approach.copies:
            changes["steps"] = steps + usual["warm_start_steps"]
    changes |= _common(given, values, usual)
    return _within_ours(changes, values)


def _common(given: Mapping[str, Any], values: Mapping[str, float], usual: Mapping[str, Any]) -> dict[str, Value]:
    """What has one meaning whichever way is learned."""
    changes: dict[str, Value] = {}
    if "learning_rate_multiplier" in values:
        changes["learning_rate"] = usual["learning_rate"] * values["learning_rate_multiplier"]
    for name in ("eval_interval", "eval_samples"):
        if name in values:
            changes[name] = int(values[name])
    longer = EFFORTS[_effort(given.get("reasoning_effort"))]
    if longer > 1:
        changes["max_completion_length"] = usual["max_completion_length"] * longer
    return changes


def _copying(values: Mapping[str, float], usual: Mapping[str, Any], n_train: int) -> dict[str, Value]:
    if "compute_multiplier" in values:
        raise _error("compute_multiplier", "SFT samples no answers to learn from.", "Leave it out.")
    tasks = int(values.get("batch_size", usual["sft_batch_size"]))
    changes: dict[str, Value] = {"sft_batch_size": tasks} if "batch_size" in values else {}
    if "n_epochs" in values:
        steps = changes["steps"] = max(1, math.ceil(values["n_epochs"] * n_train / tasks))
        changes["warmup_steps"] = min(usual["warmup_steps"], steps // WARM_SHARE)
    return changes


def _read(name: str, raw: Any) -> float:
    allowed = RANGES[name]
    number = isinstance(raw, (int, float)) and not isinstance(raw, bool)
    try:
        fits = number and allowed.holds(raw) and not (allowed.whole and raw != int(raw))
    except OverflowError:  # a whole number of hundreds of digits
        fits = False
    if not fits:
        raise _error(name, f"{raw!r} is not allowed.", f'Use {allowed}, or "{AUTO}".')
    return float(raw)


def _effort(raw: Any) -> str:
    if raw is None:
        return "default"
    if not isinstance(raw, str) or raw not in EFFORTS:
        raise _error("reasoning_effort", f"{raw!r} is not allowed.", f"Use one of {', '.join(EFFORTS)}.")
    return raw


# Which hyperparameter to name where our own limits are narrower.
SOURCES = {
    "steps": ("n_epochs",),
    "group_size": ("compute_multiplier",),
    "batch_size": ("batch_size", "compute_multiplier"),
    "sft_batch_size": ("batch_size",),
    "learning_rate": ("learning_rate_multiplier",),
    "eval_interval": ("eval_interval",),
    "eval_samples": ("eval_samples",),
    "max_completion_length": ("reasoning_effort",),
}


def _within_ours(changes: dict[str, Value], values: Mapping[str, float]) -> dict[str, Value]:
    """The changes, looked at with our own ranges; a complaint names the hyperparameter."""
    dials = {dial.name: dial for dial in DIALS}
    for setting, names in SOURCES.items():
        if setting not in changes:
            continue
        try:
            dials[setting].read(changes[setting])
        except SpecError as error:
            name = next((one for one in names if one in values), names[0])
            message = f"It comes to {changes[setting]:g} for “{dials[setting].label}”, which is out of range here."
            raise _error(name, message, f"{error.fix[:-1]} for that.") from error
    return changes


def _error(name: str, message: str, fix: str) -> SpecError:
    return SpecError(message, path=f"hyperparameters.{name}", fix=fix)
