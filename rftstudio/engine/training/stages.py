"""A training as a row of stages: copying reference answers, reinforcement, or the one and then the other.

Steps are counted through all stages; each has an optimizer and a learning-rate schedule of its own.
"""

import dataclasses
from dataclasses import dataclass
from typing import Literal

from rftstudio.engine.approaches import RFT, SFT
from rftstudio.engine.presets import TrainingSettings


@dataclass(frozen=True, slots=True)
class Stage:
    """Steps `before` + 1 to `last` of a training. updates: of the optimizer, in each step."""

    kind: Literal["rft", "sft"]
    before: int
    last: int
    updates: int

    def step(self, done: int) -> int:
        """The training's step after so many updates of this stage."""
        return self.before + done // self.updates

    def settings(self, whole: TrainingSettings) -> TrainingSettings:
        """The training's settings as this stage's trainer, which knows of no other, has to see them."""
        return dataclasses.replace(whole, steps=self.last - self.before, updates_per_batch=self.updates)


def stages_of(settings: TrainingSettings) -> list[Stage]:
    """In order. There is at least one, and each has at least one step."""
    turn = settings.copying_steps
    stages = [Stage(SFT, 0, turn, 1)] if turn else []
    if settings.way.reinforces:
        stages.append(Stage(RFT, turn, settings.steps, settings.updates_per_batch))
    return stages
