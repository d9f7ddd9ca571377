"""The adapter that a training starts from: checked before any weights are read, then put into the fresh LoRA layers.

Only the adapter is taken over. Optimizer, learning rate and steps begin anew, and a KL penalty is still measured from
the base model, since the reference is the model with its adapter taken off (after a warm start: the adapter of then).
peft is imported when there is something to start from: other trainings draw the first point of their curve without it.
"""

from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file
from transformers import AutoConfig, AutoModelForCausalLM

from rftstudio.engine.adapter import WEIGHTS, check_base, check_shape, read_adapter
from rftstudio.engine.errors import SpecError
from rftstudio.engine.job import Job, Model, Start, inside
from rftstudio.engine.presets import TrainingSettings

SHOWN = 2  # layers named in an error
Shapes = dict[str, tuple[int, ...]]


def check(directory: Path, job: Job, start: Start, settings: TrainingSettings) -> None:
    """Raises `SpecError` naming the field: "start" where the adapter is gone, another one or does not fit the layers;
    "lora_rank", "lora_alpha" or "model" where the job differs from what it was trained with.
    """
    place = inside(directory, start.path)
    facts = read_adapter(place, adapter_hash=start.adapter_hash)
    check_shape(facts, {"lora_rank": settings.lora_rank, "lora_alpha": settings.lora_alpha})
    check_base(facts, location=job.model.path, name=job.model.name)
    has, needs = _shapes_of(place / WEIGHTS), _shapes_for(job.model, settings)
    odd = sorted(name for name in has.keys() | needs.keys() if has.get(name) != needs.get(name))
    if odd:
        named = ", ".join(odd[:SHOWN]) + (f" and {len(odd) - SHOWN} more" if len(odd) > SHOWN else "")
        raise SpecError(
            f"The adapter does not have the layers that are trained here: {named} differ.",
            path="start",
            fix="Start from an adapter that was trained on every linear layer of this base model, as the studio does.",
        )


def put_on(directory: Path, start: Start, model: Any) -> None:
    """Put the adapter's weights into a peft model with fresh ones of the same shape."""
    from peft import set_peft_model_state_dict

    set_peft_model_state_dict(model, load_file(inside(directory, start.path) / WEIGHTS))


def in_words(start: Start | None, settings: TrainingSettings) -> str:
    """A sentence for the first event; "" for a training that starts from the base model."""
    if start is None:
        return ""
    said = f" It starts from {start.name or 'an adapter'}, with a fresh optimizer."
    if not settings.beta or not settings.way.reinforces:
        return said
    near = "the model as it is after the SFT steps" if settings.way.copies else "the base model"
    return f"{said} The KL penalty is measured from {near}."


def _shapes_of(file: Path) -> Shapes:
    try:
        with safe_open(file, framework="pt") as tensors:
            return {name: tuple(tensors.get_slice(name).get_shape()) for name in tensors.keys()}  # noqa: SIM118
    except (OSError, SafetensorError) as error:
        raise SpecError(f"The adapter's weights cannot be read: {error}.", path="start", fix="Copy it anew.") from error


def _shapes_for(model: Model, settings: TrainingSettings) -> Shapes:
    """The tensors of the adapter that a training of this model makes, from the model's configuration alone."""
    from peft import get_peft_model, get_peft_model_state_dict

    from rftstudio.engine.training.build import lora

    config = AutoConfig.from_pretrained(model.path, revision=model.revision, trust_remote_code=False)
    with torch.device("meta"):
        empty: Any = get_peft_model(AutoModelForCausalLM.from_config(config), lora(settings))
    tensors = get_peft_model_state_dict(empty, save_embedding_layers=False)
    return {name: tuple(tensor.shape) for name, tensor in tensors.items()}
