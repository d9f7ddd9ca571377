"""How a batch of answers is decoded: what a decoder does, the plain one, and which to use for a model."""

from collections.abc import Sequence
from typing import Any, Protocol

import torch
from transformers import DynamicCache

from rftstudio.engine.inference.attention import full_attention_only, plain_logits
from rftstudio.engine.inference.prefill import Tokens
from rftstudio.engine.inference.shared_decoding import SharedDecoder


class Decoder(Protocol):
    """One batch of answers from prompts to the end. Logits are (R, V), rows in the order of the answers."""

    def prefill(self, prompts: Sequence[Tokens], counts: Sequence[int]) -> torch.Tensor:
        """Read the prompts; logits of the first token of `counts[i]` answers to prompt i, one after another."""
        ...

    def step(self, tokens_R: torch.Tensor) -> torch.Tensor:
        """Append one token to every answer; logits of the next."""
        ...

    def keep(self, index: torch.Tensor) -> None:
        """Go on with some of the answers only."""
        ...


class PlainDecoder:
    """Any causal model: prompts padded on the left, the cache copied for each answer, the model's own attention."""

    def __init__(self, model: Any, pad: int) -> None:
        self.model = model
        self.pad = pad

    def prefill(self, prompts: Sequence[Tokens], counts: Sequence[int]) -> torch.Tensor:
        where = self.model.device
        longest = max(map(len, prompts))
        ids = torch.tensor([[self.pad] * (longest - len(row)) + list(row) for row in prompts], device=where)
        self.mask = torch.tensor([[0] * (longest - len(row)) + [1] * len(row) for row in prompts], device=where)
        positions = (self.mask.cumsum(1) - 1).clamp(min=0)
        self.position = positions[:, -1]
        self.cache = DynamicCache(config=self.model.config)
        logits: torch.Tensor = self.model(
            input_ids=ids,
            attention_mask=self.mask,
            position_ids=positions,
            past_key_values=self.cache,
            use_cache=True,
            logits_to_keep=1,
        ).logits[:, -1]
        spread = torch.repeat_interleave(torch.arange(len(prompts), device=where), torch.tensor(counts, device=where))
        self.keep(spread)
        return logits[spread]

    def step(self, tokens_R: torch.Tensor) -> torch.Tensor:
        self.mask = torch.cat([self.mask, self.mask.new_ones(len(tokens_R), 1)], 1)
        self.position = self.position + 1
        logits: torch.Tensor = self.model(
            input_ids=tokens_R[:, None],
            attention_mask=self.mask,
            position_ids=self.position[:, None],
            past_key_values=self.cache,
            use_cache=True,
        ).logits[:, -1]
        return logits

    def keep(self, index: torch.Tensor) -> None:
        self.cache.batch_select_indices(index)
        self.mask, self.position = self.mask[index], self.position[index]


@torch.inference_mode()
def best_decoder(model: Any, pad: int) -> type[SharedDecoder] | type[PlainDecoder]:
    """The shared decoder where it gives this model's own logits on a small trial, else the plain one."""
    if not full_attention_only(model.config) or not plain_logits(model.config):
        return PlainDecoder
    top = min(int(model.config.get_text_config().vocab_size), 1000)
    prompts = [[(7 * i + 3 * n) % top for n in range(12)] for i in range(2)]
    prompts.append([*prompts[0][:10], 5 % top])
    results = []
    try:
        for kind in (PlainDecoder, SharedDecoder):
            decoder = kind(model, pad)
            seen = [decoder.prefill(prompts[::2], [2, 1])]
            seen += [decoder.step(torch.tensor([1, 2, 3], device=model.device))]
            decoder.keep(torch.tensor([0, 2], device=model.device))
            seen += [decoder.step(torch.tensor([4, 5], device=model.device))]
            results.append(torch.cat(seen).float())
    except Exception as error:  # an architecture of its own making; the plain way asks nothing of it
        print(f"Decoding the plain way: {type(error).__name__}: {error}", flush=True)
        return PlainDecoder
    tolerance = 1e-3 if model.dtype == torch.float32 else 0.1
    same = torch.allclose(results[0], results[1], atol=tolerance * float(results[0].abs().max()))
    if not same:
        print("Decoding the plain way: this model's attention is of another kind.", flush=True)
    return SharedDecoder if same else PlainDecoder
