"""Checkpoints of a run: written beside, then renamed, so that one that exists is whole.

    checkpoints/step-N/    adapter_model.safetensors adapter_config.json        what is kept of the model
                           optimizer.safetensors state.json trainer_state.json  what is needed to go on
    checkpoints/recovery/  the same, of the last few seconds; never offered to anybody
    .NAME.part .NAME.old .NAME.gone   being written, replaced, removed; `latest` settles what a killed process left

Nothing is pickled: tensors are safetensors, everything else is JSON.
"""

import contextlib
import json
import os
import random
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from peft import get_peft_model_state_dict, set_peft_model_state_dict
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from rftstudio.engine.adapter import WEIGHTS as ADAPTER
from rftstudio.engine.adapter import hash_file
from rftstudio.engine.errors import SystemFault

OPTIMIZER = "optimizer.safetensors"
STATE = "state.json"
TRAINER_STATE = "trainer_state.json"  # the name transformers looks for
RECOVERY = "recovery"
KEEP_BEST = 3


@dataclass(frozen=True, slots=True)
class Saved:
    """A checkpoint on disk. state: what `save` was given besides tensors."""

    path: Path
    step: int
    adapter_hash: str
    state: dict[str, Any]


def save(
    directory: Path,
    name: str,
    *,
    model: Any,
    optimizer: Any,
    schedule: Any,
    trainer_state: Any,
    step: int,
    state: dict[str, Any],
) -> Saved:
    """Write `directory/name`, replacing what has that name. Raises `SystemFault` when the disk refuses.

    trainer_state: transformers' `TrainerState`. state: JSON of the caller's, handed back by `latest`.
    """
    final = directory / name
    work = directory / f".{name}.part"
    try:
        if work.exists():
            shutil.rmtree(work)
        work.mkdir(parents=True)
        config = model.peft_config["default"]
        save_file(_plain(get_peft_model_state_dict(model, save_embedding_layers=False)), work / ADAPTER)
        inference_mode, config.inference_mode = config.inference_mode, True
        config.save_pretrained(work)
        config.inference_mode = inference_mode
        tensors, rest = _flatten(optimizer.state_dict())
        tensors["rng.torch"] = torch.get_rng_state()
        save_file(tensors, work / OPTIMIZER)
        adapter_hash = hash_file(work / ADAPTER)
        content = {
            "step": step,
            "adapter_hash": adapter_hash,
            "optimizer": rest,
            "schedule": schedule.state_dict(),
            "rng": _random_state(),
            "state": state,
        }
        trainer_state.save_to_json(str(work / TRAINER_STATE))
        (work / STATE).write_text(json.dumps(content), encoding="utf-8")
        _sync(work)
        _replace(work, final)
    except (OSError, SafetensorError) as error:
        shutil.rmtree(work, ignore_errors=True)  # on a full disk half a checkpoint is in everybody's way
        raise SystemFault(f"The checkpoint of step {step} could not be written: {error}.") from error
    return Saved(final, step, adapter_hash, state)


def _replace(work: Path, final: Path) -> None:
    old = final.with_name(f".{final.name}.old")
    if old.exists():
        shutil.rmtree(old)
    if final.exists():
        os.rename(final, old)
    os.rename(work, final)
    if old.exists():
        shutil.rmtree(old)


def _sync(work: Path) -> None:
    """To the disk before it counts: a rename may outlive a power cut that the content does not."""
    for path in (*work.iterdir(), work):
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _tidy(directory: Path) -> None:
    """Settle what a killed process left half-way: the old one counts until the new one has its place."""
    for path in directory.glob(".*"):
        name = path.name[1:].removesuffix(path.suffix)
        if path.suffix == ".old" and not (directory / name).exists():
            os.rename(path, directory / name)
        elif path.suffix in (".old", ".part", ".gone"):
            shutil.rmtree(path)


def latest(directory: Path) -> Saved | None:
    """The checkpoint with the most steps that is whole: its adapter has the hash that it was written with."""
    if not directory.is_dir():
        return None
    _tidy(directory)
    found: list[Saved] = []
    for path in directory.iterdir():
        try:
            content = json.loads((path / STATE).read_text(encoding="utf-8"))
        except (OSError, ValueError):
            continue
        found.append(Saved(path, content["step"], content["adapter_hash"], content["state"]))
    for saved in sorted(found, key=lambda one: one.step, reverse=True):
        with contextlib.suppress(OSError):
            if (saved.path / OPTIMIZER).exists() and hash_file(saved.path / ADAPTER) == saved.adapter_hash:
                return saved
    return None


def at(directory: Path, step: int) -> Saved | None:
    """The checkpoint for people of one step, where it is there and whole."""
    path = directory / f"step-{step}"
    try:
        content = json.loads((path / STATE).read_text(encoding="utf-8"))
        if hash_file(path / ADAPTER) != content["adapter_hash"]:
            return None
    except (OSError, ValueError):
        return None
    return Saved(path, step, content["adapter_hash"], content["state"])


def restore_model(saved: Saved, model: Any) -> None:
    """Put the adapter's weights into a model that has one of the same shape."""
    set_peft_model_state_dict(model, load_file(saved.path / ADAPTER))


def restore_training(saved: Saved, optimizer: Any, schedule: Any) -> None:
    """Put the state of optimizer and learning-rate schedule back."""
    content = json.loads((saved.path / STATE).read_text(encoding="utf-8"))
    tensors = load_file(saved.path / OPTIMIZER)
    optimizer.load_state_dict(_unflatten(tensors, content["optimizer"]))
    schedule.load_state_dict(content["schedule"])


def restore_random(saved: Saved) -> None:
    """Put the state of every random number generator back."""
    content = json.loads((saved.path / STATE).read_text(encoding="utf-8"))
    torch.set_rng_state(load_file(saved.path / OPTIMIZER)["rng.torch"])
    version, internal, gauss = content["rng"]["python"]
    random.setstate((version, tuple(internal), gauss))
    kind, keys, place, has_gauss, cached = content["rng"]["numpy"]
    np.random.set_state((kind, np.array(keys, dtype=np.uint32), place, has_gauss, cached))


def prune(directory: Path, scores: dict[int, float | None], *, last: int, turn: int = 0) -> list[int]:
    """Remove all but the last checkpoint and the best three by validation reward; the steps removed.

    Those as well that a process removed which was killed before it said so.
    scores: validation reward by step. Of equals the later is kept. turn: the step that a later stage began with, which
    is kept as well, 0 for none.
    """
    ranked = sorted((step for step in scores if scores[step] is not None), key=lambda s: (scores[s], s), reverse=True)
    kept = {last, turn, *ranked[:KEEP_BEST]}
    removed = []
    for step in sorted(scores):
        if step in kept:
            continue
        path, gone = directory / f"step-{step}", directory / f".step-{step}.gone"
        if path.exists():
            os.rename(path, gone)  # so that none is ever there in part
            shutil.rmtree(gone)
        removed.append(step)
    return removed


def _plain(tensors: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    return {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}


def _flatten(state: dict[str, Any]) -> tuple[dict[str, torch.Tensor], dict[str, Any]]:
    """An optimizer's state dict as named tensors and JSON."""
    tensors: dict[str, torch.Tensor] = {}
    values: dict[str, dict[str, Any]] = {}
    for parameter, entries in state["state"].items():
        for name, value in entries.items():
            if isinstance(value, torch.Tensor):
                tensors[f"{parameter}.{name}"] = value.detach().cpu().contiguous().clone()
            else:
                values.setdefault(str(parameter), {})[name] = value
    return tensors, {"values": values, "param_groups": state["param_groups"]}


def _unflatten(tensors: dict[str, torch.Tensor], rest: dict[str, Any]) -> dict[str, Any]:
    state: dict[int, dict[str, Any]] = {int(parameter): dict(entries) for parameter, entries in rest["values"].items()}
    for key, tensor in tensors.items():
        parameter, name = key.split(".", 1)
        if parameter != "rng":
            state.setdefault(int(parameter), {})[name] = tensor
    return {"state": state, "param_groups": rest["param_groups"]}


def _random_state() -> dict[str, Any]:
    version, internal, gauss = random.getstate()
    kind, keys, place, has_gauss, cached = np.random.get_state(legacy=True)
    return {
        "python": [version, list(internal), gauss],
        "numpy": [kind, np.asarray(keys).tolist(), int(place), int(has_gauss), float(cached)],
    }
