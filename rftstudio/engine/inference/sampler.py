"""Batched sampling: each distinct prompt is prefilled once, all its answers are decoded together.

Every answer has a seed of its own, so it does not depend on which others share its batch beyond the
rounding of matrix products: base and tuned model, or a replayed step, draw the same random numbers.
It knows token lists only; templates, graders and jobs are somebody else's.
"""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from time import perf_counter
from typing import Any

import numpy as np
import torch

from rftstudio.engine.inference.decoding import Decoder, PlainDecoder, best_decoder
from rftstudio.engine.inference.prefill import Reading
from rftstudio.engine.inference.shared_decoding import SharedDecoder

Tokens = list[int]

ROWS_AT_ONCE = 128  # a step costs little more for many rows than for few, until memory tells


@dataclass(slots=True)
class Completion:
    """One sampled answer.

    logps: log-probability of each token under the sampling distribution (nats, after temperature).
    entropies: entropy of that distribution at each token (nats). truncated: it ran into the limit.
    """

    tokens: Tokens = field(default_factory=list)
    logps: list[float] = field(default_factory=list)
    entropies: list[float] = field(default_factory=list)
    truncated: bool = True


OnDone = Callable[[int, int, Completion], None]


@dataclass(slots=True)
class Spent:
    """Where the time of a sampler went: seconds, and tokens prefilled and decoded."""

    prefill_s: float = 0.0
    decode_s: float = 0.0
    prefill_tokens: int = 0
    decode_tokens: int = 0
    decode_steps: int = 0


def seed_for(*parts: object) -> int:
    """A 64-bit seed from anything printable, the same on every machine."""
    text = "\x1f".join(str(part) for part in parts)
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "big")


class Sampler:
    """Answers of one causal language model, adapter on or off as the model stands when called.

    stop: token ids that end an answer (kept in it). max_rows: answers decoded at once, about.
    """

    def __init__(self, model: Any, *, stop: Sequence[int], pad: int, max_rows: int = ROWS_AT_ONCE) -> None:
        self.model = model
        self.stop = frozenset(stop)
        self.pad = pad
        self.max_rows = max_rows
        self.readings: list[Reading] = []
        self._keep = False
        self._on_done: OnDone | None = None
        self.decoder: type[SharedDecoder] | type[PlainDecoder] | None = None
        self.spent = Spent()

    @torch.inference_mode()
    def sample(
        self,
        prompts: Sequence[Tokens],
        seeds: Sequence[Sequence[int]],
        *,
        max_new_tokens: int,
        temperature: float,
        keep_readings: bool = False,
        on_done: OnDone | None = None,
    ) -> list[list[Completion]]:
        """`len(seeds[i])` answers to `prompts[i]`. Temperature 0 takes the likeliest token (and ignores seeds).

        keep_readings: read prompts with gradients and leave the readings in `readings`, to train on.
        on_done: called once with each answer as it ends, others still being written: (prompt, index, answer).
        """
        self.readings = []
        self._keep = keep_readings
        self._on_done = on_done
        answers = [[Completion() for _ in row] for row in seeds]
        order = sorted((i for i in range(len(prompts)) if seeds[i]), key=lambda i: len(prompts[i]))
        for batch in self._batches(order, [len(row) for row in seeds]):
            self._batch(batch, prompts, seeds, answers, max_new_tokens, temperature)
        return answers

    def _batches(self, order: list[int], counts: Sequence[int]) -> list[list[int]]:
        """Prompts in batches of like size: a small last one would take as many steps as a full one."""
        total = sum(counts[i] for i in order)
        size = total / max(1, -(-total // self.max_rows))
        batches: list[list[int]] = []
        rows = 0
        for i in order:
            if not batches or rows + counts[i] / 2 > size * len(batches):
                batches.append([])
            batches[-1].append(i)
            rows += counts[i]
        return batches

    def _batch(
        self,
        batch: list[int],
        prompts: Sequence[Tokens],
        seeds: Sequence[Sequence[int]],
        answers: list[list[Completion]],
        max_new_tokens: int,
        temperature: float,
    ) -> None:
        started = perf_counter()
        if self.decoder is None:
            self.decoder = best_decoder(self.model, self.pad)
        if self._keep and self.decoder is SharedDecoder:
            decoder: Decoder = SharedDecoder(self.model, self.pad, gradients=True)
        else:
            decoder = self.decoder(self.model, self.pad)
        logits = decoder.prefill([prompts[i] for i in batch], [len(seeds[i]) for i in batch])
        if self._keep and isinstance(decoder, SharedDecoder) and decoder.reading is not None:
            self.readings.append(decoder.reading)
        live = [(i, index, answer) for i in batch for index, answer in enumerate(answers[i])]
        uniforms = _uniforms([seed for i in batch for seed in seeds[i]], max_new_tokens).to(logits.device)
        prefilled = perf_counter()
        self.spent.prefill_s += prefilled - started
        self.spent.prefill_tokens += sum(len(prompts[i]) for i in batch)
        for step in range(max_new_tokens):
            tokens, logps, entropies = draw(logits, uniforms[:, step], temperature)
            last = step == max_new_tokens - 1
            keep = []
            for row, (token, logp, entropy) in enumerate(
                zip(tokens.tolist(), logps.tolist(), entropies.tolist(), strict=True)
            ):
                prompt, index, answer = live[row]
                answer.tokens.append(token)
                answer.logps.append(logp)
                answer.entropies.append(entropy)
                if token in self.stop:
                    answer.truncated = False
                elif not last:
                    keep.append(row)
                    continue
                if self._on_done is not None:
                    self._on_done(prompt, index, answer)
            self.spent.decode_tokens += len(live)
            self.spent.decode_steps += 1
            if not keep:
                break
            if len(keep) < len(live):
                kept = torch.tensor(keep, device=logits.device)
                live = [live[row] for row in keep]
                tokens, uniforms = tokens[kept], uniforms[kept]
                decoder.keep(kept)
            logits = decoder.step(tokens)
        self.spent.decode_s += perf_counter() - prefilled


BLOCK = 256  # of the vocabulary: a draw looks for the block first, then for the token in it


def draw(
    logits_RV: torch.Tensor, uniforms_R: torch.Tensor, temperature: float
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """One token a row by inverting the distribution function at `uniforms_R`; its log-probability; the entropy."""
    logits_RV = logits_RV.float()
    if temperature > 0 and temperature != 1.0:
        logits_RV = logits_RV / temperature
    if short := -logits_RV.size(-1) % BLOCK:
        logits_RV = torch.nn.functional.pad(logits_RV, (0, short), value=float("-inf"))
    logits_RV = (logits_RV - logits_RV.amax(-1, keepdim=True)).clamp_(min=-1e30)  # -inf times no weight is no number
    weights_RV = logits_RV.exp()
    blocks_RNB = weights_RV.view(len(weights_RV), -1, BLOCK)
    sums_RN = blocks_RNB.sum(-1)
    heights_RN = sums_RN.cumsum(-1)
    total_R1 = heights_RN[:, -1:]
    if temperature > 0:
        aim_R1 = uniforms_R[:, None] * total_R1
        block_R1 = _first_above(heights_RN, aim_R1, sums_RN)
        rest_R1 = aim_R1 - (heights_RN - sums_RN).gather(1, block_R1)
        inside_RB = blocks_RNB.gather(1, block_R1[:, :, None].expand(-1, -1, BLOCK))[:, 0]
        tokens_R1 = block_R1 * BLOCK + _first_above(inside_RB.cumsum(-1), rest_R1, inside_RB)
    else:
        tokens_R1 = logits_RV.argmax(-1, keepdim=True)
    normal_R1 = total_R1.log()
    logps_R = (logits_RV.gather(1, tokens_R1) - normal_R1)[:, 0]
    surprise_R = torch.linalg.vecdot(weights_RV, logits_RV)
    return tokens_R1[:, 0], logps_R, normal_R1[:, 0] - surprise_R / total_R1[:, 0]


def _first_above(heights_RN: torch.Tensor, aim_R1: torch.Tensor, sums_RN: torch.Tensor) -> torch.Tensor:
    """Index (R, 1) of the first height above the aim; where rounding leaves none, of the last possible one."""
    found_R1 = torch.searchsorted(heights_RN, aim_R1, right=True)
    places_N = torch.arange(sums_RN.size(-1), device=sums_RN.device)
    last_R1 = torch.where(sums_RN > 0, places_N, 0).amax(-1, keepdim=True)
    return torch.minimum(found_R1, last_R1)


def _uniforms(seeds: Sequence[int], count: int) -> torch.Tensor:
    """Uniform numbers in [0, 1): one row a seed, from Philox, so that a row depends on its seed alone."""
    table = np.empty((len(seeds), count), dtype=np.float32)
    for row, seed in enumerate(seeds):
        table[row] = np.random.Generator(np.random.Philox(key=seed)).random(count, dtype=np.float32)
    return torch.from_numpy(table)
