"""The files of a small model, made without torch: its header is right, its numbers are noise, a token is a byte."""

import json
import random
import struct
from pathlib import Path
from typing import Any

from tokenizers import Tokenizer, decoders, models, pre_tokenizers

TEMPLATE = (
    "{% for m in messages %}<{{ m.role }}>{{ m.content }}{% endfor %}"
    "{% if add_generation_prompt %}<assistant>{% endif %}"
)


def model_files(
    *,
    numbers: int = 50_000,
    config: dict[str, Any] | None = None,
    template: str | None = TEMPLATE,
    **more: bytes | None,
) -> dict[str, bytes]:
    """Name to content. more: other files by name with `__` for a dot; None leaves one out."""
    base = {
        "architectures": ["LlamaForCausalLM"], "model_type": "llama", "max_position_embeddings": 2048,
        "hidden_size": 64, "num_hidden_layers": 2, "intermediate_size": 128, "vocab_size": 256,
    }  # fmt: skip
    tokenizer = {"eos_token": "</s>", **({"chat_template": template} if template else {})}
    files: dict[str, bytes] = {
        "config.json": json.dumps({**base, **(config or {})}).encode(),
        "tokenizer_config.json": json.dumps(tokenizer).encode(),
        "tokenizer.json": byte_tokenizer().to_str().encode(),
        "model.safetensors": weights(numbers),
    }
    for name, content in more.items():
        name = name.replace("__", ".")
        if content is None:
            del files[name]
        else:
            files[name] = content
    return files


def weights(numbers: int, *, seed: int = 0) -> bytes:
    """A safetensors file of so many float32 numbers."""
    body = random.Random(seed).randbytes(4 * numbers)
    header = json.dumps({"w": {"dtype": "F32", "shape": [numbers], "data_offsets": [0, len(body)]}}).encode()
    return struct.pack("<Q", len(header)) + header + body


def byte_tokenizer() -> Tokenizer:
    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    tokenizer = Tokenizer(models.BPE(vocab={text: number for number, text in enumerate(letters)}, merges=[]))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    return tokenizer


def write_model(directory: Path, **arguments: Any) -> Path:
    directory.mkdir(parents=True, exist_ok=True)
    for name, content in model_files(**arguments).items():
        (directory / name).write_bytes(content)
    return directory
