"""A tuned model as a zip: the adapter, how to load it, and where it comes from. Streamed, never whole in memory."""

import io
import json
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from rftstudio.registry.models import TunedModel

CHUNK = 1 << 20
README = """# {name}

A LoRA adapter for **{base}**, trained with RFT Studio.

    from peft import PeftModel
    from transformers import AutoModelForCausalLM, AutoTokenizer

    base = AutoModelForCausalLM.from_pretrained("<directory or hub id of {base}>")
    model = PeftModel.from_pretrained(base, "<this directory>")
    tokenizer = AutoTokenizer.from_pretrained("<directory or hub id of {base}>")

sha256 of adapter_model.safetensors: `{hash}`

`lineage.json` says which tasks, grader and settings it was trained with.
"""


class _Pipe(io.RawIOBase):
    """Takes what the zip writer writes and gives it away in turn."""

    def __init__(self) -> None:
        self.waiting = bytearray()

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        self.waiting += data
        return len(data)

    def take(self) -> bytes:
        taken = bytes(self.waiting)
        self.waiting.clear()
        return taken


def stream_bundle(model: TunedModel) -> Iterator[bytes]:
    """The zip's bytes, piece by piece. The weights are stored as they are: they do not compress."""
    folder = Path(model.path)
    pipe = _Pipe()
    with zipfile.ZipFile(pipe, "w", zipfile.ZIP_STORED) as archive:
        archive.writestr("README.md", README.format(name=model.name, base=model.base_model, hash=model.adapter_hash))
        archive.writestr("lineage.json", json.dumps(model.lineage, indent=1, ensure_ascii=False))
        archive.writestr("adapter_config.json", _config(folder, model))
        with (
            (folder / "adapter_model.safetensors").open("rb") as weights,
            archive.open("adapter_model.safetensors", "w", force_zip64=True) as entry,
        ):
            while piece := weights.read(CHUNK):
                entry.write(piece)
                yield pipe.take()
    yield pipe.take()


def _config(folder: Path, model: TunedModel) -> str:
    """The adapter's configuration, naming the base model instead of a directory of this machine."""
    config = json.loads((folder / "adapter_config.json").read_text(encoding="utf-8"))
    config["base_model_name_or_path"] = model.base_model.name
    return json.dumps(config, indent=1)
