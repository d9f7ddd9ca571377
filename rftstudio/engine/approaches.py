"""The ways a training can go: reinforcement, copying of reference answers, or the one and then the other.

Which settings belong to which of them, and the settings that are theirs alone. How each learns is in
`engine/training`; it imports no torch, so that the web process may use it.
"""

from dataclasses import dataclass
from typing import Literal

from rftstudio.engine.dial import Dial

RFT: Literal["rft"] = "rft"
SFT_RFT: Literal["sft_rft"] = "sft_rft"
SFT: Literal["sft"] = "sft"


@dataclass(frozen=True, slots=True)
class Approach:
    """One way. label, summary: for a choice; in_full: with nothing abbreviated. copies, reinforces: its stages."""

    name: str
    label: str
    in_full: str
    summary: str
    copies: bool
    reinforces: bool


APPROACHES: dict[str, Approach] = {
    approach.name: approach
    for approach in (
        Approach(
            RFT,
            "Reinforce (RFT)",
            "reinforcement fine-tuning (RFT)",
            "The model tries, the grader marks every answer, and better answers become likelier.",
            copies=False,
            reinforces=True,
        ),
        Approach(
            SFT_RFT,
            "SFT first, then RFT",
            "supervised (SFT), then reinforcement fine-tuning (RFT)",
            "It copies reference answers for some steps and goes on by reinforcement from there. "
            "For a model that at first gets hardly anything right.",
            copies=True,
            reinforces=True,
        ),
        Approach(
            SFT,
            "Copy the reference answers (SFT)",
            "supervised fine-tuning (SFT)",
            "The model learns your reference answers word for word; the grader only measures. "
            "The baseline that reinforcement has to beat.",
            copies=True,
            reinforces=False,
        ),
    )
}
DEFAULT_APPROACH = RFT

APPROACH_DIALS: tuple[Dial, ...] = (
    Dial(
        "approach",
        "Way of learning",
        "By the grader's marks (reinforcement fine-tuning, RFT), by copying the reference answers (supervised "
        "fine-tuning, SFT), or by SFT first and RFT after it.",
        "choice",
        DEFAULT_APPROACH,
        choices=tuple((approach.name, approach.label) for approach in APPROACHES.values()),
    ),
    Dial(
        "warm_start_steps",
        "Steps of SFT first",
        "In “SFT first, then RFT” so many of the steps copy reference answers; the rest are reinforcement.",
        "int",
        20,
        1,
        100_000,
        unit="steps",
    ),
    Dial(
        "sft_batch_size",
        "Reference answers per step",
        "How many reference answers are copied at each step of SFT.",
        "int",
        8,
        1,
        4096,
    ),
)

# Settings that not every way reads. What is not here all of them do.
_REINFORCING = frozenset(name for name, approach in APPROACHES.items() if approach.reinforces)
_COPYING = frozenset(name for name, approach in APPROACHES.items() if approach.copies)
READ_BY: dict[str, frozenset[str]] = {
    **dict.fromkeys(
        (
            "batch_size",
            "group_size",
            "temperature",
            "loss_type",
            "scale_rewards",
            "beta",
            "entropy_coef",
            "updates_per_batch",
            "epsilon",
            "epsilon_high",
            "mask_truncated",
        ),
        _REINFORCING,
    ),
    "sft_batch_size": _COPYING,
    "warm_start_steps": _REINFORCING & _COPYING,
}


def reads(approach: str, setting: str) -> bool:
    """Whether a training of this way looks at a setting at all."""
    return setting not in READ_BY or approach in READ_BY[setting]
