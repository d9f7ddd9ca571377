"""The settings of training and of evaluation, one by one: name, words for a form, range, default.

It imports no torch, so that the web process may use it; `presets` puts them together.
"""

from dataclasses import dataclass
from typing import Any, Literal

from rftstudio.engine.errors import SpecError

Value = int | float | str | bool


@dataclass(frozen=True, slots=True)
class Dial:
    """One setting: what a form shows and what is allowed.

    minimum and maximum are inclusive. advanced: kept out of sight until asked for.
    choices: (value, label) pairs for a `choice`.
    """

    name: str
    label: str
    help: str
    kind: Literal["int", "float", "choice", "bool"]
    default: Value
    minimum: float | None = None
    maximum: float | None = None
    choices: tuple[tuple[str, str], ...] = ()
    unit: str = ""
    advanced: bool = False

    def read(self, raw: Any) -> Value:
        """The checked value of what was typed or stored. Raises `SpecError(path=name)`."""
        value = self._convert(raw)
        if isinstance(value, str) and self.choices and value not in dict(self.choices):
            raise self._error(f"{value!r} is not offered.", f"Use one of {', '.join(dict(self.choices))}.")
        if isinstance(value, (int, float)) and not isinstance(value, bool):
            low, high = self.minimum, self.maximum
            if (low is not None and value < low) or (high is not None and value > high) or value != value:
                raise self._error(f"{value} is out of range.", f"Use a value from {low:g} to {high:g}.")
        return value

    def _convert(self, raw: Any) -> Value:
        if self.kind == "bool":
            if isinstance(raw, bool):
                return raw
            text = str(raw).strip().lower()
            if text in ("true", "yes", "on", "1"):
                return True
            if text in ("false", "no", "off", "0"):
                return False
            raise self._error(f"{raw!r} is neither yes nor no.", "Write true or false.")
        if self.kind == "choice":
            return str(raw)
        try:
            if isinstance(raw, bool):
                raise ValueError
            number = float(raw)
            if self.kind == "float":
                return number
            if number != int(number):
                raise ValueError
            return int(number)
        except (TypeError, ValueError, OverflowError):
            what = "a whole number" if self.kind == "int" else "a number"
            raise self._error(f"{raw!r} is not {what}.", f"Write {what}.") from None

    def _error(self, message: str, fix: str) -> SpecError:
        return SpecError(message, path=self.name, fix=fix)


LOSS_TYPES = (
    ("dapo", "DAPO: every token weighs the same (Yu et al. 2025)"),
    ("grpo", "GRPO: every answer weighs the same (Shao et al. 2024)"),
    ("dr_grpo", "Dr. GRPO: no length bias (Liu et al. 2025)"),
    ("bnpo", "BNPO: tokens of the batch weigh the same (TRL)"),
)

DIALS: tuple[Dial, ...] = (
    Dial(
        "steps", "Steps", "At each step a batch of answers is sampled, graded and learned from.", "int", 80, 1, 100_000
    ),
    Dial(
        "batch_size",
        "Answers per step",
        "How many answers are sampled and graded at each step. A multiple of the answers per task.",
        "int",
        32,
        2,
        4096,
    ),
    Dial(
        "group_size",
        "Answers per task",
        "Answers to the same task are compared with each other: that difference is what the model learns from.",
        "int",
        8,
        2,
        256,
    ),
    Dial(
        "learning_rate",
        "Learning rate",
        "How far each update goes. Halve it when the reward collapses, double it when nothing moves.",
        "float",
        4e-4,
        1e-7,
        1e-2,
    ),
    Dial(
        "max_completion_length",
        "Longest answer",
        "An answer is cut off after so many tokens (a token is about three quarters of a word).",
        "int",
        32,
        1,
        16_384,
        unit="tokens",
    ),
    Dial(
        "eval_interval",
        "Evaluate every",
        "The validation tasks are answered after every so many steps, and a checkpoint is kept.",
        "int",
        10,
        1,
        10_000,
        unit="steps",
    ),
    Dial("eval_samples", "Answers per validation task", "More answers, steadier curve.", "int", 1, 1, 64),
    Dial(
        "eval_items",
        "Validation tasks used",
        "At most so many validation tasks are answered at each evaluation, always the same ones.",
        "int",
        64,
        1,
        10_000,
    ),
    Dial(
        "temperature",
        "Temperature",
        "How much answers vary while training. At 0 they would all be alike, and there would be nothing to compare.",
        "float",
        1.0,
        0.05,
        2.0,
        advanced=True,
    ),
    Dial(
        "eval_temperature",
        "Temperature at evaluation",
        "0 takes the likeliest answer every time.",
        "float",
        1.0,
        0.0,
        2.0,
        advanced=True,
    ),
    Dial(
        "lora_rank",
        "LoRA rank",
        "Size of the adapter that is trained beside the frozen model (Hu et al. 2021).",
        "int",
        16,
        1,
        256,
        advanced=True,
    ),
    Dial(
        "lora_alpha",
        "LoRA alpha",
        "The adapter's output is scaled by alpha / rank; twice the rank is customary.",
        "float",
        32.0,
        0.1,
        1024.0,
        advanced=True,
    ),
    Dial(
        "loss_type",
        "Loss",
        "How the tokens of short and long answers are weighed.",
        "choice",
        "dapo",
        choices=LOSS_TYPES,
        advanced=True,
    ),
    Dial(
        "scale_rewards",
        "Scale advantages by",
        "The spread that rewards are divided by before they are learned from.",
        "choice",
        "group",
        choices=(("group", "each task's own spread"), ("batch", "the step's spread"), ("none", "nothing")),
        advanced=True,
    ),
    Dial(
        "beta",
        "KL penalty",
        "Holds the model near where it started. 0 lets it go where the grader leads, and is faster.",
        "float",
        0.0,
        0.0,
        1.0,
        advanced=True,
    ),
    Dial(
        "updates_per_batch",
        "Updates per batch",
        "How often each batch of answers is learned from. Above 1 the clip range below holds it back.",
        "int",
        1,
        1,
        8,
        advanced=True,
    ),
    Dial("epsilon", "Clip range, down", "Limits one update (PPO's epsilon).", "float", 0.2, 0.01, 1.0, advanced=True),
    Dial(
        "epsilon_high",
        "Clip range, up",
        "Limits one update upwards; DAPO takes a little more than downwards.",
        "float",
        0.28,
        0.01,
        10.0,
        advanced=True,
    ),
    Dial(
        "mask_truncated",
        "Leave cut-off answers out",
        "Answers that ran into the length limit are graded but not learned from.",
        "bool",
        False,
        advanced=True,
    ),
    Dial(
        "schedule",
        "Learning rate over time",
        "Constant, or falling to nothing by the last step.",
        "choice",
        "constant",
        choices=(("constant", "constant"), ("linear", "falling evenly"), ("cosine", "falling on a cosine")),
        advanced=True,
    ),
    Dial(
        "warmup_steps",
        "Warm-up",
        "The learning rate rises over the first steps, so that they cannot settle on one answer.",
        "int",
        5,
        0,
        1000,
        unit="steps",
        advanced=True,
    ),
    Dial("weight_decay", "Weight decay", "Pulls the adapter towards zero.", "float", 0.0, 0.0, 1.0, advanced=True),
    Dial(
        "max_grad_norm",
        "Gradient limit",
        "Longer gradients are shortened to this norm.",
        "float",
        1.0,
        0.01,
        1000.0,
        advanced=True,
    ),
    Dial(
        "max_no_score_share",
        "Grader failures allowed",
        "The run stops when more than this share of the last answers could not be graded.",
        "float",
        0.5,
        0.0,
        1.0,
        advanced=True,
    ),
)

LIMIT_DIALS: tuple[Dial, ...] = (
    Dial(
        "max_minutes",
        "Longest time",
        "When so many minutes of training are over, the model is evaluated once more and the training ends with its "
        "best checkpoint. Pauses and the time in line do not count. 0 sets no limit.",
        "float",
        0.0,
        0.0,
        100_000.0,
        unit="minutes",
    ),
    Dial(
        "patience",
        "Stop without improvement",
        "The training ends with its best checkpoint after so many evaluations in a row without a new best validation "
        "reward (early stopping). 0 never does.",
        "int",
        0,
        0,
        1000,
        unit="evaluations",
    ),
    Dial(
        "pause_on_finding",
        "Pause when something is plainly wrong",
        "A grave finding of the run doctor, such as rewards that are all zero, pauses the training until somebody has "
        "looked. Each kind does so once.",
        "bool",
        False,
    ),
)

JUDGE_DIALS: tuple[Dial, ...] = (
    Dial(
        "judge_tokens",
        "Judge budget in tokens",
        "What judges may read and write in all. When it is used up, a training ends after the step with its best "
        "checkpoint, a comparison stops. 0 sets no limit.",
        "int",
        0,
        0,
        1_000_000_000_000,
        unit="tokens",
        advanced=True,
    ),
    Dial(
        "judge_cost",
        "Judge budget in money",
        "The same in money, in the currency of the judges' prices. 0 sets no limit.",
        "float",
        0.0,
        0.0,
        1_000_000.0,
        advanced=True,
    ),
)

DIALS += LIMIT_DIALS + JUDGE_DIALS

EVALUATION_DIALS: tuple[Dial, ...] = (
    Dial("samples", "Answers per task", "Each model answers every task so many times.", "int", 1, 1, 64),
    Dial("temperature", "Temperature", "0 takes the likeliest answer every time.", "float", 1.0, 0.0, 2.0),
    Dial(
        "max_completion_length",
        "Longest answer",
        "An answer is cut off after so many tokens.",
        "int",
        32,
        1,
        16_384,
        unit="tokens",
    ),
    *JUDGE_DIALS,
)
