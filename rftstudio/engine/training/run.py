"""One training job from its directory to its result: check, load, evaluate the base, train, settle.

It may be killed at any moment and run again; whatever is in the logs already is not written twice.
"""

import dataclasses
import importlib.metadata
import os
import platform
import socket
from pathlib import Path
from typing import Any

import torch
from transformers import set_seed

from rftstudio.engine import trackers
from rftstudio.engine.errors import SpecError
from rftstudio.engine.events import Log, read
from rftstudio.engine.grading import parse_spec
from rftstudio.engine.grading.fits import check_fits
from rftstudio.engine.grading.sandbox.status import in_words, of_run
from rftstudio.engine.inference import loading
from rftstudio.engine.inference.answers import Answer, answer
from rftstudio.engine.inference.products import library
from rftstudio.engine.inference.sampler import Sampler
from rftstudio.engine.job import Job, read_items
from rftstudio.engine.judging import described, judging, used_up
from rftstudio.engine.presets import TrainingSettings
from rftstudio.engine.process import CANCELLED, ENDED, PAUSED, SUCCEEDED, Stop, run_job, say, write_result
from rftstudio.engine.training import start
from rftstudio.engine.training.ending import End, Endings
from rftstudio.engine.training.journal import Journal, Progress
from rftstudio.engine.training.lessons import ended, lessons
from rftstudio.engine.training.rewards import Rewarder
from rftstudio.engine.training.watch import Watch
from rftstudio.engine.types import Item


def run(directory: Path) -> int:
    """Run the job; its exit code. The last event says why it ended, in plain words."""
    return run_job(directory, lambda job, events, stop: TrainingRun(directory, job, events, stop).go())


class TrainingRun:
    """One job while it runs. Each step of `go` raises `SpecError`, `GraderFault` or `SystemFault`."""

    def __init__(self, directory: Path, job: Job, events: Log, stop: Stop) -> None:
        self.directory = directory
        self.job = job
        self.events = events
        self.stop = stop
        self.where = loading.device()
        self.settings = TrainingSettings.read(job.settings)
        self.spec = parse_spec(job.grader)

    def go(self) -> int:
        settings = self.settings
        with judging(
            self.directory, self.job, self.spec, tokens=settings.judge_tokens, cost=settings.judge_cost
        ) as self.judges:
            return self._go()

    def _go(self) -> int:
        self._prepare()
        self.sampler = self._load()
        self._announce()
        rollouts = Log(self.directory / "rollouts.jsonl")
        rewarder = Rewarder(self.spec, self.tokenizer, max_no_score_share=self.settings.max_no_score_share)
        try:
            self.journal = Journal(
                self.settings,
                events=self.events,
                rollouts=rollouts,
                rewarder=rewarder,
                evaluate=self._evaluate,
                progress=Progress(),
            )
            return self._train()
        finally:
            rewarder.close()
            rollouts.close()

    def _prepare(self) -> None:
        """Everything that can be refused without the weights."""
        job, settings = self.job, self.settings
        trackers.require(job.report_to, os.environ)
        train, validation = self._items("train"), self._items("validation")[: settings.eval_items]
        check_fits(self.spec, [*train, *validation])
        job = self.job = dataclasses.replace(job, model=loading.find_model(job.model))
        self.tokenizer = loading.load_tokenizer(job.model)
        self.train = loading.lay_out(self.tokenizer, train)
        self.validation = loading.lay_out(self.tokenizer, validation)
        context = loading.context_length(job.model)
        for split, prompts in (("train", self.train), ("validation", self.validation)):
            loading.check_lengths(prompts, max_new_tokens=settings.max_completion_length, context=context, split=split)
        self.lessons = (
            lessons(self.tokenizer, self.train, longest=settings.max_completion_length) if settings.way.copies else []
        )
        if job.start is not None:
            start.check(self.directory, job, job.start, settings)

    def _items(self, split: str) -> list[Item]:
        name = self.job.data.get(split)
        if not name:
            raise SpecError(f"The job names no {split} file.", path=f"data.{split}", fix="Write the job anew.")
        items = read_items(self.directory / name)
        if not items:
            raise SpecError(f"The {split} split is empty.", path=split, fix="Put at least one item into it.")
        return items

    def _load(self) -> Sampler:
        set_seed(self.job.seed)
        self.model = loading.load_model(self.job.model, self.where)
        stop = loading.stop_tokens(self.model, self.tokenizer)
        self.lessons = ended(self.lessons, stop=stop)
        return Sampler(self.model, stop=stop, pad=self.tokenizer.pad_token_id)

    def _announce(self) -> None:
        versions = {name: importlib.metadata.version(name) for name in ("torch", "transformers", "trl", "peft")}
        model = self.job.model
        name = model.name or Path(model.path).name
        sandbox = of_run(self.spec, self.events.path)
        data = {
            "versions": {**versions, "python": platform.python_version()},
            "host": socket.gethostname(),
            "device": str(self.where),
            "threads": torch.get_num_threads(),
            "products": library() or "PyTorch",  # another library, on another processor, rounds otherwise
            "model": {
                "name": name,
                "revision": model.revision,
                "n_parameters": sum(parameter.numel() for parameter in self.model.parameters()),
            },
            "seed": self.job.seed,
            "total_steps": self.settings.steps,
            "sandbox": sandbox,
            "n_train": len(self.train),
            "n_validation": len(self.validation),
            "judges": described(self.judges),
            "approach": self.settings.approach,
            **({"start": self.job.start.to_json()} if self.job.start else {}),
        }
        if self.settings.way.copies:
            data |= {"n_references": len(self.lessons), "copying_steps": self.settings.copying_steps}
        message = f"Training {name} on {len(self.train)} tasks, {self.settings.steps} steps."
        message += start.in_words(self.job.start, self.settings)
        message += _copying(self.settings, n_tasks=len(self.train), n_lessons=len(self.lessons)) + in_words(sandbox)
        say(self.events, message, kind="started", key="started", **data)

    def _evaluate(self) -> list[Answer]:
        training = self.model.training
        self.model.eval()
        answers = list(
            answer(
                self.sampler,
                self.tokenizer,
                self.spec,
                self.validation,
                samples=self.settings.eval_samples,
                max_new_tokens=self.settings.max_completion_length,
                temperature=self.settings.eval_temperature,
                seed=self.job.seed,
            )
        )
        self.model.train(training)
        return answers

    def _train(self) -> int:
        known = [row["data"] for row in read(self.events.path) if row["type"] == "metrics" and row["data"]["step"] == 0]
        if known:
            self.journal.progress.valid[0] = known[0]["valid_reward_mean"]
        elif self.job.start is None:
            self.journal.baseline()
        # Imported late: peft and trl take seconds, and the first point of the curve need not wait for them.
        from rftstudio.engine.training import checkpoints
        from rftstudio.engine.training.course import Course
        from rftstudio.engine.training.reporter import Reporter
        from rftstudio.engine.training.tracking import Tracking

        endings = Endings(self.settings, self.stop, lambda: self.journal.progress)
        watch = Watch(self.settings, self.events)
        reporter = Reporter(self.directory / "checkpoints", self.journal, endings, watch)
        saved = checkpoints.latest(reporter.directory)
        if saved is not None:
            self.journal.progress = Progress.from_json(saved.state)
            self.journal.rewarder.recent.extend(self.journal.progress.failures)
            say(self.events, f"Going on after step {saved.step}.", step=saved.step)
        told = self.job.report_to
        course = Course(
            self.model,
            self.tokenizer,
            self.settings,
            prompts=self.train,
            lessons=self.lessons,
            sampler=self.sampler,
            reporter=reporter,
            saved=saved,
            seed=self.job.seed,
            tracking=Tracking(told, self.directory, self.journal, self.events) if told else None,
            run_name=" · ".join(filter(None, (self.job.labels.get("taskset"), self.directory.name))),
        )
        course.prepare()
        if saved is None and self.job.start is not None:
            start.put_on(self.directory, self.job.start, course.model_in_training)
            if not known:  # the first point of the curve is the adapter's, so it has to be on
                self.journal.baseline()
        if saved is None and (problem := used_up()):
            raise SpecError(f"{problem} No step was trained.", path="judge_tokens", fix="Set a larger budget.")
        watch.begin(saved.step if saved else 0)
        self.journal.begin(saved.step if saved else 0)
        if saved is not None and saved.path.name != checkpoints.RECOVERY:
            reporter.announce(saved)
            # What ended the run before it was killed ends it now, not a step later.
            end = endings.due(seconds=0.0) if saved.step < self.settings.steps else None
            if end is not None and end.kind == "early":
                course.tell()
                return self._settle(end, last=saved.step)
        if saved is not None and (end := self._unsaid_pause(saved.step)):
            course.tell()
            return self._settle(end, last=saved.step)
        if self.stop.for_now:
            return self._settle(End("ended"), last=saved.step if saved else 0)
        last = course.go()
        return self._settle(reporter.end, last=last)

    def _unsaid_pause(self, step: int) -> End | None:
        """The pause that a finding asked for at the step of the last checkpoint, where nobody was told of it yet."""
        asked, self.journal.progress.pausing = self.journal.progress.pausing, {}
        if not asked or any(row["type"] == "paused" and row["data"]["step"] == step for row in read(self.events.path)):
            return None
        return End("paused", asked["reason"], asked["finding"])

    def _settle(self, end: End | None, *, last: int) -> int:
        """Write the result, then say so. What is only interrupted has none."""
        if end and end.kind == "ended":
            say(self.events, f"Ended by the system (SIGTERM). Started again, it goes on after step {last}.", step=last)
            return ENDED
        progress = self.journal.progress
        best = progress.best_step
        # A run that has used up what it was given has got what was to be had for it: its best checkpoint counts.
        status = "succeeded" if end is None or end.kind == "early" else end.kind
        seconds = round(progress.seconds, 1)
        result: dict[str, Any] = {
            "status": status,
            "best_step": best,
            "best_valid_reward_mean": progress.valid.get(best) if best is not None else None,
            "final_step": last,
            # The first point is the base model's, unless the training started from an adapter.
            "base_valid_reward_mean": progress.valid.get(0) if self.job.start is None else None,
            **({"start_valid_reward_mean": progress.valid.get(0)} if self.job.start else {}),
            "adapter_path": f"checkpoints/step-{best}" if best is not None else None,
            "adapter_hash": progress.hashes.get(best) if best is not None else None,
            "seconds": seconds,
            "ended_early": end.reason if end and end.kind == "early" else "",
        }
        write_result(self.directory, result)
        if end and end.kind == "paused":
            message = f"Paused after step {last}. {end.reason}".rstrip()
            say(self.events, message, kind="paused", step=last, reason=end.reason, finding=end.finding)
            return PAUSED
        message = _last_words(end, last)
        before, reached = progress.valid.get(0), result["best_valid_reward_mean"]
        if before is not None and reached is not None:
            message += f" Validation reward {before:.3f} before, {reached:.3f} at best (step {best})."
        say(self.events, message, kind="finished", status=status, culprit="", best_step=best, seconds=seconds)
        return CANCELLED if status == "cancelled" else SUCCEEDED


def _copying(settings: TrainingSettings, *, n_tasks: int, n_lessons: int) -> str:
    """What is said of the reference answers where they are copied; begins with a space."""
    if not settings.way.copies:
        return ""
    which = f"The first {settings.copying_steps} steps copy" if settings.way.reinforces else "They copy"
    left = n_tasks - n_lessons
    without = f"; {left} without one {'is' if left == 1 else 'are'} left out of that" if left else ""
    return f" {which} {n_lessons} reference answer{'' if n_lessons == 1 else 's'}{without}."


def _last_words(end: End | None, step: int) -> str:
    if end is None:
        return f"Finished after step {step}."
    if end.kind == "early":
        return f"Ended early, after step {step}. {end.reason}"
    return f"Stopped as asked after step {step}."
