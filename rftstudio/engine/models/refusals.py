"""Why a model is not taken: unsafe, no text generator, incomplete, never taught to answer. Each with a way out.

One set of rules for the hub, for local directories and for the engine before it loads anything. Whether the machine
is large enough is another question: `memory.py`.
"""

from dataclasses import dataclass
from typing import Any

from rftstudio.engine.errors import SpecError
from rftstudio.engine.models.architectures import is_built_in
from rftstudio.engine.models.contents import ADAPTER, INDEX, Contents, safe_name
from rftstudio.engine.models.template import template_problem

PICKLED = (".bin", ".pt", ".pth", ".ckpt", ".pkl", ".pickle", ".msgpack", ".h5")
TOKENIZER_FIX = "Save its fast tokenizer beside the weights, or choose a model that has one."


@dataclass(frozen=True)
class Refusal:
    """kind: of a fixed set, for tests and styles. message: what is wrong. fix: what to do."""

    kind: str
    message: str
    fix: str

    def to_json(self) -> dict[str, str]:
        return {"kind": self.kind, "message": self.message, "fix": self.fix}


def refusals(contents: Contents) -> list[Refusal]:
    """Every reason, the gravest first; none for a model that may be used."""
    if odd := [name for name in contents.files if not safe_name(name)]:
        return [
            Refusal(
                "names",
                f"{contents.name} lists a file called {odd[0][:80]!r}, which would lead out of its directory.",
                "Do not use it; tell the hub about it.",
            )
        ]
    found = [*_weights(contents), *_code(contents)]
    if "config.json" not in contents.files:
        told = [refusal for refusal in found if refusal.kind != "weights"]
        missing = f"There is no config.json in {contents.name}."
        return told or [Refusal("config", missing, "Choose a whole Hugging Face model.")]
    return [*found, *_architecture(contents), *_quantised(contents), *_tokenizer(contents), *_template(contents)]


def require_usable(contents: Contents) -> None:
    """Raises `SpecError` (path "base_model") with the first reason."""
    for refusal in refusals(contents):
        raise SpecError(refusal.message, path="base_model", fix=refusal.fix)


def _weights(contents: Contents) -> list[Refusal]:
    files, name = contents.files, contents.name
    if contents.weights:
        missing = [file for file in contents.weights if file not in files]
        if not missing:
            return []
        message = f"{name} lacks {missing[0]}, which {INDEX} names."
        return [Refusal("incomplete", message, "Fetch or copy the model again.")]
    if ADAPTER in files:
        message = f"{name} is an adapter, not a model: it holds no weights of its own."
        return [Refusal("adapter", message, "Add the base model that its adapter_config.json names.")]
    if any(file.endswith(".gguf") for file in files):
        message = f"{name} holds GGUF files only, which are for answering, not for training."
        return [Refusal("gguf", message, "Choose the original model in safetensors; its page usually links to it.")]
    if any(file.endswith(PICKLED) for file in files):
        message = f"{name} has no safetensors weights, only pickled ones. These are never opened: they can run code."
        fix = "Choose a version with safetensors, or convert it elsewhere with `model.save_pretrained(directory)`."
        return [Refusal("pickle", message, fix)]
    message = f"There are no safetensors weights in {name}."
    return [Refusal("weights", message, "Convert the model to safetensors first.")]


def _code(contents: Contents) -> list[Refusal]:
    """Its own Python code is never run; where transformers has the architecture built in, it is not needed."""
    built_in = is_built_in(contents.model_type, contents.architecture)
    if "auto_map" in contents.config and not built_in:
        message = f"{contents.name} needs its own Python code, which is never run."
        return [Refusal("code", message, "Choose a model of an architecture that transformers has built in.")]
    own_tokenizer = contents.tokenizer_config.get("auto_map")
    if own_tokenizer and "tokenizer.json" not in contents.files:
        message = f"The tokenizer of {contents.name} needs its own Python code, which is never run."
        return [Refusal("code", message, TOKENIZER_FIX)]
    return []


def _architecture(contents: Contents) -> list[Refusal]:
    if "auto_map" in contents.config or is_built_in(contents.model_type, contents.architecture) is not False:
        return []
    what = contents.architecture or contents.model_type
    message = f"{contents.name} is a {what}, which transformers does not know as a model that writes text."
    return [Refusal("architecture", message, "Choose a causal language model (…ForCausalLM).")]


def _quantised(contents: Contents) -> list[Refusal]:
    quantised = contents.config.get("quantization_config")
    if not quantised:
        return []
    how = quantised.get("quant_method", "") if isinstance(quantised, dict) else ""
    message = f"The weights of {contents.name} are quantised{f' ({how})' if how else ''}, which cannot be trained here."
    return [Refusal("quantised", message, "Choose the version with whole weights (bfloat16, float16 or float32).")]


def _tokenizer(contents: Contents) -> list[Refusal]:
    if "tokenizer.json" in contents.files:
        return []
    return [Refusal("tokenizer", f"There is no tokenizer.json in {contents.name}.", TOKENIZER_FIX)]


def _template(contents: Contents) -> list[Refusal]:
    template: Any = contents.chat_template
    if not template:
        message = f"{contents.name} has no chat template, so it was never taught to answer."
        return [Refusal("template", message, "Choose the instruct or chat version of it.")]
    if problem := template_problem(template, contents.tokenizer_config):
        message = f"The chat template of {contents.name} is broken: {problem}."
        return [Refusal("template", message, "Choose another model, or mend its chat_template.jinja.")]
    return []
