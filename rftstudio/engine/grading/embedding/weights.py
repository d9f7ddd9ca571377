"""A safetensors file as arrays that lie in the file itself: a weight takes memory only once it has been used.

The library checks the file; it would copy every tensor, which a web process cannot afford.
"""

import json
import mmap
import struct
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open

_FLOATS = {"F32": np.dtype("<f4"), "F16": np.dtype("<f2")}


def read_weights(path: Path) -> dict[str, NDArray[np.float32]]:
    """Every floating-point tensor by name; float32 ones are views of the file. Raises `OSError` and `ValueError`."""
    try:
        with safe_open(path, framework="np"):
            pass
    except SafetensorError as failure:
        raise ValueError(f"it is damaged: {failure}") from None
    with path.open("rb") as file:
        mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    (length,) = struct.unpack("<Q", mapped[:8])
    header: dict[str, Any] = json.loads(mapped[8 : 8 + length])
    weights: dict[str, NDArray[np.float32]] = {}
    for name, tensor in header.items():
        if name == "__metadata__" or tensor["dtype"] in ("I64", "I32", "BOOL", "U8"):
            continue
        if tensor["dtype"] not in _FLOATS:
            raise ValueError(f"its weights are {tensor['dtype']}; only F32 and F16 are read")
        kind, (start, end) = _FLOATS[tensor["dtype"]], tensor["data_offsets"]
        flat = np.frombuffer(mapped, kind, (end - start) // kind.itemsize, 8 + length + start)
        weights[name] = flat.reshape(tensor["shape"]).astype(np.float32, copy=False)
    return weights
