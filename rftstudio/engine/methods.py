"""The training methods by name: what each is, the paper it comes from, and the settings that belong to it.

It imports no torch, so that the web process may use it. The losses themselves are TRL's; a method says which
of them it is, whether an answer is weighed by its tokens or as a whole, and what its paper sets.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Method:
    """One way of learning from graded answers.

    summary: in a few words, for a list of choices. paper: who and when. arxiv: the number of the paper, "" where
    there is none. loss, level: `loss_type` and `importance_sampling_level` in TRL. settings: what its paper sets,
    where that differs from the dials' defaults; it holds unless somebody sets these dials.
    """

    name: str
    label: str
    summary: str
    paper: str
    arxiv: str
    loss: str
    settings: Mapping[str, int | float | str]
    level: Literal["token", "sequence"] = "token"

    @property
    def choice(self) -> tuple[str, str]:
        """Value and label for a form."""
        return self.name, f"{self.label}: {self.summary} ({self.paper})"


METHODS: dict[str, Method] = {
    method.name: method
    for method in (
        Method(
            "dapo",
            "DAPO",
            "every token weighs the same, rare words may gain more",
            "Yu et al. 2025",
            "2503.14476",
            "dapo",
            {},
        ),
        Method(
            "grpo",
            "GRPO",
            "every answer weighs the same",
            "Shao et al. 2024",
            "2402.03300",
            "grpo",
            {"epsilon_high": 0.2},
        ),
        Method(
            "dr_grpo",
            "Dr. GRPO",
            "favours neither short answers nor tasks with little spread",
            "Liu et al. 2025",
            "2503.20783",
            "dr_grpo",
            {"epsilon_high": 0.2, "scale_rewards": "none"},
        ),
        Method(
            "gspo",
            "GSPO",
            "an answer is held back as a whole, not word by word",
            "Zheng et al. 2025",
            "2507.18071",
            "grpo",
            {"epsilon": 3e-4, "epsilon_high": 4e-4},
            level="sequence",
        ),
        Method(
            "cispo",
            "CISPO",
            "no word is left out, its weight is bounded",
            "MiniMax 2025",
            "2506.13585",
            "cispo",
            {"epsilon_high": 5.0},  # the bound that TRL takes from Khatri et al. 2025 (ScaleRL)
        ),
        Method(
            "bnpo",
            "BNPO",
            "as DAPO; where several machines train, each counts its own tokens",
            "TRL",
            "",
            "bnpo",
            {},
        ),
    )
}
DEFAULT_METHOD = "dapo"
