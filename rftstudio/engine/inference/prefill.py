"""Reading prompts: what all of them begin with once, the rest of each side by side.

`read` gives what is needed to go on from prompts, for sampling and, with gradients, for training: then
each prompt goes through the model once in a whole training step. Axes: P prompts, K key-value heads,
L tokens, D head size (of hidden states: hidden size).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from transformers import DynamicCache

Tokens = Sequence[int]
Pair = tuple[torch.Tensor, torch.Tensor]  # keys and values of a layer

WORTH_SHARING = 8  # shorter common beginnings are not worth a pass of their own


@dataclass(slots=True)
class Reading:
    """Prompts that a model has read.

    common: (K, shared, D) of each layer, for the tokens all prompts begin with; own: (P, K, L, D), for the
    rest, padded on the right. hidden: (P, D), of each prompt's last token.
    """

    prompts: list[tuple[int, ...]]
    shared: int
    common: list[Pair]
    own: list[Pair]
    hidden: torch.Tensor

    @property
    def own_lengths(self) -> list[int]:
        return [len(prompt) - self.shared for prompt in self.prompts]

    def tensors(self) -> list[torch.Tensor]:
        common = [one for pair in self.common for one in pair] if self.shared else []
        return [self.hidden, *common, *(one for pair in self.own for one in pair)]

    def leaves(self) -> "Reading":
        """A copy cut off from its history, that gathers gradients of its own."""

        def cut(pairs: list[Pair]) -> list[Pair]:
            return [(key.detach().requires_grad_(), value.detach().requires_grad_()) for key, value in pairs]

        return Reading(
            self.prompts, self.shared, cut(self.common), cut(self.own), self.hidden.detach().requires_grad_()
        )


def nodes(prompts: Sequence[Tokens]) -> int:
    """Tokens that go through the model when these are read, each prompt once, padding included."""
    distinct = {tuple(prompt) for prompt in prompts}
    shared = common_prefix(list(distinct))
    return shared + len(distinct) * (max(map(len, distinct)) - shared)


def read(model: Any, prompts: Sequence[Tokens]) -> Reading:
    """Read prompts, with gradients where they are enabled. For models with full attention."""
    where = model.device
    shared = common_prefix(prompts)
    below = backbone(model)
    cache = DynamicCache(config=model.config)
    common: list[Pair] = []
    if shared:
        first = torch.tensor([prompts[0][:shared]], device=where)
        below(input_ids=first, past_key_values=cache, use_cache=True)
        common = [(layer.keys[0], layer.values[0]) for layer in cache.layers]
        cache = extend(model, [(key.expand(len(prompts), -1, -1, -1), value) for key, value in _unsqueeze(common)])
    rest = [list(prompt[shared:]) for prompt in prompts]
    longest = max(map(len, rest))
    # Padding on the right is seen by nothing that counts, so the plain causal mask will do.
    hidden_PLD = below(
        input_ids=torch.tensor([row + [0] * (longest - len(row)) for row in rest], device=where),
        position_ids=torch.arange(shared, shared + longest, device=where)[None],
        past_key_values=cache,
        use_cache=True,
    ).last_hidden_state
    last = torch.tensor([len(row) - 1 for row in rest], device=where)
    return Reading(
        prompts=[tuple(prompt) for prompt in prompts],
        shared=shared,
        common=common,
        own=[(layer.keys[:, :, shared:], layer.values[:, :, shared:]) for layer in cache.layers],
        hidden=hidden_PLD[torch.arange(len(prompts), device=where), last],
    )


def _unsqueeze(pairs: list[Pair]) -> list[Pair]:
    return [(key[None], value[None]) for key, value in pairs]


def extend(model: Any, pairs: Sequence[Pair]) -> DynamicCache:
    """A cache that holds keys and values (B, K, L, D) of each layer to go on from."""
    cache = DynamicCache(config=model.config)
    for number, (key, value) in enumerate(pairs):
        cache.update(key, value.expand_as(key), number)
    return cache


def backbone(model: Any) -> Any:
    """The decoder below the language-model head, under an adapter or not."""
    causal = model.get_base_model() if hasattr(model, "get_base_model") else model
    return causal.base_model


def common_prefix(prompts: Sequence[Tokens]) -> int:
    """How many first tokens all prompts share, leaving each at least one of its own; 0 where too few."""
    first, last = min(map(list, prompts)), max(map(list, prompts))
    length = 0
    while length < min(len(first), len(last)) and first[length] == last[length]:
        length += 1
    length = min(length, min(map(len, prompts)) - 1)
    return length if length >= WORTH_SHARING and len(prompts) > 1 else 0
