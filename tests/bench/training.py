"""Seconds and memory of a GRPO step, ours against stock TRL, on the reference shapes.

    python -m tests.bench.training --shape A --json
    python -m tests.bench.training --shape B --random 0.5B --continuous

Both run in processes of their own that take turns, step by step, so that whatever else the machine does
falls on both. Ours is the trainer of the product with its journal; rewards are random, so that no group
is skipped; prompts have nothing in common. On a GPU both compute in bfloat16, and memory is the card's.
Prints a table; with --json the last line is one JSON object.
"""

import argparse
import json
import random
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import psutil

from rftstudio.engine.process import settle_process
from tests.bench.shapes import SHAPES, SIZES, Shape, limit, prompts_for, save_random, weights

TRL_BYTES_PER_TOKEN = 3.5e6  # of activations, embedded model on a CPU, as measured


class Turn:
    """A callback that waits for its turn before each step and reports the step's seconds."""

    def __init__(self) -> None:
        self.began = self.cpu = 0.0
        self.sampling = 0.0

    def wait(self) -> None:
        if sys.stdin.readline().strip() != "go":
            raise SystemExit(0)
        self.began, self.cpu = time.perf_counter(), time.process_time()

    def report(self) -> None:
        row = {
            "seconds": time.perf_counter() - self.began,
            "cpu": time.process_time() - self.cpu,
            "sampling": self.sampling,
            "peak_mb": peak() >> 20,
        }
        print("STEP " + json.dumps(row), flush=True)


def peak() -> int:
    """Bytes, at most so far: of the card, or of this process."""
    import torch

    if torch.cuda.is_available():
        return torch.cuda.max_memory_allocated()
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def callback(turn: Turn) -> Any:
    from transformers import TrainerCallback

    class Turns(TrainerCallback):
        def on_step_begin(self, *_: Any, **__: Any) -> None:
            turn.wait()

        def on_log(self, *_: Any, logs: dict[str, Any] | None = None, **__: Any) -> None:
            if logs and "loss" in logs:
                turn.report()

    return Turns()


def run_ours(shape: Shape, model_path: str, steps: int) -> None:
    from rftstudio.engine.events import Log
    from rftstudio.engine.grading import parse_spec
    from rftstudio.engine.inference import loading
    from rftstudio.engine.inference.loading import Prompt
    from rftstudio.engine.inference.sampler import Completion, Sampler
    from rftstudio.engine.job import Model
    from rftstudio.engine.presets import TrainingSettings, resolve
    from rftstudio.engine.process import Stop
    from rftstudio.engine.training.build import build_trainer
    from rftstudio.engine.training.ending import Endings
    from rftstudio.engine.training.journal import Journal, Progress
    from rftstudio.engine.training.reporter import Reporter
    from rftstudio.engine.training.rewards import Rewarder
    from rftstudio.engine.training.watch import Watch
    from rftstudio.engine.types import Grade, Item, Message

    generator = random.Random(1)

    class Chance(Rewarder):
        def __call__(self, prompts: Sequence[Prompt], completions: Sequence[Completion]) -> list[float | None]:
            super().__call__(prompts, completions)
            self.grades = [Grade("chance", "string_check", generator.random()) for _ in completions]
            return [grade.score for grade in self.grades]

    model = Model(model_path)
    tokenizer = loading.load_tokenizer(model)
    loaded = loading.load_model(model, loading.device())
    prompts = [
        Prompt(Item(str(number), (Message("user", "."),)), tokens)
        for number, tokens in enumerate(prompts_for(shape, tokenizer, shape.prompts * steps))
    ]
    settings = TrainingSettings.read(
        resolve(
            "quick",
            {
                "steps": steps,
                "batch_size": shape.prompts * shape.group,
                "group_size": shape.group,
                "max_completion_length": shape.new_tokens,
                "learning_rate": 1e-6,
                "eval_interval": 10_000,
            },
        )
    )
    spec = parse_spec(
        {"type": "string_check", "operation": "eq", "input": "{{sample.output_text}}", "reference": "never"}
    )
    turn = Turn()
    sampler = Sampler(loaded, stop=[], pad=tokenizer.pad_token_id)  # nothing ends an answer: all have full length
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        events = Log(directory / "events.jsonl")
        journal = Journal(
            settings,
            events=events,
            rollouts=Log(directory / "rollouts.jsonl"),
            rewarder=Chance(spec, tokenizer, max_no_score_share=1.0),
            evaluate=list,
            progress=Progress(),
        )
        endings = Endings(settings, Stop(directory), lambda: journal.progress)
        reporter = Reporter(directory / "checkpoints", journal, endings, Watch(settings, events))
        trainer = build_trainer(
            loaded,
            tokenizer,
            settings,
            prompts=prompts,
            sampler=sampler,
            journal=journal,
            reporter=reporter,
            saved=None,
            seed=0,
        )
        write = trainer.on_batch

        def on_batch(step: int, batch: Any) -> None:
            assert all(len(row.tokens) == shape.new_tokens for row in batch.completions)
            turn.sampling = batch.sampling_s
            write(step, batch)

        trainer.on_batch = on_batch
        trainer.add_callback(callback(turn))
        trainer.go()


def pieces_for(shape: Shape) -> int:
    """In how many micro-batches stock TRL has to take a step to fit this machine's memory; a card's is taken to do."""
    from rftstudio.engine.machine import has_gpu

    if has_gpu():
        return 1
    need = shape.prompts * shape.group * (shape.prompt_tokens + shape.new_tokens) * TRL_BYTES_PER_TOKEN
    have = 0.8 * psutil.virtual_memory().available
    return next((pieces for pieces in (1, 2, 4, 8) if need / pieces < have), shape.prompts * shape.group)


def run_trl(shape: Shape, model_path: str, steps: int, pieces: int, *, continuous: bool) -> None:
    from datasets import Dataset
    from peft import LoraConfig
    from transformers import AutoModelForCausalLM, AutoTokenizer
    from trl import GRPOConfig, GRPOTrainer

    from rftstudio.engine.inference import loading

    generator = random.Random(1)
    turn = Turn()
    where = loading.device()
    tokenizer = AutoTokenizer.from_pretrained(model_path)
    model = AutoModelForCausalLM.from_pretrained(model_path, dtype=loading.dtype_for(where))
    prompts = prompts_for(shape, tokenizer, shape.prompts * steps)
    config = GRPOConfig(
        output_dir=tempfile.mkdtemp(),
        per_device_train_batch_size=shape.prompts * shape.group // pieces,
        gradient_accumulation_steps=pieces,
        num_generations=shape.group,
        max_completion_length=shape.new_tokens,
        learning_rate=1e-6,
        max_steps=steps,
        logging_steps=1,
        report_to=[],
        save_strategy="no",
        use_cpu=where.type == "cpu",
        bf16=where.type != "cpu",
        activation_checkpointing=False,
        beta=0.0,
        use_transformers_continuous_batching=continuous,
        # Nothing ends an answer: all have full length.
        generation_kwargs={"eos_token_id": -1} if continuous else {"min_new_tokens": shape.new_tokens},
        disable_tqdm=True,
    )

    class Timed(GRPOTrainer):
        def _generate_single_turn(self, *arguments: Any, **named: Any) -> Any:
            began = time.perf_counter()
            made = super()._generate_single_turn(*arguments, **named)
            turn.sampling = time.perf_counter() - began
            assert all(len(row) == shape.new_tokens for row in made[0])
            return made

    trainer = Timed(
        model=model,
        processing_class=tokenizer,
        reward_funcs=lambda completions, **_: [generator.random() for _ in completions],
        args=config,
        train_dataset=Dataset.from_list([{"prompt": tokenizer.decode(ids)} for ids in prompts]),
        peft_config=LoraConfig(r=16, lora_alpha=32, target_modules="all-linear", task_type="CAUSAL_LM"),
        callbacks=[callback(turn)],
    )
    trainer.train()


class Runner:
    """A process that does one step whenever it is told to."""

    def __init__(self, which: str, shape: str, model: str, steps: int, pieces: int, more: Sequence[str]) -> None:
        command = [sys.executable, "-W", "ignore", "-m", "tests.bench.training", "--which", which, "--shape", shape]
        self.process = subprocess.Popen(
            [*command, "--model", model, "--steps", str(steps), "--pieces", str(pieces), *more],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def step(self) -> dict[str, float]:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write("go\n")
        self.process.stdin.flush()
        for line in self.process.stdout:
            if line.startswith("STEP "):
                row: dict[str, float] = json.loads(line.removeprefix("STEP "))
                return row
        raise RuntimeError(f"the benchmark process ended with {self.process.wait()}")

    def end(self) -> None:
        if self.process.stdin is not None:
            self.process.stdin.close()
        self.process.kill()
        self.process.wait()


def at_best(shape: Shape, model: str) -> float:
    """Seconds that a step would take if the machine did nothing but the products it cannot do without."""
    from transformers import AutoModelForCausalLM

    from rftstudio.engine.inference import loading

    return shape.work(*weights(AutoModelForCausalLM.from_pretrained(model))) / limit(loading.device())


def compare(shape: str, model: str, steps: int, *, only_ours: bool, continuous: bool) -> dict[str, Any]:
    """One uncounted step each, then `steps` each in turn."""
    best = at_best(SHAPES[shape], model)
    pieces = pieces_for(SHAPES[shape])
    names = ["ours"] if only_ours else ["ours", "trl"]
    more = ["--continuous"] if continuous else []
    runners = {name: Runner(name, shape, model, steps + 1, pieces, more) for name in names}
    rows: dict[str, list[dict[str, float]]] = {name: [] for name in names}
    try:
        for number in range(steps + 1):
            for name, runner in runners.items():
                row = runner.step()
                print(f"{name:5} step {number}: " + json.dumps(row), file=sys.stderr, flush=True)
                rows[name].append(row)
    finally:
        for runner in runners.values():
            runner.end()
    result: dict[str, Any] = {"shape": shape, "counted_steps": steps}
    for name in names:
        counted = rows[name][1:]
        seconds = statistics.median(row["seconds"] for row in counted)
        sampling = statistics.median(row["sampling"] for row in counted)
        result[f"{name}_seconds"] = round(seconds, 3)
        result[f"{name}_cpu_s"] = round(statistics.median(row["cpu"] for row in counted), 3)
        result[f"{name}_sampling_s"] = round(sampling, 3)
        result[f"{name}_training_s"] = round(seconds - sampling, 3)
        result[f"{name}_peak_mb"] = max(row["peak_mb"] for row in rows[name])
        size = SHAPES[shape].prompts * SHAPES[shape].group
        result[f"{name}_completions_per_second"] = round(size / seconds, 2)
        result[f"{name}_sampled_tokens_per_second"] = round(size * SHAPES[shape].new_tokens / sampling, 1)
        result[f"{name}_share_of_limit"] = round(best / seconds, 3)
    if not only_ours:
        result["trl_micro_batches"] = pieces
        result["ratio"] = round(result["trl_seconds"] / result["ours_seconds"], 2)
        # Processor seconds say the same on a machine that has other things to do.
        result["cpu_ratio"] = round(result["trl_cpu_s"] / result["ours_cpu_s"], 2)
        result["memory_ratio"] = round(result["ours_peak_mb"] / result["trl_peak_mb"], 3)
    return result


def main() -> None:
    settle_process()
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--shape", choices=sorted(SHAPES), default="A")
    parser.add_argument("--model", help="a model directory (default: the embedded model)")
    parser.add_argument("--steps", type=int, default=3, help="counted steps of each")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--only-ours", action="store_true")
    parser.add_argument("--random", choices=sorted(SIZES), help="a model of this size with random weights instead")
    parser.add_argument("--continuous", action="store_true", help="stock TRL samples with continuous batching")
    parser.add_argument("--which", choices=["ours", "trl"], help=argparse.SUPPRESS)
    parser.add_argument("--pieces", type=int, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.which:
        if given.which == "ours":
            run_ours(SHAPES[given.shape], given.model, given.steps)
        else:
            run_trl(SHAPES[given.shape], given.model, given.steps, given.pieces, continuous=given.continuous)
        return
    from tests.engine.models import embedded_model

    model = given.model or str(embedded_model())
    with tempfile.TemporaryDirectory() as name:
        if given.random:
            model = str(save_random(given.random, model, Path(name) / given.random))
        result = compare(given.shape, model, given.steps, only_ours=given.only_ours, continuous=given.continuous)
    if given.json:
        print(json.dumps(result))
        return
    for name, value in result.items():
        print(f"{name:28} {value}")


if __name__ == "__main__":
    main()
