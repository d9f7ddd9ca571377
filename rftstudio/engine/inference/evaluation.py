"""An evaluation job: base and tuned models answer the same items with the same random numbers, and are graded.

A readiness check is one too: the base model alone, several answers an item.

One model is loaded; adapters are put on and taken off it. Answers go to `answers.jsonl` as they come, so
a job that is killed goes on where it was. The base answers with its adapter off, which is what
`result.json` says of it; a tuned model is known by the hash of its adapter file.
"""

import dataclasses
import importlib.metadata
import platform
import socket
from collections.abc import Iterator
from pathlib import Path
from time import perf_counter
from typing import Any

import torch

from rftstudio.engine.adapter import hash_file
from rftstudio.engine.errors import GraderFault, SpecError
from rftstudio.engine.events import Log, read
from rftstudio.engine.grading import parse_spec
from rftstudio.engine.grading.sandbox.status import in_words, of_run
from rftstudio.engine.inference import loading
from rftstudio.engine.inference.adapters import add_adapter, only_adapter
from rftstudio.engine.inference.answers import Answer, answer
from rftstudio.engine.inference.loading import Prompt
from rftstudio.engine.inference.sampler import Sampler
from rftstudio.engine.job import Adapter, Job, read_items
from rftstudio.engine.judging import described, judge_metrics, judging, spent_together, used_up
from rftstudio.engine.presets import EvaluationSettings
from rftstudio.engine.process import CANCELLED, ENDED, SUCCEEDED, Stop, run_job, say, write_result

BASE_WEIGHTS = "base, adapter off"


def run(directory: Path) -> int:
    """Run the job; its exit code."""
    return run_job(directory, lambda job, events, stop: EvaluationRun(directory, job, events, stop).go())


class EvaluationRun:
    """One job while it runs. Raises `SpecError` or `SystemFault`."""

    def __init__(self, directory: Path, job: Job, events: Log, stop: Stop) -> None:
        self.directory = directory
        self.job = job
        self.events = events
        self.stop = stop
        self.settings = EvaluationSettings.read(job.settings)
        self.spec = parse_spec(job.grader)
        self.where = loading.device()
        self.seconds = 0.0

    def go(self) -> int:
        settings = self.settings
        with judging(
            self.directory, self.job, self.spec, tokens=settings.judge_tokens, cost=settings.judge_cost
        ) as self.judges:
            return self._go()

    def _go(self) -> int:
        adapters = self._adapters()
        name = self.job.data.get("items", "items.jsonl")
        items = read_items(self.directory / name)
        if not items:
            raise SpecError("There are no items.", path=name, fix="Put at least one item into it.")
        self.job = dataclasses.replace(self.job, model=loading.find_model(self.job.model))
        self.tokenizer = loading.load_tokenizer(self.job.model)
        prompts = loading.lay_out(self.tokenizer, items)
        longest = self.settings.max_completion_length
        context = loading.context_length(self.job.model)
        loading.check_lengths(prompts, max_new_tokens=longest, context=context, split=name)
        model = loading.load_model(self.job.model, self.where)
        self._announce(model, len(prompts))
        sampler = Sampler(model, stop=loading.stop_tokens(model, self.tokenizer), pad=self.tokenizer.pad_token_id)
        answers = Log(self.directory / "answers.jsonl")
        try:
            done = {row["key"] for row in read(answers.path)}
            total = len(prompts) * len(adapters) * self.settings.samples
            for adapter in adapters:
                if adapter.path is not None:
                    sampler.model = add_adapter(sampler.model, adapter.name, Path(adapter.path))
                with only_adapter(sampler.model, adapter.name if adapter.path is not None else None):
                    for chunk in self._chunks(sampler, prompts, adapter.name, done):
                        self._require_budget(chunk, len(done), total)
                        self._write(answers, adapter.name, chunk, done)
                        say(
                            self.events,
                            f"{len(done)} of {total} answers.",
                            kind="progress",
                            done=len(done),
                            total=total,
                            **judge_metrics(),
                        )
                        if self.stop.for_now:
                            return self._ended(len(done), total)
                        if self.stop():
                            return self._cancelled(len(done), total)
        finally:
            answers.close()
        return self._settle(adapters)

    def _adapters(self) -> list[Adapter]:
        """The models to ask, each with a name of its own and, where tuned, an adapter that is there."""
        adapters = list(self.job.adapters) or [Adapter("base")]
        names = [adapter.name for adapter in adapters]
        if len(set(names)) != len(names):
            raise SpecError("Two models have the same name.", path="adapters", fix="Give each its own.")
        for adapter in adapters:
            if adapter.path is None:
                continue
            path = Path(adapter.path)
            if not (path / "adapter_model.safetensors").is_file() or not (path / "adapter_config.json").is_file():
                raise SpecError(
                    f"There is no adapter in {adapter.path}.",
                    path=f"adapters.{adapter.name}",
                    fix="It needs adapter_model.safetensors and adapter_config.json; choose another checkpoint.",
                )
        return adapters

    def _announce(self, model: Any, n_items: int) -> None:
        versions = {name: importlib.metadata.version(name) for name in ("torch", "transformers", "peft")}
        name = self.job.model.name or Path(self.job.model.path).name
        sandbox = of_run(self.spec, self.events.path)
        n_models = len(self.job.adapters) or 1
        say(
            self.events,
            f"Asking {n_models} model{'s' * (n_models > 1)} about {n_items} tasks.{in_words(sandbox)}",
            kind="started",
            key="started",
            versions={**versions, "python": platform.python_version()},
            host=socket.gethostname(),
            device=str(self.where),
            threads=torch.get_num_threads(),
            model={
                "name": name,
                "revision": self.job.model.revision,
                "n_parameters": sum(parameter.numel() for parameter in model.parameters()),
            },
            seed=self.job.seed,
            n_items=n_items,
            sandbox=sandbox,
            judges=described(self.judges),
        )

    def _chunks(self, sampler: Sampler, prompts: list[Prompt], model: str, done: set[str]) -> Iterator[list[Answer]]:
        """Answers that are not there yet, some items at a time; an item is answered again unless whole."""
        missing = [
            prompt
            for prompt in prompts
            if any(_key(prompt.item.id, model, index) not in done for index in range(self.settings.samples))
        ]
        missing.sort(key=lambda prompt: len(prompt.tokens))
        size = max(1, sampler.max_rows // self.settings.samples)
        for start in range(0, len(missing), size):
            began = perf_counter()
            yield list(
                answer(
                    sampler,
                    self.tokenizer,
                    self.spec,
                    missing[start : start + size],
                    samples=self.settings.samples,
                    max_new_tokens=self.settings.max_completion_length,
                    temperature=self.settings.temperature,
                    seed=self.job.seed,
                )
            )
            self.seconds += perf_counter() - began

    def _require_budget(self, chunk: list[Answer], done: int, total: int) -> None:
        """Answers that the judges' budget left without a score are not written, so that they can be had later."""
        if (problem := used_up()) and any(one.grade.score is None for one in chunk):
            judges = {**judge_metrics().get("judges", {}), "used_up": problem}
            say(self.events, f"{done} of {total} answers.", kind="progress", done=done, total=total, judges=judges)
            raise GraderFault(
                f"{problem} {done} of {total} answers are graded and kept; the rest needs a larger budget."
            )

    def _write(self, answers: Log, model: str, chunk: list[Answer], done: set[str]) -> None:
        keys = [_key(one.prompt.item.id, model, one.index) for one in chunk]
        answers.append_many(
            [
                {
                    "item_id": one.prompt.item.id,
                    "model": model,
                    "sample": one.index,
                    "text": one.text,
                    "tokens": len(one.completion.tokens),
                    "truncated": one.completion.truncated,
                    "grade": one.grade.to_json(),
                    "score": one.grade.score,
                    "seconds": round(one.seconds, 4),
                }
                for one in chunk
            ],
            keys=keys,
        )
        done.update(keys)

    def _ended(self, done: int, total: int) -> int:
        say(self.events, f"Ended by the system (SIGTERM) after {done} of {total} answers. Started again, it goes on.")
        return ENDED

    def _cancelled(self, done: int, total: int) -> int:
        message = f"Stopped as asked after {done} of {total} answers."
        say(self.events, message, kind="finished", status="cancelled", culprit="", best_step=None, seconds=self.seconds)
        return CANCELLED

    def _settle(self, adapters: list[Adapter]) -> int:
        rows = list(read(self.directory / "answers.jsonl"))
        models: dict[str, Any] = {}
        for adapter in adapters:
            own = [row for row in rows if row["model"] == adapter.name]
            scores = [row["score"] for row in own if row["score"] is not None]
            digest = hash_file(Path(adapter.path)) if adapter.path is not None else None
            models[adapter.name] = {
                "adapter_hash": digest,
                "weights": digest or BASE_WEIGHTS,
                "mean_score": round(sum(scores) / len(scores), 6) if scores else None,
                "n": len(own),
                "n_no_score": len(own) - len(scores),
                "tokens": sum(row["tokens"] for row in own),
                "seconds": round(sum(row["seconds"] for row in own), 2),
            }
        seconds = round(self.seconds, 1)
        spent = {**self.judges.budget.spent.to_json(), **spent_together(self.judges)}
        write_result(self.directory, {"status": "succeeded", "models": models, "seconds": seconds, "judges": spent})
        called = {name: self.job.labels.get(name, name) for name in models}
        shown = ", ".join(
            f"{called[name]} {'without a score' if row['mean_score'] is None else format(row['mean_score'], '.3f')}"
            for name, row in models.items()
        )
        say(
            self.events,
            f"Finished. Mean score: {shown}.",
            kind="finished",
            status="succeeded",
            culprit="",
            best_step=None,
            seconds=seconds,
        )
        return SUCCEEDED


def _key(item_id: str, model: str, sample: int) -> str:
    return f"{item_id}:{model}:{sample}"
