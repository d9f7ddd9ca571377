"""What a model's directory says about it, and every reason not to use it. The rules are the engine's; no torch."""

from dataclasses import dataclass
from pathlib import Path

from rftstudio.engine.models.contents import read_directory, read_header
from rftstudio.engine.models.refusals import require_usable


@dataclass(frozen=True)
class ModelFacts:
    """size_bytes: of the weights on disk."""

    architecture: str
    context_length: int
    n_parameters: int
    size_bytes: int


def read_model(directory: Path) -> ModelFacts:
    """Raises `SpecError` (path "base_model") that says what is wrong or missing and what to do."""
    contents = read_directory(directory)
    require_usable(contents)
    return ModelFacts(
        architecture=contents.architecture,
        context_length=contents.context_length,
        n_parameters=contents.n_parameters or 0,
        size_bytes=contents.size_bytes,
    )


def count_parameters(path: Path) -> int:
    """Numbers held in a safetensors file, from its header. Raises `SpecError` where that is broken."""
    return sum(read_header(path).values())
