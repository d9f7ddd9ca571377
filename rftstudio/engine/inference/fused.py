"""Layers of models of Llama's build, computed in fewer passes over memory and with less kept for the backward pass.

transformers writes normalisation, rotary positions and the gated unit out in small operations. On a CPU each is a pass
over memory and, in training, leaves a tensor behind; keys and values are copied for each of the query heads that share
them. Here each of the three is one function with its own gradient, and shared keys and values are read where they are.

A layer is replaced only if its own forward gives the same on a small trial, with small numbers and with large ones, so
that a model of another build, or a later transformers, is left as it is. For float32 on a CPU with frozen weights.
"""

from collections.abc import Callable
from typing import Any

import torch
from torch.nn.functional import scaled_dot_product_attention, silu

TRIAL = (2, 5)  # sequences and tokens
SIZES = (1.0, 40.0)  # of the numbers of a trial: some models clamp what is large
DROPOUTS = ("attention_dropout", "residual_dropout")  # nothing is dropped here


class _Norm(torch.autograd.Function):
    """y = w x / sqrt(mean(x^2) + epsilon), over the last axis (Zhang and Sennrich 2019), for a frozen w."""

    @staticmethod
    def forward(ctx: Any, x: torch.Tensor, weight: torch.Tensor, epsilon: float) -> torch.Tensor:
        rate = torch.linalg.vecdot(x, x).div_(x.size(-1)).add_(epsilon).rsqrt_()[..., None]
        ctx.save_for_backward(x, weight, rate)
        return (x * rate).mul_(weight)

    @staticmethod
    def backward(ctx: Any, *grads: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        x, weight, rate = ctx.saved_tensors
        grad = grads[0] * weight
        along = torch.linalg.vecdot(grad, x)[..., None] * rate.pow(3).div_(-x.size(-1))
        return grad.mul_(rate).addcmul_(x, along), None, None


class _Gate(torch.autograd.Function):
    """y = silu(gate) * up (Shazeer 2020)."""

    @staticmethod
    def forward(ctx: Any, gate: torch.Tensor, up: torch.Tensor) -> torch.Tensor:
        ctx.save_for_backward(gate, up)
        return silu(gate).mul_(up)

    @staticmethod
    def backward(ctx: Any, *grads: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        gate, up = ctx.saved_tensors
        grad = grads[0]
        return torch.ops.aten.silu_backward(grad * up, gate), silu(gate).mul_(grad)


class _Turn(torch.autograd.Function):
    """Rotary positions (Su et al. 2021) of x (B, H, N, D): its two halves are turned by an angle for each position.

    cos, sin: (B or 1, 1, N, D).
    """

    @staticmethod
    def forward(ctx: Any, x: torch.Tensor, cos: torch.Tensor, sin: torch.Tensor) -> torch.Tensor:
        ctx.save_for_backward(cos, sin)
        return turn(x, cos, sin)

    @staticmethod
    def backward(ctx: Any, *grads: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        cos, sin = ctx.saved_tensors
        # Backward, each half meets the other half's sine.
        return turn(grads[0], cos, sin.roll(sin.size(-1) // 2, -1), -1), None, None


def turn(x: torch.Tensor, cos: torch.Tensor, sin: torch.Tensor, way: int = 1) -> torch.Tensor:
    """The two halves of the last axis turned by the angles whose cosines and sines these are; way: -1 for back."""
    out = x * cos
    half = x.size(-1) // 2
    out[..., :half].addcmul_(x[..., half:], sin[..., :half], value=-way)
    out[..., half:].addcmul_(x[..., :half], sin[..., half:], value=way)
    return out


class Fused:
    """What is installed over the forward of a layer."""

    def __init__(self, layer: Any) -> None:
        self.layer = layer


class FusedNorm(Fused):
    """The forward of an RMS normalisation."""

    def __call__(self, x: torch.Tensor) -> torch.Tensor:
        layer = self.layer
        out: torch.Tensor = _call(_Norm, x, layer.weight, layer.variance_epsilon)
        return out


class FusedMlp(Fused):
    """The forward of a feed-forward layer with a gate."""

    def __call__(self, x: torch.Tensor) -> torch.Tensor:
        layer = self.layer
        out: torch.Tensor = layer.down_proj(_call(_Gate, layer.gate_proj(x), layer.up_proj(x)))
        return out


class Masks:
    """The mask of one forward pass, which all layers share, repeated for the queries that share a key."""

    def __init__(self) -> None:
        self.given: torch.Tensor | None = None
        self.times = 0
        self.made: torch.Tensor | None = None

    def repeated(self, mask: torch.Tensor | None, times: int) -> torch.Tensor | None:
        """A (B, 1, N, S) mask as (B or 1, 1, times N, S), to be added to scores."""
        if mask is None:
            self.given = self.made = None
        elif mask is not self.given or times != self.times:
            made = mask[:1] if mask.stride(0) == 0 else mask  # one mask shown to all rows
            if made.dtype == torch.bool:
                made = torch.zeros(made.shape).masked_fill_(~made, float("-inf"))
            self.given, self.times, self.made = mask, times, made.repeat(1, 1, times, 1)
        return self.made


class FusedAttention(Fused):
    """The forward of an attention layer, for PyTorch's attention, with masks (B, 1, N, S); else the layer's own."""

    def __init__(self, layer: Any, masks: Masks) -> None:
        super().__init__(layer)
        self.masks = masks
        self.plain = layer.forward

    def __call__(
        self,
        hidden_states: torch.Tensor,
        position_embeddings: tuple[torch.Tensor, torch.Tensor],
        attention_mask: torch.Tensor | None = None,
        past_key_values: Any = None,
        **named: Any,
    ) -> tuple[torch.Tensor, Any]:
        layer = self.layer
        shown = hidden_states.shape[1]
        if layer.config._attn_implementation != "sdpa" or not _plain(attention_mask, shown):
            found: tuple[torch.Tensor, Any] = self.plain(
                hidden_states, position_embeddings, attention_mask, past_key_values=past_key_values, **named
            )
            return found
        shape = (*hidden_states.shape[:-1], -1, layer.head_dim)
        query, key, value = (
            project(hidden_states).view(shape).transpose(1, 2) for project in (layer.q_proj, layer.k_proj, layer.v_proj)
        )
        cos, sin = (one.unsqueeze(1) for one in position_embeddings)
        query, key = _call(_Turn, query, cos, sin), _call(_Turn, key, cos, sin)
        if past_key_values is not None:
            key, value = past_key_values.update(key, value, layer.layer_idx)
        out = self.attend(query, key, value, attention_mask)
        return layer.o_proj(out.reshape(*hidden_states.shape[:-1], -1)), None

    def attend(
        self, query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, mask: torch.Tensor | None
    ) -> torch.Tensor:
        """Attention (B, N, H, D) of queries (B, H, N, D) to keys and values (B, K, S, D), each for H / K heads.

        The heads that share a key are laid one after another, as if they were more queries; or, where a query sees
        what is before it, each as a head to which the key is shown without a copy.
        """
        rows, heads, count, size = query.shape
        groups, length = key.shape[1:3]
        sharing = heads // groups
        scale = self.layer.scaling
        repeated = self.masks.repeated(mask, sharing)
        if repeated is not None:
            query = query.reshape(rows, groups, sharing * count, size)
            out = scaled_dot_product_attention(query, key, value, attn_mask=repeated, scale=scale)
        else:
            query = query.reshape(rows * groups, sharing, count, size)
            key, value = (
                one.reshape(rows * groups, 1, length, size).expand(-1, sharing, -1, -1) for one in (key, value)
            )
            out = scaled_dot_product_attention(query, key, value, is_causal=count > 1, scale=scale)
        return out.reshape(rows, heads, count, size).transpose(1, 2)


def _plain(mask: torch.Tensor | None, shown: int) -> bool:
    return mask is None or (mask.dim() == 4 and mask.shape[1:3] == (1, shown))


def _call(function: Any, *arguments: Any) -> Any:
    """A function with its gradient, or without one where none is wanted."""
    return function.apply(*arguments) if torch.is_grad_enabled() else function.forward(_Nothing, *arguments)


class _Nothing:
    """In place of a context: nothing is kept."""

    @staticmethod
    def save_for_backward(*_: torch.Tensor) -> None:
        pass


def fuse(model: Any) -> int:
    """Replace what can be replaced in a causal language model. Returns in how many layers it did.

    Weights have to be frozen by now; an adapter may be put on later.
    """
    causal = model.base_model
    weights = list(model.parameters())
    if any(one.device.type != "cpu" or one.dtype != torch.float32 or one.requires_grad for one in weights):
        return 0
    masks = Masks()
    count = 0
    for layer in causal.modules():
        made = _fitting(layer, masks)
        # Each by itself: in some models a few layers are told to do without positions, or something else.
        if made is not None and _same(causal, layer, made):
            layer.forward = made
            count += 1
    return count


def _fitting(layer: Any, masks: Masks) -> Callable[..., Any] | None:
    """What would replace a layer, judged by the names of its parts."""
    parts = {name for name, _ in layer.named_children()}
    if any(getattr(layer, name, 0.0) for name in DROPOUTS):
        return None
    if not parts and type(layer).__name__.endswith("RMSNorm") and hasattr(layer, "variance_epsilon"):
        return FusedNorm(layer)
    if parts == {"gate_proj", "up_proj", "down_proj", "act_fn"}:
        return FusedMlp(layer)
    known = {"q_proj", "k_proj", "v_proj", "o_proj"}
    if parts == known and hasattr(layer, "scaling") and layer.config._attn_implementation == "sdpa":
        return FusedAttention(layer, masks)
    return None


@torch.no_grad()
def _same(causal: Any, layer: Any, made: Callable[..., Any]) -> bool:
    """Whether both give the same for random numbers, with a mask and without."""
    config = causal.config
    numbers = torch.Generator().manual_seed(0)
    try:
        if isinstance(made, FusedAttention):
            x = torch.randn(*TRIAL, config.hidden_size, generator=numbers)
            places = torch.arange(3, 3 + TRIAL[1])[None].expand(TRIAL[0], -1)
            turned = causal.rotary_emb(x, places)
            mask = torch.ones(TRIAL[1], TRIAL[1], dtype=torch.bool).tril().expand(TRIAL[0], 1, -1, -1)
            cases = [(x * by, turned, one) for by in SIZES for one in (None, mask)]
            pairs = [(layer.forward(*case)[0], made(*case)[0]) for case in cases]
        else:
            size = layer.weight.numel() if isinstance(made, FusedNorm) else config.hidden_size
            x = torch.randn(*TRIAL, size, generator=numbers)
            pairs = [(layer.forward(x * by), made(x * by)) for by in SIZES]
        for one, other in pairs:
            if not torch.allclose(one, other, rtol=1e-4, atol=1e-5 * float(one.abs().max())):
                return False
    except Exception:  # an architecture of its own making; its own forward stays
        return False
    return True
