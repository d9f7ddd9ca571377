"""What happens around a step: evaluation when due, the step's event, a checkpoint, an end or a pause.

A transformers callback, told of every update by the trainer.
"""

import time
from pathlib import Path
from typing import Any

from transformers import TrainerCallback, TrainerControl, TrainerState

from rftstudio.engine.training import checkpoints
from rftstudio.engine.training.ending import End, Endings
from rftstudio.engine.training.grpo import StudioTrainer
from rftstudio.engine.training.journal import Journal
from rftstudio.engine.training.sft import CopyTrainer
from rftstudio.engine.training.watch import Watch

RECOVERY_SECONDS = 20.0  # at most so much work, and one step, is done again after a crash


class Reporter(TrainerCallback):
    """See the module. `begin` is called with each stage's trainer. `end`: why training ended early, if it did."""

    trainer: StudioTrainer | CopyTrainer

    def __init__(self, directory: Path, journal: Journal, endings: Endings, watch: Watch) -> None:
        self.directory = directory
        self.journal = journal
        self.endings = endings
        self.watch = watch
        self.end: End | None = None
        self._mark = self._saved_at = time.monotonic()
        self._valid: dict[str, Any] = {}
        self._updates: list[dict[str, Any]] = []
        self._last: dict[str, Any] = {}

    def begin(self, trainer: StudioTrainer | CopyTrainer) -> None:
        """Report of this trainer from now on."""
        self.trainer = trainer

    def on_train_begin(self, args: Any, state: TrainerState, control: TrainerControl, **_: Any) -> None:
        self._mark = self._saved_at = time.monotonic()

    def on_step_end(self, args: Any, state: TrainerState, control: TrainerControl, **_: Any) -> TrainerControl:
        stage = self.trainer.stage
        if state.global_step % stage.updates:
            return control
        step = stage.step(state.global_step)
        last = step == self.journal.settings.steps
        if not last:
            self.end = self._look(step)
        if step == stage.last or self._evaluates(step):  # the next stage begins with what this one has saved
            self._valid = self.journal.validate(step)
            if not last:
                self.end = self._look(step)  # the judges' budget may have ended in it, or the patience
        due = time.monotonic() - self._saved_at > RECOVERY_SECONDS
        control.should_save = bool(self._valid) or self.end is not None or due
        control.should_training_stop = control.should_training_stop or self.end is not None
        return control

    def _look(self, step: int) -> End | None:
        end = self.endings.due(seconds=time.monotonic() - self._mark)
        if end and end.evaluates == "yes" and self.journal.evaluated(step) is False:
            return None  # this step was said to be one among others; the next that is new is the last
        return end

    def _evaluates(self, step: int) -> bool:
        if (again := self.journal.evaluated(step)) is not None:
            return again
        wanted = self.end.evaluates if self.end else "as planned"
        return wanted == "yes" or (wanted == "as planned" and step % self.journal.settings.eval_interval == 0)

    def on_log(
        self, args: Any, state: TrainerState, control: TrainerControl, logs: dict[str, Any] | None = None, **_: Any
    ) -> None:
        if not logs or "loss" not in logs:  # the summary at the end
            return
        self._updates.append(logs)
        stage = self.trainer.stage
        if state.global_step % stage.updates:
            return
        step = stage.step(state.global_step)
        now = time.monotonic()
        seconds, self._mark = now - self._mark, now
        metrics = self.trainer.report(self.journal, step, self._updates, seconds)
        if self.journal.settings.way.copies:
            metrics["stage"] = stage.kind
        self._last = {**metrics, **self._valid}
        self._updates = []
        self.journal.emit(self._last)
        finding = self.watch.look(self._last, self.journal.progress)
        if finding and self.end is None and step < self.journal.settings.steps:
            self.journal.progress.paused_for.append(finding.name)
            self.journal.progress.pausing = {"finding": finding.name, "reason": finding.sentence}
            self.end = End("paused", finding.sentence, finding.name)
            control.should_save = control.should_training_stop = True

    def save(self) -> None:
        """A checkpoint for people where there is a validation reward or the run has ended, else for recovery."""
        progress = self.journal.progress
        step = int(self._last["step"])
        named = bool(self._valid) or (self.end is not None and self.end.kind not in ("paused", "ended"))
        trainer = self.trainer
        trainer.state.log_history = []
        progress.failures = list(self.journal.rewarder.recent)
        for log in (self.journal.events, self.journal.rollouts):
            log.sync()  # what was done before a checkpoint is never done again, so it must not be lost either
        if named:
            progress.hashes[step] = ""  # its own hash is not known inside it
        saved = checkpoints.save(
            self.directory,
            f"step-{step}" if named else checkpoints.RECOVERY,
            model=trainer.accelerator.unwrap_model(trainer.model),
            optimizer=trainer.optimizer,
            schedule=trainer.lr_scheduler,
            trainer_state=trainer.state,
            step=step,
            state=progress.to_json(),
        )
        self._saved_at = time.monotonic()
        if named:
            self.announce(saved)
            self._valid = {}

    def announce(self, saved: checkpoints.Saved) -> None:
        """The event of a checkpoint, and the removal of those it makes superfluous. Harmless when repeated."""
        progress = self.journal.progress
        step = saved.step
        progress.hashes[step] = saved.adapter_hash
        value = progress.valid.get(step)
        figures = self._last or self.journal.told.get(step, {})  # of a process that was killed before it said this
        best = progress.best_step == step
        reward = "not evaluated" if value is None else f"validation reward {value:.3f}"
        data = {
            "step": step,
            "path": f"checkpoints/{saved.path.name}",
            "valid_reward_mean": value if value is None else round(value, 6),
            "metrics": {key: figures.get(key) for key in ("train_reward_mean", "valid_reward_mean")},
            "best": best,
            "adapter_hash": saved.adapter_hash,
        }
        message = f"Checkpoint of step {step}, {reward}" + (", the best so far." if best and value is not None else ".")
        self._event("checkpoint", step, message, data)
        known = {one: progress.valid.get(one) for one in progress.hashes}
        for gone in checkpoints.prune(self.directory, known, last=step, turn=self.journal.settings.copying_steps):
            del progress.hashes[gone]
            self._event("checkpoint_removed", gone, f"Checkpoint of step {gone} removed.", {"step": gone})

    def _event(self, kind: str, step: int, message: str, data: dict[str, Any]) -> None:
        self.journal.events.append(
            {"type": kind, "level": "info", "message": message, "data": data}, key=f"{kind}:{step}"
        )
