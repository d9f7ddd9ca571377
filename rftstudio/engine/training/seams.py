"""What the trainers of all stages have in common: learning rate, steps counted through stages, checkpoints of ours.

A mixin for a transformers `Trainer`; it neither samples nor computes a loss.
"""

from collections.abc import Callable
from functools import partial
from typing import Any

from torch.optim.lr_scheduler import LambdaLR

from rftstudio.engine.presets import TrainingSettings
from rftstudio.engine.training.checkpoints import Saved, restore_model, restore_random, restore_training
from rftstudio.engine.training.order import rate
from rftstudio.engine.training.stages import Stage


class Seams:
    """Further arguments than the trainer's:

    settings: of this stage, which by default is all of the training. on_save: writes a checkpoint, when the trainer
    would. saved: where inside the stage to go on from.
    """

    state: Any
    optimizer: Any
    accelerator: Any
    model: Any

    def __init__(
        self,
        *,
        settings: TrainingSettings,
        stage: Stage | None = None,
        on_save: Callable[[], None] | None = None,
        saved: Saved | None = None,
        **arguments: Any,
    ) -> None:
        self.settings = settings
        self.stage = stage or Stage("rft", 0, settings.steps, settings.updates_per_batch)
        self.on_save = on_save
        self.saved = saved
        self.first_step = saved.step - self.stage.before if saved else 0
        super().__init__(**arguments)

    @property
    def step(self) -> int:
        """The training's step in progress, from 1."""
        return self.stage.step(int(self.state.global_step)) + 1

    def create_scheduler(self, num_training_steps: int, optimizer: Any = None) -> LambdaLR:
        """Warm-up whose first update counts already (transformers' begins with a rate of 0), then the schedule."""
        self.lr_scheduler = LambdaLR(optimizer or self.optimizer, partial(rate, self.settings))
        self._created_lr_scheduler = True
        return self.lr_scheduler

    def go(self) -> None:
        """Train the stage, from its beginning or from `saved`."""
        self.train(resume_from_checkpoint=str(self.saved.path) if self.saved else None)  # type: ignore[attr-defined]

    # checkpoints: ours, without pickles

    def _save_checkpoint(self, model: Any, trial: Any) -> None:
        if self.on_save is not None:
            self.on_save()

    def _load_from_checkpoint(self, resume_from_checkpoint: str, model: Any = None) -> None:
        if self.saved is not None:
            restore_model(self.saved, self.accelerator.unwrap_model(self.model))

    def _load_optimizer_and_scheduler(self, checkpoint: str | None) -> None:
        if self.saved is not None:
            restore_training(self.saved, self.optimizer, self.lr_scheduler)

    def _load_rng_state(self, checkpoint: str | None) -> None:
        if self.saved is not None:
            restore_random(self.saved)
