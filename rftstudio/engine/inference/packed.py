"""Frozen linear layers on a CPU, their products by the library that `products` finds the quickest.

For products of few rows, of which decoding consists, the weight is packed once, and kept so as long as it stays the
same and answers are decoded; it costs a second copy, so it is used where memory allows.

Which way a product is computed depends on its number of rows and on what the machine has, so that a run that is resumed
gets the numbers of one that never stopped.
"""

from typing import Any

import torch

from rftstudio.engine.inference.products import ROWS, linear, pack, packed_linear, packs
from rftstudio.engine.machine import memory

SPARE = 4  # how many times a second copy has to fit the memory of the machine


def few(x: torch.Tensor) -> bool:
    """Whether a product with x is of few enough rows."""
    return x.numel() <= ROWS * x.size(-1)


class _Frozen(torch.autograd.Function):
    """y = x W' + bias, with the gradient of x alone."""

    @staticmethod
    def forward(ctx: Any, x: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor | None) -> torch.Tensor:
        ctx.save_for_backward(weight)
        return linear(x, weight, bias)

    @staticmethod
    def backward(ctx: Any, *grads: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        (weight,) = ctx.saved_tensors
        return linear(grads[0], weight.t()), None, None


class PackedLinear:
    """The forward of a linear layer whose weight is frozen, installed over its own.

    keeps: whether there is memory for a packed copy of the weight.
    """

    def __init__(self, layer: torch.nn.Linear, *, keeps: bool = True) -> None:
        self.layer = layer
        self.keeps = keeps
        self.packed: torch.Tensor | None = None
        self.made_of: tuple[int, int] | None = None
        layer.forward = self

    def __call__(self, x: torch.Tensor) -> torch.Tensor:
        weight, bias = self.layer.weight, self.layer.bias
        if torch.is_grad_enabled():
            out: torch.Tensor = _Frozen.apply(x, weight, bias)
            return out
        if not self.keeps or not few(x) or x.dtype != weight.dtype:
            return linear(x, weight, bias)
        made_of = (weight.data_ptr(), weight._version)
        if self.packed is None or made_of != self.made_of:
            self.packed, self.made_of = pack(weight), made_of
        return packed_linear(x, weight, self.packed, bias)

    def drop(self) -> None:
        """Give the second copy back."""
        self.packed = self.made_of = None


def pack_layers(model: Any) -> bool:
    """Let the frozen linear layers of a model on a CPU be computed here, with packed weights where memory is to spare.

    Returns whether weights are packed.
    """
    layers = [module for module in model.modules() if type(module) is torch.nn.Linear]
    weights = [layer.weight for layer in layers]
    if not layers or any(weight.requires_grad or not packs(weight) for weight in weights):
        return False
    keeps = fits(sum(weight.numel() * weight.element_size() for weight in weights))
    for layer in layers:
        PackedLinear(layer, keeps=keeps)
    return keeps


def drop_packed(model: Any) -> None:
    """Give back every second copy that was made to decode with: a learning step needs the memory."""
    for module in model.modules():
        if drop := getattr(module.__dict__.get("forward"), "drop", None):
            drop()


def fits(size: int) -> bool:
    """Whether there is memory for another copy of `size` bytes.

    By what the machine has, not by what is free at the moment: a run that is resumed has to decide the same.
    """
    return size * SPARE <= memory()
