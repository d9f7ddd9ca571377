"""A LoRA adapter on disk, read without loading it: its hash, what it fits, and a copy of it to start a training from.

It imports no torch, so that the web process may use it. Whether its tensors fit a model: `training/start.py`.
"""

import hashlib
import json
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rftstudio.engine.errors import SpecError

WEIGHTS = "adapter_model.safetensors"
CONFIG = "adapter_config.json"
# What would make the same tensors mean something else than they do in a training of ours.
PLAIN: dict[str, Any] = {
    "peft_type": "LORA",
    "bias": "none",
    "use_dora": False,
    "use_rslora": False,
    "lora_bias": False,
    "rank_pattern": {},
    "alpha_pattern": {},
    "modules_to_save": None,
}
ANOTHER = "Choose a checkpoint of a training that is still there."


@dataclass(frozen=True, slots=True)
class AdapterFacts:
    """base: the base model's directory or hub id, as whoever saved the adapter called it."""

    rank: int
    alpha: float
    base: str


def hash_file(path: Path) -> str:
    """sha256, as hex, of an adapter's weights: of the file, or of the one in a checkpoint directory."""
    with (path / WEIGHTS if path.is_dir() else path).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def read_adapter(directory: Path, *, adapter_hash: str = "") -> AdapterFacts:
    """What a checkpoint's adapter is. adapter_hash: what its weights had when they were saved, where that is known.

    Raises `SpecError` (path "start") where it is gone, has changed, or is no plain LoRA adapter.
    """
    if not (directory / WEIGHTS).is_file() or not (directory / CONFIG).is_file():
        raise SpecError(f"There is no adapter in {directory}.", path="start", fix=ANOTHER)
    if adapter_hash and hash_file(directory) != adapter_hash:
        message = f"The weights in {directory} are not those that the checkpoint was saved with: they have changed."
        raise SpecError(message, path="start", fix=ANOTHER)
    try:
        config = json.loads((directory / CONFIG).read_text(encoding="utf-8"))
        facts = AdapterFacts(int(config["r"]), float(config["lora_alpha"]), str(config["base_model_name_or_path"]))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise SpecError(f"{CONFIG} in {directory} cannot be read: {error}.", path="start", fix=ANOTHER) from error
    odd = [name for name, plain in PLAIN.items() if config.get(name, plain) not in (plain, None)]
    if odd:
        raise SpecError(
            f"The adapter in {directory} is no plain LoRA adapter: its {odd[0]} is {config[odd[0]]!r}.",
            path="start",
            fix="Start from an adapter that the studio has trained.",
        )
    return facts


def check_shape(facts: AdapterFacts, settings: Mapping[str, Any]) -> None:
    """Raises `SpecError` at the setting that would make the adapter another one: its rank or its scale."""
    if settings["lora_rank"] != facts.rank:
        raise SpecError(
            f"The checkpoint has LoRA rank {facts.rank}; a training that starts from it cannot have "
            f"{settings['lora_rank']}.",
            path="lora_rank",
            fix=f"Set it to {facts.rank}, or start from the base model.",
        )
    if settings["lora_alpha"] != facts.alpha:
        raise SpecError(
            f"The checkpoint has LoRA alpha {facts.alpha:g}; with {settings['lora_alpha']:g} its answers would be "
            "others before the first step.",
            path="lora_alpha",
            fix=f"Set it to {facts.alpha:g}, or start from the base model.",
        )


def check_base(facts: AdapterFacts, *, location: str, name: str, revision: str = "") -> None:
    """Raises `SpecError` (path "model") where the adapter was trained on a model of another name.

    revision: a hub model's commit, which is what its directory is called.
    """
    theirs = Path(facts.base).name.lower()
    if theirs not in {Path(location).name.lower(), Path(name or location).name.lower(), revision.lower() or None}:
        raise SpecError(
            f"The adapter was trained on {facts.base}, not on {name or location}.",
            path="model",
            fix="Train on the same base model, or start without the adapter.",
        )


def copy_adapter(source: Path, place: Path, *, adapter_hash: str) -> None:
    """A copy for a job to start from, so that the checkpoint may go. Raises `SpecError` where it is not that one."""
    read_adapter(source)
    place.mkdir(parents=True, exist_ok=True)
    for name in (WEIGHTS, CONFIG):
        shutil.copyfile(source / name, place / name)
    read_adapter(place, adapter_hash=adapter_hash)
