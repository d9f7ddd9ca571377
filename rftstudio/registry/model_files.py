"""What a model's directory says about it, read without loading it: parameters, context length, what is missing.

Reads `config.json`, the headers of safetensors files and the tokenizer's presence. No torch.
"""

import json
import math
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rftstudio.engine.errors import SpecError

FALLBACK_CONTEXT = 2048  # tokens, where the configuration does not say
CONTEXT_KEYS = ("max_position_embeddings", "n_positions", "n_ctx", "max_sequence_length", "seq_length")


@dataclass(frozen=True)
class ModelFacts:
    """size_bytes: of the weights on disk."""

    architecture: str
    context_length: int
    n_parameters: int
    size_bytes: int


def read_model(directory: Path) -> ModelFacts:
    """Raises `SpecError` (path "base_model") that says what is missing and what to do."""
    if not directory.is_dir():
        raise _error(f"The directory {directory} is not there.", "Fetch the model again, or choose another one.")
    config = _json(directory / "config.json")
    if not (directory / "tokenizer.json").is_file():
        raise _error(f"There is no tokenizer.json in {directory}.", "Save its fast tokenizer beside the weights.")
    if not has_chat_template(directory):
        raise _error(
            f"{directory.name} has no chat template, so it was never taught to answer.",
            "Choose the instruct or chat version of it.",
        )
    weights = sorted(directory.glob("*.safetensors"))
    if not weights:
        raise _error(f"There are no safetensors weights in {directory}.", "Convert the model to safetensors first.")
    return ModelFacts(
        architecture=str((config.get("architectures") or [config.get("model_type", "")])[0]),
        context_length=next((int(config[key]) for key in CONTEXT_KEYS if config.get(key)), FALLBACK_CONTEXT),
        n_parameters=sum(map(count_parameters, weights)),
        size_bytes=sum(path.stat().st_size for path in weights),
    )


def has_chat_template(directory: Path) -> bool:
    """Whether the model says how a conversation is laid out for it."""
    if (directory / "chat_template.jinja").is_file():
        return True
    config = directory / "tokenizer_config.json"
    return config.is_file() and bool(_json(config).get("chat_template"))


def count_parameters(path: Path) -> int:
    """Numbers held in a safetensors file, from its header. Raises `SpecError` where that is broken."""
    try:
        with path.open("rb") as file:
            (length,) = struct.unpack("<Q", file.read(8))
            if length > 100_000_000:
                raise ValueError("its header is too long")
            header: dict[str, Any] = json.loads(file.read(length))
    except (OSError, ValueError, struct.error) as error:
        raise _error(f"{path.name} is not a whole safetensors file ({error}).", "Fetch the model again.") from error
    return sum(math.prod(entry["shape"]) for name, entry in header.items() if name != "__metadata__")


def _json(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise _error(f"There is no {path.name} in {path.parent}.", "Point to the directory of a whole model.") from None
    except (OSError, ValueError) as error:
        raise _error(f"{path} cannot be read ({error}).", "Fetch the model again.") from error
    if not isinstance(content, dict):
        raise _error(f"{path} does not hold an object.", "Fetch the model again.")
    return content


def _error(message: str, fix: str) -> SpecError:
    return SpecError(message, path="base_model", fix=fix)
