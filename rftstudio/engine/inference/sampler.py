"""Batched sampling: each distinct prompt is prefilled once, all its answers are decoded together.

Every answer has a seed of its own, so it does not depend on which others share its batch beyond the
rounding of matrix products: base and tuned model, or a replayed step, draw the same random numbers.
It knows token lists only; templates, graders and jobs are somebody else's.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from time import perf_counter
from typing import Any

import numpy as np
import torch

from rftstudio.engine.inference.decoding import PlainDecoder, best_decoder
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
        self.decoder: type[SharedDecoder] | type[PlainDecoder] | None = None
        self.spent = Spent()

    @torch.inference_mode()
    def sample(
        self, prompts: Sequence[Tokens], seeds: Sequence[Sequence[int]], *, max_new_tokens: int, temperature: float
    ) -> list[list[Completion]]:
        """`len(seeds[i])` answers to `prompts[i]`. Temperature 0 takes the likeliest token (and ignores seeds)."""
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
        decoder = self.decoder(self.model, self.pad)
        logits = decoder.prefill([prompts[i] for i in batch], [len(seeds[i]) for i in batch])
        live = [answer for i in batch for answer in answers[i]]
        uniforms = _uniforms([seed for i in batch for seed in seeds[i]], max_new_tokens).to(logits.device)
        prefilled = perf_counter()
        self.spent.prefill_s += prefilled - started
        self.spent.prefill_tokens += sum(len(prompts[i]) for i in batch)
        for step in range(max_new_tokens):
            tokens, logps, entropies = draw(logits, uniforms[:, step], temperature)
            keep = []
            for row, (token, logp, entropy) in enumerate(
                zip(tokens.tolist(), logps.tolist(), entropies.tolist(), strict=True)
            ):
                answer = live[row]
                answer.tokens.append(token)
                answer.logps.append(logp)
                answer.entropies.append(entropy)
                if token in self.stop:
                    answer.truncated = False
                else:
                    keep.append(row)
            self.spent.decode_tokens += len(live)
            self.spent.decode_steps += 1
            if not keep or step == max_new_tokens - 1:
                break
            if len(keep) < len(live):
                index = torch.tensor(keep, device=logits.device)
                live = [live[row] for row in keep]
                tokens, uniforms = tokens[index], uniforms[index]
                decoder.keep(index)
            logits = decoder.step(tokens)
        self.spent.decode_s += perf_counter() - prefilled


def draw(
    logits_RV: torch.Tensor, uniforms_R: torch.Tensor, temperature: float
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """One token a row by inverting the distribution function at `uniforms_R`; its log-probability; the entropy."""
    logits_RV = logits_RV.float()
    if temperature > 0 and temperature != 1.0:
        logits_RV = logits_RV / temperature
    logits_RV = logits_RV - logits_RV.amax(-1, keepdim=True)
    weights_RV = logits_RV.exp()
    total_R1 = weights_RV.sum(-1, keepdim=True)
    if temperature > 0:
        heights_RV = weights_RV.cumsum(-1)
        aim_R1 = uniforms_R[:, None].to(heights_RV.dtype) * heights_RV[:, -1:]
        tokens_R1 = torch.searchsorted(heights_RV, aim_R1, right=True).clamp_(max=logits_RV.size(-1) - 1)
    else:
        tokens_R1 = logits_RV.argmax(-1, keepdim=True)
    normal_R1 = total_R1.log()
    logps_R = (logits_RV.gather(1, tokens_R1) - normal_R1)[:, 0]
    entropies_R = (normal_R1 - torch.linalg.vecdot(weights_RV, logits_RV)[:, None] / total_R1)[:, 0]
    return tokens_R1[:, 0], logps_R, entropies_R


def _uniforms(seeds: Sequence[int], count: int) -> torch.Tensor:
    """Uniform numbers in [0, 1): one row a seed, from Philox, so that a row depends on its seed alone."""
    table = np.empty((len(seeds), count), dtype=np.float32)
    for row, seed in enumerate(seeds):
        table[row] = np.random.Generator(np.random.Philox(key=seed)).random(count, dtype=np.float32)
    return torch.from_numpy(table)
