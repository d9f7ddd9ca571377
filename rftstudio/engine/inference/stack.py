"""A model of Llama's build, one new token for each answer, without what transformers does around its layers.

Decoding is a few hundred products, each so small that whatever surrounds it counts: masks and caches made for every
token, a dozen nested calls a layer. Where the layers are fused (`fused`), what is between them is known; it is used if
a small trial gives what the model gives. Axes: R answers, D hidden size, H query heads, K key-value heads.
"""

from collections.abc import Callable
from typing import Any
from weakref import WeakKeyDictionary

import torch

from rftstudio.engine.inference.fused import FusedAttention, FusedMlp, FusedNorm, turn
from rftstudio.engine.inference.prefill import backbone

# Layer number, and scaled queries (R, H, head size), keys and values (R, K, head size): to the same shape as queries.
Attend = Callable[[int, torch.Tensor, torch.Tensor, torch.Tensor], torch.Tensor]

_BODY = {"embed_tokens", "layers", "norm", "rotary_emb"}
_LAYER = {"self_attn", "mlp", "input_layernorm", "post_attention_layernorm"}

_known: WeakKeyDictionary[Any, bool] = WeakKeyDictionary()


def hidden_states(model: Any, tokens_R: torch.Tensor, position_R: torch.Tensor, attend: Attend) -> torch.Tensor:
    """Last hidden states (R, D) of one token a row. For models that `stacks` says yes to."""
    body = backbone(model)
    x_RD = body.embed_tokens(tokens_R)
    rows = len(tokens_R)
    cos, sin = body.rotary_emb(x_RD[:, None], position_R[:, None])  # (R, 1, head size)
    scale = body.layers[0].self_attn.scaling
    cos_of_queries, sin_of_queries = cos * scale, sin * scale
    for number, layer in enumerate(body.layers):
        attention, mlp = layer.self_attn, layer.mlp
        normal = layer.input_layernorm.forward(x_RD)
        shape = (rows, -1, attention.head_dim)
        query = turn(attention.q_proj.forward(normal).view(shape), cos_of_queries, sin_of_queries)
        key = turn(attention.k_proj.forward(normal).view(shape), cos, sin)
        seen = attend(number, query, key, attention.v_proj.forward(normal).view(shape))
        x_RD = attention.o_proj.forward(seen.reshape(rows, -1)).add_(x_RD)
        normal = layer.post_attention_layernorm.forward(x_RD)
        x_RD = mlp.forward(normal).add_(x_RD)
    out: torch.Tensor = body.norm.forward(x_RD)
    return out


def stacks(model: Any) -> bool:
    """Whether `hidden_states` gives what the model does."""
    body = backbone(model)
    if body not in _known:
        _known[body] = _built_so(body) and _same(model, body)
    return _known[body]


def _built_so(body: Any) -> bool:
    if {name for name, _ in body.named_children()} != _BODY or type(body.embed_tokens) is not torch.nn.Embedding:
        return False
    return isinstance(body.norm.forward, FusedNorm) and all(
        {name for name, _ in layer.named_children()} == _LAYER
        and isinstance(layer.self_attn.forward, FusedAttention)
        and isinstance(layer.mlp.forward, FusedMlp)
        and isinstance(layer.input_layernorm.forward, FusedNorm)
        and isinstance(layer.post_attention_layernorm.forward, FusedNorm)
        and layer.self_attn.scaling == body.layers[0].self_attn.scaling
        for layer in body.layers
    )


@torch.no_grad()
def _same(model: Any, body: Any) -> bool:
    """On a sequence of three tokens, each of which attends to those before it and to itself."""
    where = body.embed_tokens.weight.device
    tokens, positions = torch.tensor([3, 1, 2], device=where), torch.tensor([4, 5, 6], device=where)
    later = torch.ones(3, 3, dtype=torch.bool, device=where).triu(1)

    def before(_: int, query: torch.Tensor, key: torch.Tensor, value: torch.Tensor) -> torch.Tensor:
        key, value = (one.repeat_interleave(query.size(1) // one.size(1), 1) for one in (key, value))
        scores = torch.einsum("qhd,khd->hqk", query, key).masked_fill(later, float("-inf"))
        return torch.einsum("hqk,khd->qhd", scores.softmax(-1), value)

    try:
        found = hidden_states(model, tokens, positions, before)
    except (AttributeError, RuntimeError, TypeError):
        return False
    wanted = body(input_ids=tokens[None], position_ids=positions[None], use_cache=False).last_hidden_state[0]
    return torch.allclose(found, wanted, rtol=1e-3, atol=1e-4 * float(wanted.abs().max()))
