"""What is kept about a model once it is here: facts for people, and hashes, so that a change is noticed."""

import hashlib
import os
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from rftstudio.engine.errors import SpecError
from rftstudio.engine.models.contents import Contents
from rftstudio.engine.models.memory import need_of, this_machine

CHUNK = 4 << 20
SHAPE = (
    "hidden_size", "n_embd", "d_model", "num_hidden_layers", "n_layer", "num_layers", "intermediate_size", "n_inner",
    "ffn_dim", "vocab_size",
)  # fmt: skip


def facts_of(directory: Path, contents: Contents, moved: Callable[[int], None] | None = None) -> dict[str, Any]:
    """Plain JSON. moved: is told the bytes hashed so far. Raises `SpecError` where a file is gone meanwhile."""
    files, done = [], 0
    for name in contents.wanted:
        path = directory / name
        try:
            seen = path.stat()
            hashed = digest(path, "sha256", partial(_onward, moved, done) if moved else None)
        except OSError as error:
            message = f"{name} cannot be read ({error})."
            raise SpecError(message, path="base_model", fix="Copy the model again.") from error
        files.append({"name": name, "size": seen.st_size, "mtime_ns": seen.st_mtime_ns, "sha256": hashed})
        done += seen.st_size
    text = contents.config.get("text_config")
    config = {**contents.config, **(text if isinstance(text, dict) else {})}
    shape = {key: config[key] for key in SHAPE if isinstance(config.get(key), int)}
    return {
        "architecture": contents.architecture,
        "model_type": contents.model_type,
        "context_length": contents.context_length,
        "n_parameters": contents.n_parameters,
        "dtype": contents.dtype,
        "size_bytes": contents.size_bytes,
        "total_bytes": done,
        "shape": shape,
        "files": files,
        "content_hash": content_hash(files),
        "need": need_of(contents.n_parameters or 0, shape, this_machine()).to_json(),
    }


def _onward(moved: Callable[[int], None], before: int, count: int) -> None:
    moved(before + count)


def content_hash(files: Sequence[Mapping[str, Any]]) -> str:
    """Of names and contents: the same for the same model wherever it lies."""
    lines = sorted(f"{file['sha256']}  {file['name']}\n" for file in files)
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def changed_files(directory: Path, files: Sequence[Mapping[str, Any]]) -> list[str]:
    """Files whose size or date is not what was noted, or that are gone. Reads no content: launches ask for it."""
    changed = []
    for file in files:
        try:
            seen = os.stat(directory / str(file["name"]))
        except OSError:
            changed.append(str(file["name"]))
            continue
        if (seen.st_size, seen.st_mtime_ns) != (file["size"], file["mtime_ns"]):
            changed.append(str(file["name"]))
    return changed


def digest(path: Path, kind: str, moved: Callable[[int], object] | None = None) -> str:
    """The sha256 of a file, or its "git" name, which is a SHA-1 over its length and content."""
    found = hashlib.sha256()
    if kind == "git":
        found = hashlib.sha1(f"blob {path.stat().st_size}\0".encode(), usedforsecurity=False)
    done = 0
    with path.open("rb") as file:
        while chunk := file.read(CHUNK):
            found.update(chunk)
            done += len(chunk)
            if moved:
                moved(done)
    return found.hexdigest()
