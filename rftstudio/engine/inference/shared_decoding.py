"""Keys and values of many answers while they are decoded, with what they share stored and read once.

An answer attends to three stretches: the beginning that all prompts of the batch have in common, the
rest of its own prompt (one copy for the whole group), and its own tokens. Scores over the three are put
side by side under one softmax, so the result is that of plain attention. With a copy of the prompt for
each answer, reading it at every token would take longer than the model's weights.

It replaces the attention function of a transformers model while it runs. Axes: R answers still being
decoded, P prompts, G places for answers to a prompt, K key-value heads, M query heads for each of them,
L tokens, D head size.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from transformers import AttentionInterface, DynamicCache

from rftstudio.engine.inference.prefill import Pair, Reading, Tokens, read
from rftstudio.engine.inference.stack import hidden_states, stacks

NAME = "rft_shared_prefix"
GROWTH = 32  # tokens that the store of own keys has room for at first; it doubles


class SharedDecoder:
    """See the module. For models with full attention that use transformers' attention interface."""

    def __init__(self, model: Any, pad: int, *, gradients: bool = False) -> None:
        self.model = model
        self.gradients = gradients
        self.reading: Reading | None = None
        self.stacked = stacks(model)

    def prefill(self, prompts: Sequence[Tokens], counts: Sequence[int]) -> torch.Tensor:
        """As a decoder does. With `gradients`, prompts are read with them and the `reading` is kept."""
        if self.gradients:
            with torch.inference_mode(False), torch.enable_grad():
                reading = self.reading = read(self.model, prompts)
        else:
            reading = read(self.model, prompts)
        logits_PV = self.model.get_output_embeddings()(reading.hidden.detach())
        where = logits_PV.device
        self.n_prompts, self.n_places = len(prompts), max(counts)
        lengths = torch.tensor(reading.own_lengths, device=where)
        longest = int(lengths.max())
        self.bias = None
        if int(lengths.min()) < longest:
            beyond = torch.arange(longest, device=where)[None] >= lengths[:, None]
            self.bias = torch.zeros_like(beyond, dtype=logits_PV.dtype).masked_fill(beyond, float("-inf"))[:, None]
        self.layers = [
            _Layer(reading.common[number] if reading.shared else None, own, self.n_places)
            for number, own in enumerate(reading.own)
        ]
        spread = torch.repeat_interleave(torch.arange(len(prompts), device=where), torch.tensor(counts, device=where))
        self.slot_R = torch.tensor(
            [p * self.n_places + g for p, count in enumerate(counts) for g in range(count)], device=where
        )
        self.full = len(self.slot_R) == self.n_prompts * self.n_places
        self.position = (lengths + reading.shared - 1)[spread]
        self.length = 0
        return logits_PV[spread]

    def step(self, tokens_R: torch.Tensor) -> torch.Tensor:
        self.position = self.position + 1
        if self.stacked:
            hidden = hidden_states(self.model, tokens_R, self.position, self.attend)
            self.length += 1
            return self.model.get_output_embeddings()(hidden)
        with _attending(self):
            logits: torch.Tensor = self.model(
                input_ids=tokens_R[:, None],
                attention_mask=torch.ones(1, 1, 1, 1, dtype=torch.bool, device=tokens_R.device),  # not looked at
                position_ids=self.position[:, None],
                past_key_values=_Passing(config=self.model.config),
                use_cache=True,
            ).logits[:, -1]
        self.length += 1
        return logits

    def keep(self, index: torch.Tensor) -> None:
        self.slot_R, self.position = self.slot_R[index], self.position[index]
        self.full = False
        prompt_R = self.slot_R // self.n_places
        living, place_of_prompt = prompt_R.unique(return_inverse=True)
        n_places = int(torch.bincount(place_of_prompt).max())
        if len(living) * n_places > 0.75 * self.n_prompts * self.n_places:
            return
        rank_R = torch.arange(len(index), device=index.device) - _first_of_run(place_of_prompt)
        slot_R = place_of_prompt * n_places + rank_R
        for layer in self.layers:
            layer.move(living, self.slot_R, slot_R, self.n_prompts, len(living) * n_places)
        if self.bias is not None:
            self.bias = self.bias[living]
        self.slot_R, self.n_prompts, self.n_places = slot_R, len(living), n_places
        self.full = len(slot_R) == self.n_prompts * self.n_places

    def attend(self, number: int, query: torch.Tensor, key: torch.Tensor, value: torch.Tensor) -> torch.Tensor:
        """Attention of the new tokens of layer `number`: scaled (R, H, D) queries, (R, K, D) keys and values."""
        layer = self.layers[number]
        rows, heads, size = query.shape
        groups = key.size(1)
        shape = (groups, self.n_prompts * self.n_places, heads // groups, size)
        query = query.view(rows, groups, -1, size).transpose(0, 1)
        if self.full:
            query = query.reshape(shape).contiguous()
        else:
            query = query.new_zeros(shape).index_copy_(1, self.slot_R, query)
        layer.write(self.slot_R, self.length, key.transpose(0, 1), value.transpose(0, 1))
        out = layer.attend(query, self.n_prompts, self.length + 1, self.bias)
        if not self.full:
            out = out[:, self.slot_R]
        return out.transpose(0, 1).reshape(rows, heads, size)


class _Layer:
    """Keys and values of one layer: common (K, L, D), prompts' own (K * P, L, D), answers' own (K, P * G, T, D)."""

    def __init__(self, common: Pair | None, own: Pair, n_places: int) -> None:
        n_prompts, groups, _, size = own[0].shape
        self.common = tuple(one.detach().contiguous() for one in common) if common else None
        self.prompt = [one.detach().transpose(0, 1).flatten(0, 1).contiguous() for one in own]
        self.own = [own[0].new_zeros(groups, n_prompts * n_places, GROWTH, size) for _ in range(2)]

    def write(self, slot_R: torch.Tensor, at: int, key: torch.Tensor, value: torch.Tensor) -> None:
        """Put (K, R, D) keys and values of the token `at` into the answers' places."""
        if at == self.own[0].size(2):
            self.own = [torch.cat([one, torch.zeros_like(one)], 2) for one in self.own]
        for store, new in zip(self.own, (key, value), strict=True):
            if len(slot_R) == store.size(1):
                store[:, :, at] = new
            else:
                store[:, slot_R, at] = new

    def attend(self, query: torch.Tensor, n_prompts: int, length: int, bias: torch.Tensor | None) -> torch.Tensor:
        """(K, P * G, M, D) scaled queries to their output, of the same shape."""
        groups, places, heads, size = query.shape
        queries = query.reshape(groups * n_prompts, -1, size)
        prompt_keys, prompt_values = self.prompt
        own_keys, own_values = (one[:, :, :length].flatten(0, 1) for one in self.own)
        scores = torch.bmm(queries, prompt_keys.transpose(1, 2)).view(groups, n_prompts, -1, prompt_keys.size(1))
        if bias is not None:
            scores = scores + bias
        parts = [
            scores.view(groups, places * heads, -1),
            torch.bmm(query.reshape(-1, heads, size), own_keys.transpose(1, 2)).view(groups, places * heads, -1),
        ]
        if self.common is not None:
            parts.append(torch.bmm(query.view(groups, -1, size), self.common[0].transpose(1, 2)))
        weights = torch.softmax(torch.cat(parts, -1), -1, dtype=torch.float32).to(query.dtype)
        split = weights.split([part.size(-1) for part in parts], -1)
        out = torch.bmm(split[0].view(groups * n_prompts, -1, prompt_keys.size(1)), prompt_values).view(query.shape)
        out += torch.bmm(split[1].view(-1, heads, length), own_values).view(query.shape)
        if self.common is not None:
            out += torch.bmm(split[2], self.common[1]).view(query.shape)
        return out

    def move(
        self, living: torch.Tensor, old_R: torch.Tensor, new_R: torch.Tensor, n_prompts: int, n_slots: int
    ) -> None:
        """Leave out prompts without answers, and close the gaps between answers."""
        groups = self.own[0].size(0)
        self.prompt = [one.view(groups, n_prompts, *one.shape[1:])[:, living].flatten(0, 1) for one in self.prompt]
        moved = []
        for one in self.own:
            fresh = one.new_zeros(groups, n_slots, *one.shape[2:])
            fresh[:, new_R] = one[:, old_R]
            moved.append(fresh)
        self.own = moved


def _first_of_run(values: torch.Tensor) -> torch.Tensor:
    """For sorted values, the index of the first equal one."""
    return torch.searchsorted(values, values)


class _Passing(DynamicCache):
    """A cache that hands new keys and values on; the decoder keeps them."""

    def update(
        self, key_states: torch.Tensor, value_states: torch.Tensor, layer_idx: int, *_: Any, **__: Any
    ) -> tuple[torch.Tensor, torch.Tensor]:
        return key_states, value_states


_running: list[SharedDecoder] = []


@contextmanager
def _attending(decoder: SharedDecoder) -> Iterator[None]:
    config = decoder.model.config
    before = config._attn_implementation
    config._attn_implementation = NAME
    _running.append(decoder)
    try:
        yield
    finally:
        _running.pop()
        config._attn_implementation = before


def _attention(
    module: Any,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attention_mask: torch.Tensor | None,
    scaling: float | None = None,
    **_: Any,
) -> tuple[torch.Tensor, None]:
    """(R, H, 1, D) queries, (R, K, 1, D) keys and values to (R, 1, H, D)."""
    scale = query.size(-1) ** -0.5 if scaling is None else scaling
    decoder = _running[-1]
    return decoder.attend(module.layer_idx, query[:, :, 0] * scale, key[:, :, 0], value[:, :, 0])[:, None], None


AttentionInterface.register(NAME, _attention)
