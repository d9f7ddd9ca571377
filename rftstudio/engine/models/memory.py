"""How much memory and disk a model takes here, and how much there is. Arithmetic on its configuration; no torch.

Weights are held in float32 on a CPU and in bfloat16 on a GPU (`inference/loading.py`). A LoRA training keeps them
frozen and adds the adapter with its gradients and Adam's two moments, and what a backward pass remembers of one batch
of tokens. Logits of the whole vocabulary are never in memory (`training/head.py`).
"""

import os
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from rftstudio.engine.machine import memory as main_memory

LIBRARIES = 900_000_000  # bytes of a process that has loaded torch, transformers and TRL
LORA_RANK = 16
ADAPTER_BYTES = 16  # a number of the adapter in float32: itself, its gradient, two moments
BATCH_TOKENS = 2048  # distinct tokens of a batch: prompts with their answers
KEEP_FREE = 1_000_000_000  # bytes of disk that a download leaves alone


@dataclass(frozen=True)
class Machine:
    """Bytes. device: "cpu" or "cuda". memory: of the card where there is one, else of the machine."""

    device: str
    memory: int
    name: str = ""

    @property
    def dtype(self) -> str:
        return "bfloat16" if self.device == "cuda" else "float32"

    @property
    def number_bytes(self) -> int:
        return 2 if self.device == "cuda" else 4


@dataclass(frozen=True)
class Need:
    """Bytes of memory: of the weights as held, to answer with them, to train them with LoRA."""

    weights: int
    loading: int
    training: int

    def to_json(self) -> dict[str, int]:
        return asdict(self)


@lru_cache(maxsize=1)
def this_machine() -> Machine:
    """The first NVIDIA card where its driver answers, else the machine's memory, or what its container may use.

    TRAINING_MACHINE (`cuda:80`, `cpu:64`: GB) says what trains where that is another machine than this one.
    """
    if given := os.environ.get("TRAINING_MACHINE"):
        return read_machine(given)
    try:
        said = subprocess.run(
            ["nvidia-smi", "--query-gpu=memory.total,name", "--format=csv,noheader,nounits"],
            capture_output=True, text=True, timeout=10, check=True,
        ).stdout  # fmt: skip
        mebibytes, _, name = said.splitlines()[0].partition(",")
        return Machine("cuda", int(mebibytes) * 1024 * 1024, name.strip())
    except (OSError, subprocess.SubprocessError, ValueError, IndexError):
        return Machine("cpu", main_memory())


def read_machine(text: str) -> Machine:
    """Raises `ValueError` for anything but `cuda:80` or `cpu:64`."""
    device, _, gigabytes = text.partition(":")
    if device not in ("cpu", "cuda") or not gigabytes.isdecimal() or not int(gigabytes):
        raise ValueError("write cuda:80 for a card of 80 GB, or cpu:64")
    return Machine(device, int(gigabytes) * 1_000_000_000)


def free_disk(directory: Path) -> int:
    """Bytes free where a directory is, or will be."""
    place = directory
    while not place.exists():
        place = place.parent
    return shutil.disk_usage(place).free


def need_of(n_parameters: int, config: Mapping[str, Any], machine: Machine) -> Need:
    """For a batch of `BATCH_TOKENS`. Measured against the embedded model: see the manual page on models."""
    text = config.get("text_config")
    shape = {**config, **(text if isinstance(text, dict) else {})}
    hidden = _number(shape, "hidden_size", "n_embd", "d_model") or round((n_parameters / 12 / 24) ** 0.5)
    layers = _number(shape, "num_hidden_layers", "n_layer", "num_layers") or 24
    inner = _number(shape, "intermediate_size", "n_inner", "ffn_dim") or 4 * hidden
    weights = n_parameters * machine.number_bytes
    adapter = LORA_RANK * layers * (4 * 2 * hidden + 3 * (hidden + inner)) * ADAPTER_BYTES
    # Remembered for each token and layer: the inputs of seven products and of two norms, the attention's operands,
    # the gate's two factors and their product.
    remembered = BATCH_TOKENS * layers * (12 * hidden + 4 * inner) * machine.number_bytes
    loading = weights + LIBRARIES
    return Need(weights, loading, loading + adapter + remembered)


def _number(shape: Mapping[str, Any], *names: str) -> int:
    values = (shape.get(name) for name in names)
    return next((value for value in values if isinstance(value, int) and value > 0), 0)


def size(n_bytes: float) -> str:
    """For people: "538 MB", "16.1 GB"."""
    if n_bytes < 1e9:
        return f"{max(1, round(n_bytes / 1e6)):,} MB" if n_bytes >= 1e6 else f"{max(1, round(n_bytes / 1e3))} kB"
    return f"{n_bytes / 1e9:,.1f} GB"


def too_large(need: Need, machine: Machine) -> str:
    """Why the machine cannot hold it, with both figures; nothing where it can."""
    if need.training <= machine.memory:
        return ""
    where = (
        f"the card that trains{f' ({machine.name})' if machine.name else ''}"
        if machine.device == "cuda"
        else "this machine"
    )
    what = "loading it" if need.loading > machine.memory else "training it with LoRA"
    asked = need.loading if need.loading > machine.memory else need.training
    return (
        f"It is too large for {where}: {what} in {machine.dtype} takes about {size(asked)} of memory, "
        f"and there are {size(machine.memory)}."
    )
