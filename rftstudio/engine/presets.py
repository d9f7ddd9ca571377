"""What can be set about a training run and about an evaluation: names, ranges, defaults and the presets.

Settings travel flat, by name, in `job.json`. This module reads and checks them and describes them for
forms; it imports no torch, so that the web process may use it. The engine's own reading is
`TrainingSettings` and `EvaluationSettings`.
"""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from rftstudio.engine.approaches import APPROACHES, SFT_RFT, Approach
from rftstudio.engine.dial import Dial, Value
from rftstudio.engine.dials import DIALS, EVALUATION_DIALS
from rftstudio.engine.errors import SpecError
from rftstudio.engine.methods import METHODS, Method

__all__ = [
    "DEFAULT_PRESET",
    "DIALS",
    "EVALUATION_DIALS",
    "PRESETS",
    "Dial",
    "EvaluationSettings",
    "Preset",
    "TrainingSettings",
    "Value",
    "check_evaluation",
    "check_training",
    "differences",
    "resolve",
    "usual",
]

ScaleRewards = Literal["group", "batch", "none"]
Schedule = Literal["constant", "linear", "cosine"]


@dataclass(frozen=True, slots=True)
class TrainingSettings:
    """The engine's reading of a training job's settings; the meaning of each is in `DIALS`."""

    steps: int
    batch_size: int
    group_size: int
    learning_rate: float
    max_completion_length: int
    eval_interval: int
    eval_samples: int
    eval_items: int
    temperature: float
    eval_temperature: float
    lora_rank: int
    lora_alpha: float
    loss_type: str  # a name of `METHODS`
    scale_rewards: ScaleRewards
    beta: float
    entropy_coef: float
    updates_per_batch: int
    epsilon: float
    epsilon_high: float
    mask_truncated: bool
    schedule: Schedule
    warmup_steps: int
    weight_decay: float
    max_grad_norm: float
    max_no_score_share: float
    max_minutes: float
    patience: int
    pause_on_finding: bool
    judge_tokens: int
    judge_cost: float
    approach: str  # a name of `APPROACHES`
    warm_start_steps: int
    sft_batch_size: int

    @property
    def way(self) -> Approach:
        return APPROACHES[self.approach]

    @property
    def copying_steps(self) -> int:
        """How many of the steps, the first ones, copy reference answers."""
        if not self.way.copies:
            return 0
        return self.warm_start_steps if self.way.reinforces else self.steps

    @property
    def prompts_per_step(self) -> int:
        return self.batch_size // self.group_size

    @property
    def method(self) -> Method:
        return METHODS[self.loss_type]

    @classmethod
    def read(cls, settings: Mapping[str, Any]) -> "TrainingSettings":
        return cls(**check_training(settings))


@dataclass(frozen=True, slots=True)
class EvaluationSettings:
    """The engine's reading of an evaluation job's settings."""

    samples: int
    temperature: float
    max_completion_length: int
    judge_tokens: int
    judge_cost: float

    @classmethod
    def read(cls, settings: Mapping[str, Any]) -> "EvaluationSettings":
        return cls(**check_evaluation(settings))


@dataclass(frozen=True, slots=True)
class Preset:
    """A named starting point. `settings` holds what differs from the dials' defaults."""

    name: str
    label: str
    summary: str
    settings: Mapping[str, Value]


PRESETS: dict[str, Preset] = {
    preset.name: preset
    for preset in (
        Preset(
            "quick",
            "Quick look",
            "A few minutes: enough to see whether the reward moves.",
            {
                "steps": 80,
                "batch_size": 72,
                "group_size": 12,
                "learning_rate": 3e-4,
                "max_completion_length": 32,
                "eval_samples": 4,
                "lora_rank": 8,
                "lora_alpha": 16,
                "schedule": "linear",
                "warmup_steps": 3,
            },
        ),
        Preset(
            "balanced",
            "Balanced",
            "Longer and steadier: larger batches and smaller steps.",
            {
                "steps": 200,
                "batch_size": 96,
                "group_size": 12,
                "learning_rate": 2e-4,
                "max_completion_length": 128,
                "eval_interval": 20,
                "schedule": "linear",
                "warmup_steps": 5,
            },
        ),
        Preset(
            "thorough",
            "Thorough",
            "The longest and steadiest: many answers per task, small steps.",
            {
                "steps": 500,
                "batch_size": 128,
                "group_size": 16,
                "learning_rate": 2e-4,
                "max_completion_length": 256,
                "eval_interval": 25,
                "eval_samples": 2,
                "schedule": "cosine",
                "warmup_steps": 10,
            },
        ),
    )
}
DEFAULT_PRESET = "quick"


def resolve(
    preset: str, overrides: Mapping[str, Any] | None = None, *, answer_limit: int | None = None
) -> dict[str, Any]:
    """The full settings of a preset with some changed. Raises `SpecError` naming the setting.

    answer_limit: tokens that hold every right answer, where that is known. A preset's longest answer is lowered to it,
    since what goes on beyond is wrong already and costs as much time as all the rest.
    """
    if preset not in PRESETS:
        raise SpecError(f"There is no preset {preset!r}.", path="preset", fix=f"Use one of {', '.join(PRESETS)}.")
    settings = dict(PRESETS[preset].settings)
    if answer_limit is not None:
        settings["max_completion_length"] = min(check_training(settings)["max_completion_length"], answer_limit)
    return check_training({**settings, **(overrides or {})})


def usual(preset: str, settings: Mapping[str, Any], *, answer_limit: int | None = None) -> dict[str, Any]:
    """What a run of this preset and of the method in `settings` has where nobody changed anything; {} if unknown."""
    if preset not in PRESETS:
        return {}
    plain = resolve(preset, answer_limit=answer_limit)
    method = settings.get("loss_type")
    if method not in METHODS:
        return plain
    return {**resolve(preset, {"loss_type": method}, answer_limit=answer_limit), "loss_type": plain["loss_type"]}


def differences(*, answer_limit: int | None = None) -> list[tuple[Dial, list[Value]]]:
    """The dials that presets set differently, each with its values in the order of `PRESETS`."""
    settings = [resolve(name, answer_limit=answer_limit) for name in PRESETS]
    rows = [(dial, [values[dial.name] for values in settings]) for dial in DIALS]
    return [(dial, values) for dial, values in rows if len(set(values)) > 1]


def check_training(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Every training setting, checked and completed as the method says, else with defaults.

    Raises `SpecError(path=name)`.
    """
    method = METHODS.get(str(settings.get("loss_type")))
    values = _read({**(method.settings if method else {}), **settings}, DIALS)
    batch, group = values["batch_size"], values["group_size"]
    if batch % group:
        low, high = batch // group * group, (batch // group + 1) * group
        near = f"{low} or {high}" if low else f"{high}"
        raise SpecError(
            f"{group} answers per task do not divide {batch} answers per step.",
            path="group_size",
            fix=f"Set the answers per step to {near}, or choose a number of answers per task that divides {batch}.",
        )
    if values["loss_type"] == "cispo" and values["epsilon_high"] < 1:
        raise SpecError(
            "CISPO takes this as the largest weight of a token, and would never give one its full weight.",
            path="epsilon_high",
            fix="Use 1 or more; 5 is usual.",
        )
    if values["approach"] == SFT_RFT and values["warm_start_steps"] >= values["steps"]:
        raise SpecError(
            f"{values['warm_start_steps']} of {values['steps']} steps are SFT, so none is left for reinforcement.",
            path="warm_start_steps",
            fix="Set it below the number of steps, or choose SFT alone.",
        )
    return values


def check_evaluation(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Every evaluation setting, checked and completed with defaults. Raises `SpecError(path=name)`."""
    return _read(settings, EVALUATION_DIALS)


def _read(settings: Mapping[str, Any], dials: tuple[Dial, ...]) -> dict[str, Any]:
    known = {dial.name: dial for dial in dials}
    for name in settings:
        if name not in known:
            raise SpecError("There is no such setting.", path=name, fix=f"Known are {', '.join(known)}.")
    return {name: dial.read(settings[name]) if name in settings else dial.default for name, dial in known.items()}


_names = [field.name for field in dataclasses.fields(TrainingSettings)]
assert _names == [dial.name for dial in DIALS], "DIALS and TrainingSettings must name the same settings in order"
