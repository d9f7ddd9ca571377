"""The stages of a training one after the other, from its beginning or from a checkpoint in any of them.

Between stages the adapter is handed on; optimizer and learning rate begin anew. The step that a stage ends with is
evaluated and saved for good: a run that is killed after it rebuilds from there what the next stage began with.
"""

from collections.abc import Sequence
from typing import Any

from peft import get_peft_model

from rftstudio.engine.errors import SystemFault
from rftstudio.engine.inference.loading import Prompt
from rftstudio.engine.inference.sampler import Sampler
from rftstudio.engine.presets import TrainingSettings
from rftstudio.engine.training import checkpoints
from rftstudio.engine.training.build import build_copier, build_trainer, lora
from rftstudio.engine.training.checkpoints import Saved
from rftstudio.engine.training.grpo import StudioTrainer
from rftstudio.engine.training.lessons import Lesson
from rftstudio.engine.training.reporter import Reporter
from rftstudio.engine.training.sft import CopyTrainer
from rftstudio.engine.training.stages import Stage, stages_of
from rftstudio.engine.training.tracking import Tracking


class Course:
    """prompts: what reinforcement asks; lessons: what is copied, if anything. saved: where to go on from.

    tracking: a callback that comes after the reporter; run_name: what trackers call the training.
    """

    def __init__(
        self,
        model: Any,
        tokenizer: Any,
        settings: TrainingSettings,
        *,
        prompts: Sequence[Prompt],
        lessons: Sequence[Lesson],
        sampler: Sampler,
        reporter: Reporter,
        saved: Saved | None,
        seed: int,
        tracking: Tracking | None = None,
        run_name: str | None = None,
    ) -> None:
        self.model = model
        self.tokenizer = tokenizer
        self.settings = settings
        self.prompts = prompts
        self.lessons = lessons
        self.sampler = sampler
        self.reporter = reporter
        self.saved = saved
        self.seed = seed
        self.tracking = tracking
        self.run_name = run_name
        done = saved.step if saved else 0
        every = stages_of(settings)
        self.left = [stage for stage in every if done < stage.last] or every[-1:]
        self.trainer: StudioTrainer | CopyTrainer

    def prepare(self) -> None:
        """Build the trainer of the first stage that is left."""
        stage = self.left[0]
        if stage.before and self.saved is not None:
            self.model = self._handed_on(stage)
        inside = self.saved if self.saved is not None and self.saved.step > stage.before else None
        self.trainer = self._trainer(stage, inside)

    @property
    def model_in_training(self) -> Any:
        """With its adapter; after `prepare`."""
        return self.trainer.accelerator.unwrap_model(self.trainer.model)

    def go(self) -> int:
        """Train what is left; the last step done. Why it ended before the end, if it did, is the reporter's to say."""
        self.trainer.go()
        for stage in self.left[1:]:
            if self.reporter.end is not None:
                break
            self.model = self.model_in_training
            self.trainer = self._trainer(stage, None)
            self.trainer.go()
        if self.tracking is not None:
            self.tracking.close()
        return self.trainer.stage.step(int(self.trainer.state.global_step))

    def tell(self) -> None:
        """Where nothing is to be trained any more: what a training that was killed at its end had told no tracker."""
        if self.tracking is not None:
            trainer, model = self.trainer, self.model_in_training
            self.tracking.on_train_begin(
                trainer.args, trainer.state, trainer.control, model=model, processing_class=self.tokenizer
            )
            self.tracking.close()

    def _handed_on(self, stage: Stage) -> Any:
        """The model with the adapter that the stage began with. Raises `SystemFault` where that is needed and gone."""
        before = checkpoints.at(self.reporter.directory, stage.before)
        if before is None:
            if self.settings.beta > 0:
                raise SystemFault(
                    f"The checkpoint of step {stage.before} is gone, and the KL penalty is measured from it. "
                    "Launch the training again."
                )
            before = self.saved  # the stage's own state takes its place
        assert before is not None
        tuned = get_peft_model(self.model, lora(self.settings))
        checkpoints.restore_model(before, tuned)
        return tuned

    def _trainer(self, stage: Stage, saved: Saved | None) -> StudioTrainer | CopyTrainer:
        if stage.kind == "sft":
            return build_copier(
                self.model,
                self.tokenizer,
                self.settings,
                stage=stage,
                lessons=self.lessons,
                sampler=self.sampler,
                reporter=self.reporter,
                saved=saved,
                seed=self.seed,
                tracking=self.tracking,
                run_name=self.run_name,
            )
        return build_trainer(
            self.model,
            self.tokenizer,
            self.settings,
            prompts=self.prompts,
            sampler=self.sampler,
            journal=self.reporter.journal,
            reporter=self.reporter,
            saved=saved,
            seed=self.seed,
            stage=stage,
            tracking=self.tracking,
            run_name=self.run_name,
        )
