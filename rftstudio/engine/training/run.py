"""One training job from its directory to its result: check, load, evaluate the base, train, settle.

It may be killed at any moment and run again; whatever is in the logs already is not written twice.
"""

import importlib.metadata
import json
import os
import platform
import signal
import socket
import time
import traceback
from pathlib import Path
from typing import Any

import torch
from transformers import set_seed

from rftstudio.engine.errors import EngineError, GraderFault, SpecError
from rftstudio.engine.events import Log, read
from rftstudio.engine.grading import parse_spec
from rftstudio.engine.inference import loading
from rftstudio.engine.inference.answers import Answer, answer
from rftstudio.engine.inference.sampler import Sampler
from rftstudio.engine.job import Job, read_items, read_job
from rftstudio.engine.presets import TrainingSettings
from rftstudio.engine.training.journal import Journal, Progress
from rftstudio.engine.training.rewards import Rewarder
from rftstudio.engine.types import Item

SUCCEEDED, FAULT, AUTHOR, CANCELLED, GRADER = 0, 1, 2, 3, 4


class Stop:
    """Whether somebody wants the job to stop: a file named `stop`, or SIGTERM."""

    def __init__(self, directory: Path) -> None:
        self.file = directory / "stop"
        self.signalled = False
        signal.signal(signal.SIGTERM, self._signal)

    def _signal(self, *_: object) -> None:
        self.signalled = True

    def __call__(self) -> bool:
        return self.signalled or self.file.exists()


def run(directory: Path) -> int:
    """Run the job; its exit code. The last event says why it ended, in plain words."""
    stop = Stop(directory)
    try:
        job = read_job(directory)
    except SpecError as error:
        print(error, flush=True)
        return AUTHOR
    if _succeeded(directory):
        print("This job has succeeded already.", flush=True)
        return SUCCEEDED
    events = Log(directory / "events.jsonl")
    began = time.monotonic()
    try:
        return TrainingRun(directory, job, events, stop).go()
    except EngineError as error:
        code, culprit = FAULT, "system"
        if isinstance(error, SpecError):
            code, culprit = AUTHOR, "author"
        elif isinstance(error, GraderFault):
            code, culprit = GRADER, "grader"
        return _fail(events, code, culprit, str(error), began)
    except Exception as error:
        traceback.print_exc()
        return _fail(events, FAULT, "system", _in_words(error), began)
    finally:
        events.close()


def _succeeded(directory: Path) -> bool:
    try:
        result = json.loads((directory / "result.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return bool(result.get("status") == "succeeded")


def _in_words(error: Exception) -> str:
    if isinstance(error, MemoryError | torch.OutOfMemoryError):
        return (
            "The machine ran out of memory. Lower the answers per step or the longest answer, or use a smaller model."
        )
    return f"The engine failed: {type(error).__name__}: {error}. The log has the details; what was learned is kept."


def _fail(events: Log, code: int, culprit: str, message: str, began: float) -> int:
    print(message, flush=True)
    data = {"status": "failed", "culprit": culprit, "best_step": None, "seconds": round(time.monotonic() - began, 1)}
    events.append({"type": "finished", "level": "error", "message": message, "data": data})
    return code


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
        self._prepare()
        self.sampler = self._load()
        self._announce()
        rollouts = Log(self.directory / "rollouts.jsonl")
        try:
            self.journal = Journal(
                self.settings,
                events=self.events,
                rollouts=rollouts,
                rewarder=Rewarder(self.spec, self.tokenizer, max_no_score_share=self.settings.max_no_score_share),
                evaluate=self._evaluate,
                progress=Progress(),
            )
            return self._train()
        finally:
            rollouts.close()

    def _prepare(self) -> None:
        """Everything that can be refused without the weights."""
        job, settings = self.job, self.settings
        train, validation = self._items("train"), self._items("validation")[: settings.eval_items]
        loading.check_model(job.model)
        self.tokenizer = loading.load_tokenizer(job.model)
        self.train = loading.lay_out(self.tokenizer, train)
        self.validation = loading.lay_out(self.tokenizer, validation)
        context = loading.context_length(job.model)
        for split, prompts in (("train", self.train), ("validation", self.validation)):
            loading.check_lengths(prompts, max_new_tokens=settings.max_completion_length, context=context, split=split)

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
        return Sampler(self.model, stop=stop, pad=self.tokenizer.pad_token_id)

    def _announce(self) -> None:
        versions = {name: importlib.metadata.version(name) for name in ("torch", "transformers", "trl", "peft")}
        model = self.job.model
        name = model.name or Path(model.path).name
        data = {
            "versions": {**versions, "python": platform.python_version()},
            "host": socket.gethostname(),
            "device": str(self.where),
            "threads": torch.get_num_threads(),
            "model": {
                "name": name,
                "revision": model.revision,
                "n_parameters": sum(parameter.numel() for parameter in self.model.parameters()),
            },
            "seed": self.job.seed,
            "total_steps": self.settings.steps,
            "sandbox": [],
            "n_train": len(self.train),
            "n_validation": len(self.validation),
        }
        message = f"Training {name} on {len(self.train)} tasks, {self.settings.steps} steps."
        print(message, flush=True)
        self.events.append({"type": "started", "level": "info", "message": message, "data": data}, key="started")

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
        else:
            self.journal.baseline()
        # Imported late: peft and trl take seconds, and the first point of the curve need not wait for them.
        from rftstudio.engine.training import checkpoints
        from rftstudio.engine.training.build import build_trainer
        from rftstudio.engine.training.reporter import Reporter

        reporter = Reporter(self.directory / "checkpoints", self.journal, self.stop)
        saved = checkpoints.latest(reporter.directory)
        if saved is not None:
            self.journal.progress = Progress.from_json(saved.state)
            self.events.append(
                {
                    "type": "message",
                    "level": "info",
                    "message": f"Going on after step {saved.step}.",
                    "data": {"step": saved.step},
                }
            )
        trainer = build_trainer(
            self.model,
            self.tokenizer,
            self.settings,
            prompts=self.train,
            sampler=self.sampler,
            journal=self.journal,
            reporter=reporter,
            saved=saved,
            seed=self.job.seed,
            directory=self.directory,
        )
        if saved is not None and saved.path.name != checkpoints.RECOVERY:
            reporter.announce(saved)
        trainer.go()
        return self._settle(stopped=reporter.stopped, last=trainer.state.global_step // self.settings.updates_per_batch)

    def _settle(self, *, stopped: bool, last: int) -> int:
        """Write the result, then say so."""
        progress = self.journal.progress
        best = progress.best_step
        path = f"checkpoints/step-{best}" if best is not None else None
        status = "cancelled" if stopped else "succeeded"
        seconds = round(progress.seconds, 1)
        result: dict[str, Any] = {
            "status": status,
            "best_step": best,
            "best_valid_reward_mean": progress.valid.get(best) if best is not None else None,
            "final_step": last,
            "base_valid_reward_mean": progress.valid.get(0),
            "adapter_path": path,
            "adapter_hash": progress.hashes.get(best) if best is not None else None,
            "seconds": seconds,
        }
        temporary = self.directory / "result.json.part"
        temporary.write_text(json.dumps(result, indent=1), encoding="utf-8")
        os.replace(temporary, self.directory / "result.json")
        base, reached = result["base_valid_reward_mean"], result["best_valid_reward_mean"]
        words = "Stopped as asked" if stopped else "Finished"
        message = f"{words} after step {last}."
        if base is not None and reached is not None:
            message += f" Validation reward {base:.3f} before, {reached:.3f} at best (step {best})."
        print(message, flush=True)
        data = {"status": status, "culprit": "", "best_step": best, "seconds": seconds}
        self.events.append({"type": "finished", "level": "info", "message": message, "data": data})
        return CANCELLED if stopped else SUCCEEDED
