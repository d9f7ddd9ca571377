"""Model and tokenizer from a local directory or a hub id, refused early where they cannot be used.

Never runs a model's own code and never unpickles weights. Prompts are laid out by the model's chat
template, and measured against its context, before any weights are read.
"""

import dataclasses
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from huggingface_hub import constants
from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer
from transformers.utils import logging as transformers_logging

from rftstudio.engine.errors import SpecError, SystemFault
from rftstudio.engine.inference.fused import fuse
from rftstudio.engine.inference.packed import pack_layers
from rftstudio.engine.job import Model
from rftstudio.engine.models.cache import fetched
from rftstudio.engine.models.contents import read_directory
from rftstudio.engine.models.refusals import require_usable
from rftstudio.engine.types import Item

Tokens = list[int]


@dataclass(frozen=True, slots=True)
class Prompt:
    """An item as the model sees it."""

    item: Item
    tokens: Tokens


def device() -> torch.device:
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def dtype_for(where: torch.device) -> torch.dtype:
    """bfloat16 on a GPU; float32 on a CPU, where replays must be identical and bf16 is often emulated."""
    return torch.bfloat16 if where.type == "cuda" else torch.float32


def find_model(model: Model) -> Model:
    """The model as a directory of this machine: a hub's is fetched first. Nothing may be fetched afterwards.

    Refuses what cannot or must not be loaded, without loading it: raises `SpecError`, or `SystemFault` where the hub
    does not answer.
    """
    directory = Path(model.path)
    if not directory.is_dir():
        looks_local = model.path.startswith((".", "/", "~")) or model.path.count("/") != 1
        if looks_local or directory.exists():
            raise SpecError(
                f"There is no model directory {model.path}.", path="model", fix="Check the path, or give a hub id."
            )
        directory = fetched(model.path, model.revision or "")
    # transformers has been imported by now and has read the variable already.
    os.environ["HF_HUB_OFFLINE"] = "1"
    constants.HF_HUB_OFFLINE = True
    try:
        require_usable(read_directory(directory))
    except SpecError as error:
        raise SpecError(error.message, path="model", fix=error.fix) from error
    return dataclasses.replace(model, path=str(directory))


def load_tokenizer(model: Model) -> Any:
    """Raises `SpecError` where there is no chat template."""
    try:
        tokenizer = AutoTokenizer.from_pretrained(
            model.path, revision=model.revision, trust_remote_code=False, padding_side="left"
        )
    except (OSError, ValueError) as error:
        raise SpecError(f"Its tokenizer could not be loaded: {error}", path="model", fix="Check the model.") from error
    if not tokenizer.chat_template:
        raise SpecError(
            f"{model.name or model.path} has no chat template, so it is a base model that was never taught to answer.",
            path="model",
            fix="Choose the instruct or chat version of it.",
        )
    if tokenizer.pad_token_id is None:
        tokenizer.pad_token = tokenizer.eos_token
    return tokenizer


def context_length(model: Model) -> int:
    """Tokens that fit the model's context: prompt and answer together. Raises `SpecError`."""
    try:
        config = AutoConfig.from_pretrained(model.path, revision=model.revision, trust_remote_code=False)
    except (OSError, ValueError) as error:
        raise SpecError(f"Its configuration could not be loaded: {error}", path="model", fix="Check it.") from error
    return int(getattr(config.get_text_config(), "max_position_embeddings", 0) or 1 << 30)


def load_model(model: Model, where: torch.device) -> Any:
    """The weights, in evaluation mode, nothing trainable. Raises `SpecError` or `SystemFault`."""
    transformers_logging.disable_progress_bar()
    try:
        loaded = AutoModelForCausalLM.from_pretrained(
            model.path,
            revision=model.revision,
            dtype=dtype_for(where),
            trust_remote_code=False,
            use_safetensors=True,
        )
    except (OSError, ValueError) as error:
        raise SpecError(f"The model could not be loaded: {error}", path="model", fix="Check the model.") from error
    except (MemoryError, torch.OutOfMemoryError) as error:
        raise SystemFault(f"The model does not fit the memory of this machine: {error}") from error
    loaded = loaded.to(where).eval().requires_grad_(False)
    fuse(loaded)
    pack_layers(loaded)
    return loaded


def stop_tokens(model: Any, tokenizer: Any) -> list[int]:
    """Every token that ends an answer, for the model or for its tokenizer."""
    declared = model.generation_config.eos_token_id
    tokens = [declared] if isinstance(declared, int) else list(declared or [])
    if tokenizer.eos_token_id is not None and tokenizer.eos_token_id not in tokens:
        tokens.append(int(tokenizer.eos_token_id))
    return tokens


def lay_out(tokenizer: Any, items: Iterable[Item]) -> list[Prompt]:
    """Items through the chat template. Raises `SpecError` naming the item where the template refuses it."""
    prompts = []
    for item in items:
        messages = [message.to_json() for message in item.messages]
        try:
            encoded = tokenizer.apply_chat_template(messages, add_generation_prompt=True, return_dict=True)
        except Exception as error:  # templates raise their own jinja errors, such as "roles must alternate"
            raise SpecError(
                f"The model's chat template refuses item {item.id}: {error}",
                path="messages",
                fix="Rearrange its messages.",
            ) from error
        prompts.append(Prompt(item, list(encoded["input_ids"])))
    return prompts


def check_lengths(prompts: Sequence[Prompt], *, max_new_tokens: int, context: int, split: str) -> None:
    """Raises `SpecError` naming the first item whose prompt and longest answer exceed the context."""
    for prompt in prompts:
        if len(prompt.tokens) + max_new_tokens > context:
            raise SpecError(
                f"Item {prompt.item.id} has a prompt of {len(prompt.tokens)} tokens; with an answer of up to "
                f"{max_new_tokens} tokens it exceeds the model's context of {context}.",
                path=split,
                fix="Shorten the prompt or its worked examples, lower the longest answer, or choose another model.",
            )
