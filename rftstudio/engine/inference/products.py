"""Products with weights, by whichever of the libraries that PyTorch comes with is the quicker one on this processor.

PyTorch leaves products of float32 to MKL. On processors of other makers than Intel, MKL does without AVX-512: two cores
of an AMD EPYC (Zen 5) reach 210 GFLOPS with it and 470 with oneDNN. On Intel's both are alike for many rows, and for
few MKL needs four fifths of oneDNN's time.

Decoding is nothing but products of few rows, one for each answer. The usual product lays the weight out anew each time;
`pack` does it once.

Which library computes depends on the processor alone, so that a run that is resumed gets the numbers of one that never
stopped. All is for float32 on a CPU; `linear` takes anything and leaves what is of another kind to PyTorch.
"""

import platform
from functools import cache
from pathlib import Path
from typing import Any

import torch

ROWS = 128  # what a packed weight is laid out for, and the most that gain by it
CPUINFO = Path("/proc/cpuinfo")

MKL, ONEDNN = "MKL", "oneDNN"


def linear(x: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor | None = None) -> torch.Tensor:
    """x W' + bias for x (..., I) and a weight (O, I), which may be a transposed view; without gradients."""
    if weight.dtype == x.dtype == torch.float32 and weight.device.type == "cpu" and x.numel() and library() == ONEDNN:
        out: torch.Tensor = torch.ops.mkldnn._linear_pointwise(x, weight, bias, "none", [], "")
        return out
    return torch.nn.functional.linear(x, weight, bias)


def pack(weight: torch.Tensor) -> torch.Tensor:
    """A (O, I) weight in the layout that its library wants, which serves products of any number of rows."""
    with torch.inference_mode(False), torch.no_grad():
        return _packed(library(), weight.detach())


def packed_linear(
    x: torch.Tensor, weight: torch.Tensor, packed: torch.Tensor, bias: torch.Tensor | None
) -> torch.Tensor:
    """x W' + bias, without gradients."""
    return _product(library(), x, weight, packed, bias)


def packs(weight: torch.Tensor) -> bool:
    """Whether products with this weight can be packed here."""
    return weight.device.type == "cpu" and weight.dtype == torch.float32 and library() != ""


@cache
def library() -> str:
    """MKL, oneDNN, or "" where neither can be asked for its own layout."""
    wanted = (MKL,) if _maker() in ("", "GenuineIntel") else (ONEDNN, MKL)
    return next((name for name in wanted if _works(name)), "")


def _maker() -> str:
    """Of an x86 processor; "" where it is not known."""
    if platform.machine().lower() not in ("x86_64", "amd64"):
        return ""
    try:
        lines = CPUINFO.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return ""
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("vendor_id")), "")


def _packed(library: str, weight: torch.Tensor) -> torch.Tensor:
    lay_out: Any = torch.ops.mkl._mkl_reorder_linear_weight
    if library == ONEDNN:
        lay_out = torch.ops.mkldnn._reorder_linear_weight
    packed: torch.Tensor = lay_out(weight, ROWS)
    return packed


def _product(
    library: str, x: torch.Tensor, weight: torch.Tensor, packed: torch.Tensor, bias: torch.Tensor | None
) -> torch.Tensor:
    out: torch.Tensor
    if not x.numel():
        out = torch.nn.functional.linear(x, weight, bias)
    elif library == ONEDNN:
        out = torch.ops.mkldnn._linear_pointwise(x, packed, bias, "none", [], "")
    else:
        rows = x.numel() // x.size(-1)  # any other number, and PyTorch would take the weight as it is
        out = torch.ops.mkl._mkl_linear(x, packed, weight, bias, rows)
    return out


def _works(library: str) -> bool:
    """On a small trial: the operations are PyTorch's own, but not part of what it promises to keep."""
    backend = torch.backends.mkldnn if library == ONEDNN else torch.backends.mkl
    if not backend.is_available():
        return False
    numbers = torch.Generator().manual_seed(0)
    weight, bias = torch.randn(192, 576, generator=numbers) / 24, torch.randn(192, generator=numbers)
    with torch.no_grad():
        try:
            packed = _packed(library, weight)
            for rows in (1, 7, ROWS):  # what is packed for one number of rows has to serve others
                x = torch.randn(rows, 576, generator=numbers)
                wanted = x @ weight.t() + bias
                found = [_product(library, x, weight, packed, bias)]
                if library == ONEDNN:
                    found.append(_product(library, x, weight, weight, bias))
                    found.append(_product(library, x, weight, weight.t().contiguous().t(), bias))
                if not all(torch.allclose(one, wanted, atol=1e-4) for one in found):
                    return False
        except (AttributeError, NotImplementedError, RuntimeError, TypeError):
            return False
    return True
