"""LoRA layers computed with the adapter folded into the weight: one matrix product in place of three.

peft computes W x + s B A x for every layer, forward and backward. Here W + s B A is kept beside W and
made anew when A or B has changed, so that nothing drifts and taking the adapter off is exact. Forward is
one product, for sampling and for training alike; the gradients of A and B are the same as peft's,
computed from the product's own input and gradient:

    d A = s (g B)' x,   d B = s g' (x A'),   d x = g (W + s B A)

It costs a second copy of the adapted weights, and a third for products of few rows (`packed`), so it is used where
memory allows.
"""

from typing import Any

import torch
from torch.optim.optimizer import register_optimizer_step_post_hook

from rftstudio.engine.inference.packed import PackedLinear, few, fits
from rftstudio.engine.inference.products import linear, pack, packed_linear, packs

_optimizer_steps = 0


def _count_step(*_: Any) -> None:
    global _optimizer_steps
    _optimizer_steps += 1


# PyTorch's fused optimizers write to parameters without a mark on the tensor's version.
register_optimizer_step_post_hook(_count_step)


class FoldedLinear:
    """The folded forward of one peft LoRA layer, installed over its own."""

    def __init__(self, layer: Any) -> None:
        self.layer = layer
        self.plain = layer.forward
        self.adapter = ""
        self.made_of: tuple[int, int, int, int, int] | None = None
        self.weight: torch.Tensor | None = None
        self.packed: torch.Tensor | None = None
        self.packs = packs(layer.base_layer.weight)
        layer.forward = self

    def __call__(self, x: torch.Tensor, *arguments: Any, **named: Any) -> torch.Tensor:
        layer = self.layer
        active = layer.active_adapters
        if layer.disable_adapters or layer.merged or len(active) != 1 or active[0] not in layer.lora_A or named:
            return self.plain(x, *arguments, **named)
        name = active[0]
        a, b = layer.lora_A[name].weight, layer.lora_B[name].weight
        scale = layer.scaling[name]
        base = layer.base_layer
        weight = self.fold(base.weight, a, b, scale)
        if torch.is_grad_enabled():
            out: torch.Tensor = _Folded.apply(x, weight, base.bias, a, b, scale)
            return out
        if self.packs and few(x):
            return packed_linear(x, weight, self.pack(weight), base.bias)
        return linear(x, weight, base.bias)

    def fold(self, weight: torch.Tensor, a: torch.Tensor, b: torch.Tensor, scale: float) -> torch.Tensor:
        """W + s B A, made anew when A or B is another, or may have been written to."""
        made_of = (id(a), a._version, id(b), b._version, _optimizer_steps)
        if self.weight is None or made_of != self.made_of:
            with torch.inference_mode(False), torch.no_grad():
                if self.weight is None:
                    self.weight = torch.empty_like(weight)
                torch.addmm(weight, b, a, alpha=scale, out=self.weight)
            self.made_of = made_of
            self.packed = None
        return self.weight

    def drop(self) -> None:
        """Give the copy for products of few rows back."""
        self.packed = None

    def pack(self, weight: torch.Tensor) -> torch.Tensor:
        """The folded weight laid out for products of few rows, made when first needed."""
        if self.packed is None:
            self.packed = pack(weight)
        return self.packed


class _Folded(torch.autograd.Function):
    """y = x (W + s B A)' + bias, with the gradients of A, B and x."""

    @staticmethod
    def forward(
        ctx: Any,
        x: torch.Tensor,
        weight: torch.Tensor,
        bias: torch.Tensor | None,
        a: torch.Tensor,
        b: torch.Tensor,
        scale: float,
    ) -> torch.Tensor:
        ctx.save_for_backward(x, weight, a, b)
        ctx.scale = scale
        return linear(x, weight, bias)

    @staticmethod
    def backward(ctx: Any, *grads: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        x, weight, a, b = ctx.saved_tensors
        grad = grads[0]
        flat_grad, flat_x = grad.reshape(-1, grad.size(-1)), x.reshape(-1, x.size(-1))
        through = linear(flat_grad, b.t()).mul_(ctx.scale)
        grad_a = linear(through.t(), flat_x.t())
        grad_b = linear(linear(flat_x, a).mul_(ctx.scale).t(), flat_grad.t()).t()  # quicker than the other way round
        grad_x = linear(flat_grad, weight.t()).view_as(x) if ctx.needs_input_grad[0] else None
        return grad_x, None, None, grad_a, grad_b, None


def fold(model: Any) -> bool:
    """Fold the LoRA layers of a peft model, where all are plain float32 ones on a CPU with memory to spare.

    Returns whether it did. On a GPU the small products cost little and memory is dearer.
    """
    from peft.tuners.lora import Linear

    layers = [module for module in model.modules() if isinstance(module, Linear)]
    if layers and all(isinstance(layer.forward, FoldedLinear) for layer in layers):
        return True  # by the stage of a training before this one
    weights = [layer.base_layer.weight for layer in layers]
    if not layers or any(not _plain(layer) for layer in layers):
        return False
    size = sum(weight.numel() * weight.element_size() for weight in weights)
    if not fits(size):
        return False
    for layer in layers:
        FoldedLinear(layer)
        if isinstance(layer.base_layer.forward, PackedLinear):
            layer.base_layer.forward.drop()  # made anew where the adapter is taken off
    return True


def _plain(layer: Any) -> bool:
    """Vanilla LoRA without dropout, variants or transposed weights, in float32 on a CPU."""
    weight = layer.base_layer.weight
    return (
        type(layer.base_layer) is torch.nn.Linear
        and weight.device.type == "cpu"
        and weight.dtype == torch.float32
        and not layer.fan_in_fan_out
        and not layer.lora_variant
        and not any(layer.lora_bias.values())
        and all(isinstance(dropout, torch.nn.Identity) for dropout in layer.lora_dropout.values())
    )
