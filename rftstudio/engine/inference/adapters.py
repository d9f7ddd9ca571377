"""LoRA adapters on a loaded model: read from a checkpoint, put on, taken off.

peft is imported when the first adapter is: the base model needs none of it.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from rftstudio.engine.errors import SpecError
from rftstudio.engine.inference.folded import fold


def add_adapter(model: Any, name: str, path: Path) -> Any:
    """The model with the adapter of `path` under `name`. Raises `SpecError` when it does not fit the model."""
    from peft import PeftModel

    try:
        if isinstance(model, PeftModel):
            model.load_adapter(str(path), adapter_name=name, is_trainable=False, use_safetensors=True)
            return model
        tuned = PeftModel.from_pretrained(model, str(path), adapter_name=name, use_safetensors=True).eval()
        fold(tuned)
        return tuned
    except (ValueError, RuntimeError, KeyError, OSError) as error:
        raise SpecError(
            f"The adapter in {path.name} does not fit the model: {error}",
            path=f"adapters.{name}",
            fix="Choose a checkpoint that was trained on this model.",
        ) from error


@contextmanager
def only_adapter(model: Any, name: str | None) -> Iterator[None]:
    """While inside, the model answers with the adapter `name`, or with none."""
    if name is not None:
        model.set_adapter(name)
        model.requires_grad_(False)
        yield
    elif hasattr(model, "disable_adapter"):
        with model.disable_adapter():
            yield
    else:
        yield
