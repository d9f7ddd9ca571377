"""Products of few rows by weights laid out for MKL once, in four fifths of the time that the usual ones take on a CPU.

Decoding is nothing but such products: a row for each answer. The usual product lays the weight out anew each time.
Here that is done once, and kept as long as the weight stays the same and answers are decoded; it costs a second copy,
so it is used where memory allows.

Which way a product is computed depends on its number of rows and on what the machine has, so that a run that is resumed
gets the numbers of one that never stopped.
"""

from functools import cache
from typing import Any

import torch

from rftstudio.engine.machine import memory

ROWS = 128  # at most, and what the layout is made for; larger products are as quick in the usual way
SPARE = 4  # how many times a second copy has to fit the memory of the machine


def pack(weight: torch.Tensor) -> torch.Tensor:
    """A (V, D) weight in MKL's layout, which serves products of any number of rows."""
    with torch.inference_mode(False), torch.no_grad():
        packed: torch.Tensor = torch.ops.mkl._mkl_reorder_linear_weight(weight.detach(), ROWS)
    return packed


def product(x: torch.Tensor, weight: torch.Tensor, packed: torch.Tensor, bias: torch.Tensor | None) -> torch.Tensor:
    """x W' + bias, without gradients."""
    rows = x.numel() // x.size(-1)  # any other number, and PyTorch would take the weight as it is
    out: torch.Tensor = torch.ops.mkl._mkl_linear(x, packed, weight, bias, rows)
    return out


def few(x: torch.Tensor) -> bool:
    """Whether a product with x is of few enough rows."""
    return x.numel() <= ROWS * x.size(-1)


class PackedLinear:
    """The forward of a linear layer whose weight is frozen, installed over its own; without gradients only."""

    def __init__(self, layer: torch.nn.Linear) -> None:
        self.layer = layer
        self.packed: torch.Tensor | None = None
        self.made_of: tuple[int, int] | None = None
        layer.forward = self

    def __call__(self, x: torch.Tensor) -> torch.Tensor:
        weight, bias = self.layer.weight, self.layer.bias
        if torch.is_grad_enabled() or not few(x) or x.dtype != weight.dtype:
            return torch.nn.functional.linear(x, weight, bias)
        made_of = (weight.data_ptr(), weight._version)
        if self.packed is None or made_of != self.made_of:
            self.packed, self.made_of = pack(weight), made_of
        return product(x, weight, self.packed, bias)

    def drop(self) -> None:
        """Give the second copy back."""
        self.packed = self.made_of = None


def pack_layers(model: Any) -> bool:
    """Pack the frozen linear layers of a model on a CPU with memory to spare. Returns whether it did."""
    layers = [module for module in model.modules() if type(module) is torch.nn.Linear]
    weights = [layer.weight for layer in layers]
    size = sum(weight.numel() * weight.element_size() for weight in weights)
    if not layers or any(not packs(weight) for weight in weights) or not fits(size):
        return False
    for layer in layers:
        PackedLinear(layer)
    return True


def drop_packed(model: Any) -> None:
    """Give back every second copy that was made to decode with: a learning step needs the memory."""
    for module in model.modules():
        if drop := getattr(module.__dict__.get("forward"), "drop", None):
            drop()


def packs(weight: torch.Tensor) -> bool:
    """Whether products with this weight can be computed here: float32, on a CPU, by a PyTorch that has MKL."""
    return weight.device.type == "cpu" and weight.dtype == torch.float32 and _works()


@cache
def _works() -> bool:
    """On a small trial: the two operations are PyTorch's own, but not part of what it promises to keep."""
    if not torch.backends.mkl.is_available():
        return False
    numbers = torch.Generator().manual_seed(0)
    weight, bias = torch.randn(192, 576, generator=numbers) / 24, torch.randn(192, generator=numbers)
    with torch.no_grad():
        try:
            packed = pack(weight)
            for rows in (1, 7, ROWS):  # what is packed for one number of rows has to serve others
                x = torch.randn(rows, 576, generator=numbers)
                if not torch.allclose(product(x, weight, packed, bias), x @ weight.t() + bias, atol=1e-4):
                    return False
        except (AttributeError, RuntimeError, TypeError):
            return False
    return True


def fits(size: int) -> bool:
    """Whether there is memory for another copy of `size` bytes.

    By what the machine has, not by what is free at the moment: a run that is resumed has to decide the same.
    """
    return size * SPARE <= memory()
