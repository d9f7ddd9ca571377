"""Measures what a token costs on this machine, so that the time of a run can be told before it starts.

A few seconds of sampling and training on made-up tokens; `engine.estimate` does the arithmetic.
"""

import random
import time
from collections.abc import Callable
from typing import Any

import torch
from peft import get_peft_model

from rftstudio.engine.estimate import Timing
from rftstudio.engine.inference import loading
from rftstudio.engine.inference.folded import fold
from rftstudio.engine.inference.prefill import read
from rftstudio.engine.inference.sampler import Sampler, seed_for
from rftstudio.engine.job import Model
from rftstudio.engine.presets import TrainingSettings, resolve
from rftstudio.engine.training import shared_prefix
from rftstudio.engine.training.build import lora
from rftstudio.engine.training.shared_prefix import Row

PROMPTS, GROUP, PROMPT, ANSWER = 2, 8, 96, 8
FEW, MANY = 4, 16  # answers at once: two points of the line that a decoding step's cost is taken to be


def measure(model: Model) -> dict[str, Any]:
    """A timing record, as JSON. Raises `SpecError` when the model cannot be used."""
    began = time.perf_counter()
    model = loading.find_model(model)
    tokenizer = loading.load_tokenizer(model)
    where = loading.device()
    loaded = loading.load_model(model, where)
    load_s = time.perf_counter() - began
    tuned = get_peft_model(loaded, lora(TrainingSettings.read(resolve("quick"))))
    fold(tuned)
    chance = random.Random(0)
    top = min(int(loaded.config.get_text_config().vocab_size), len(tokenizer))

    def some(count: int) -> list[int]:
        return [chance.randrange(top) for _ in range(count)]

    sampler = Sampler(tuned, stop=[], pad=tokenizer.pad_token_id)

    def sample(rows: int) -> tuple[float, float]:
        """Seconds to prefill `PROMPTS` prompts, and for one decoding step of `rows` answers."""
        before = (sampler.spent.prefill_s, sampler.spent.decode_s, sampler.spent.decode_steps)
        seeds = [[seed_for(p, g) for g in range(rows // PROMPTS)] for p in range(PROMPTS)]
        sampler.sample([some(PROMPT) for _ in range(PROMPTS)], seeds, max_new_tokens=ANSWER, temperature=1.0)
        steps = sampler.spent.decode_steps - before[2] - 1  # the first token comes with the prompt
        return sampler.spent.prefill_s - before[0], (sampler.spent.decode_s - before[1]) / steps

    sample(FEW)  # warms up, and chooses the decoder
    prefill_s, few_s = sample(FEW)
    more_s, many_s = sample(MANY)
    row_s = max(0.0, (many_s - few_s) / (MANY - FEW))

    prompt = tuple(some(PROMPT))
    rows = [Row(prompt, tuple(some(ANSWER))) for _ in range(GROUP)]
    train_s, nodes = _train(tuned, rows), PROMPT + GROUP * (ANSWER - 1)
    timing = Timing(
        load_s=round(load_s, 3),
        prefill_token_s=min(prefill_s, more_s) / (PROMPTS * PROMPT),
        decode_step_s=max(0.0, few_s - FEW * row_s),
        decode_row_s=row_s,
        train_token_s=train_s / nodes,
        device=str(where),
        threads=torch.get_num_threads(),
        model=model.path,
    )
    return timing.to_json()


def _train(model: Any, rows: list[Row]) -> float:
    """Seconds of one forward and backward pass over rows, the better of two."""

    def once() -> None:
        (part,) = shared_prefix.plan(rows)
        logps_T, _ = shared_prefix.logps(model, read(model, [rows[0].prompt]), part, temperature=1.0)
        logps_T.sum().backward()

    return min(_seconds(once), _seconds(once))


def _seconds(work: Callable[[], None]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began
