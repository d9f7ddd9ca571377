"""Reading prompts into a cache, what they have in common once."""

from collections.abc import Sequence
from typing import Any

import torch
from transformers import DynamicCache

Tokens = Sequence[int]

WORTH_SHARING = 8  # shorter common beginnings are not worth a pass of their own


def read_prompts(
    model: Any, prompts: Sequence[Tokens], pad: int, shared: int
) -> tuple[torch.Tensor, DynamicCache, torch.Tensor, torch.Tensor]:
    """Prefill prompts whose first `shared` tokens are the same, those once.

    Returns logits (P, V) after each prompt, the cache over [shared | padded rest], its mask (P, L), and the
    position (P,) of each prompt's last token.
    """
    where = model.device
    cache = DynamicCache(config=model.config)
    if shared:
        ids = torch.tensor([prompts[0][:shared]], device=where)
        model(input_ids=ids, past_key_values=cache, use_cache=True, logits_to_keep=1)
        if len(prompts) > 1:
            cache.batch_repeat_interleave(len(prompts))
    rest = [prompt[shared:] for prompt in prompts]
    longest = max(map(len, rest))
    ids = torch.tensor([[pad] * (longest - len(row)) + list(row) for row in rest], device=where)
    mask = torch.tensor([[1] * shared + [0] * (longest - len(row)) + [1] * len(row) for row in rest], device=where)
    positions = (mask.cumsum(1) - 1).clamp(min=0)[:, shared:]
    logits = model(
        input_ids=ids,
        attention_mask=mask,
        position_ids=positions,
        past_key_values=cache,
        use_cache=True,
        logits_to_keep=1,
    ).logits[:, -1]
    return logits, cache, mask, positions[:, -1]


def common_prefix(prompts: Sequence[Tokens]) -> int:
    """How many first tokens all prompts share, leaving each at least one of its own; 0 where too few."""
    first, last = min(map(list, prompts)), max(map(list, prompts))
    length = 0
    while length < min(len(first), len(last)) and first[length] == last[length]:
        length += 1
    length = min(length, min(map(len, prompts)) - 1)
    return length if length >= WORTH_SHARING and len(prompts) > 1 else 0
