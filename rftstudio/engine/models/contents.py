"""What a model consists of: its files, its configuration, its chat template. Read from a directory without torch.

Only the top level counts, and of the weights only those that transformers would load. Nothing is unpickled, unpacked
or run; JSON is read up to a limit.
"""

import json
import math
import re
import struct
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rftstudio.engine.errors import SpecError

SINGLE = "model.safetensors"
INDEX = "model.safetensors.index.json"
ADAPTER = "adapter_config.json"
FALLBACK_CONTEXT = 2048  # tokens, where the configuration does not say
CONTEXT_KEYS = ("max_position_embeddings", "n_positions", "n_ctx", "max_sequence_length", "seq_length")
MAX_JSON = 64 * 1024 * 1024  # bytes; the largest tokenizers have some thirty million
MAX_HEADER = 100_000_000
PIECE = re.compile(r"model-\d{5}-of-\d{5}\.safetensors")
# What is taken besides the weights. Neither Python files nor pickles nor weights of other libraries.
ACCOMPANYING = re.compile(
    r"(config|generation_config|tokenizer|tokenizer_config|special_tokens_map|added_tokens|vocab|"
    r"preprocessor_config|chat_template)\.json|chat_template\.jinja|merges\.txt|vocab\.txt|"
    r"tokenizer\.model|(LICEN[CS]E|NOTICE|USE_POLICY)(\.(md|txt))?|README\.md"
)
BYTES_OF = {"F64": 8, "F32": 4, "F16": 2, "BF16": 2, "I64": 8, "I32": 4, "I16": 2, "I8": 1, "U8": 1, "BOOL": 1}


@dataclass(frozen=True)
class Contents:
    """files: name to bytes, of the top level. index: of weights in several files. dtype: as stored, such as "BF16"."""

    name: str
    files: Mapping[str, int]
    config: dict[str, Any] = field(default_factory=dict)
    tokenizer_config: dict[str, Any] = field(default_factory=dict)
    chat_template: Any = ""  # text, or several by name as [{"name", "template"}]
    index: dict[str, Any] = field(default_factory=dict)
    n_parameters: int | None = None
    dtype: str = ""

    @property
    def architecture(self) -> str:
        named = self.config.get("architectures")
        return str(named[0] if isinstance(named, list) and named else self.config.get("model_type", ""))

    @property
    def model_type(self) -> str:
        return str(self.config.get("model_type", ""))

    @property
    def weights(self) -> list[str]:
        return weight_files(self.files, self.index)

    @property
    def size_bytes(self) -> int:
        """Of the weights."""
        return sum(self.files.get(name, 0) for name in self.weights)

    @property
    def wanted(self) -> list[str]:
        """Every file that is of use, the small ones first, so that what is wrong with them shows early."""
        small = [name for name in self.files if ACCOMPANYING.fullmatch(name)]
        more = [INDEX] if SINGLE not in self.files and INDEX in self.files else []
        return sorted({*small, *more}) + self.weights

    @property
    def context_length(self) -> int:
        return context_of(self.config)


def weight_files(files: Iterable[str], index: Mapping[str, Any]) -> list[str]:
    """The files that transformers would read: one, or those of the index. Names that lead elsewhere are not taken."""
    there = set(files)
    if SINGLE in there:
        return [SINGLE]
    named = index.get("weight_map")
    pieces = {str(name) for name in named.values()} if isinstance(named, dict) else set()
    if not pieces:  # the index cannot always be read: of a closed model a hub shows the names only
        pieces = {name for name in there if PIECE.fullmatch(name)}
    return sorted(name for name in pieces if safe_name(name))


def safe_name(name: str) -> bool:
    """Whether a name stays where it is put: no folder, no way out, nothing that cannot be shown."""
    return bool(name) and name.isprintable() and not set(name) & set("/\\:\0") and name not in (".", "..")


def context_of(config: Mapping[str, Any]) -> int:
    """Tokens that a configuration allows, that of its text part where it has several."""
    text = config.get("text_config")
    for place in (config, text if isinstance(text, dict) else {}):
        for key in CONTEXT_KEYS:
            value = place.get(key)
            if isinstance(value, int) and not isinstance(value, bool) and value > 0:
                return value
    return FALLBACK_CONTEXT


def read_directory(directory: Path) -> Contents:
    """Raises `SpecError` (path "base_model") where the directory or a file in it cannot be read."""
    if not directory.is_dir():
        raise error(f"The directory {directory} is not there.", "Fetch the model again, or choose another one.")
    try:
        files = {entry.name: entry.stat().st_size for entry in directory.iterdir() if entry.is_file()}
    except OSError as problem:
        raise error(f"{directory} cannot be read ({problem}).", "Let the studio's user read it.") from problem
    config = read_json(directory / "config.json") if "config.json" in files else {}
    tokenizer = read_json(directory / "tokenizer_config.json") if "tokenizer_config.json" in files else {}
    index = read_json(directory / INDEX) if INDEX in files else {}
    n_parameters, dtypes = 0, dict[str, int]()
    for name in weight_files(files, index):
        if name in files:
            for dtype, count in read_header(directory / name).items():
                n_parameters += count
                dtypes[dtype] = dtypes.get(dtype, 0) + count
    return Contents(
        name=directory.name,
        files=files,
        config=config,
        tokenizer_config=tokenizer,
        chat_template=_template(directory, files, tokenizer),
        index=index,
        n_parameters=n_parameters or None,
        dtype=max(dtypes, key=lambda name: dtypes[name]) if dtypes else "",
    )


def read_header(path: Path) -> dict[str, int]:
    """Numbers held in a safetensors file by dtype, from its header. Raises `SpecError` where that is broken."""
    found: dict[str, int] = {}
    try:
        with path.open("rb") as file:
            (length,) = struct.unpack("<Q", file.read(8))
            if length > MAX_HEADER:
                raise ValueError("its header is too long")
            header: dict[str, Any] = json.loads(file.read(length))
            end = 8 + length
            for name, entry in header.items():
                if name != "__metadata__":
                    found[str(entry["dtype"])] = found.get(str(entry["dtype"]), 0) + math.prod(entry["shape"])
                    end = max(end, 8 + length + int(entry["data_offsets"][1]))
        if path.stat().st_size < end:
            raise ValueError("its end is missing")
    except (OSError, ValueError, KeyError, IndexError, TypeError, AttributeError, struct.error, RecursionError) as why:
        raise error(f"{path.name} is not a whole safetensors file ({why}).", "Fetch the model again.") from why
    return found


def read_json(path: Path) -> dict[str, Any]:
    """Raises `SpecError` where it is missing, too long or no object."""
    try:
        if path.stat().st_size > MAX_JSON:
            raise ValueError(f"it has more than {MAX_JSON // 1_000_000} MB")
        content = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise error(f"There is no {path.name} in {path.parent}.", "Point to the directory of a whole model.") from None
    except (OSError, ValueError, RecursionError) as why:
        raise error(f"{path} cannot be read ({why}).", "Fetch the model again.") from why
    if not isinstance(content, dict):
        raise error(f"{path} does not hold an object.", "Fetch the model again.")
    return content


def read_template(directory: Path) -> tuple[Any, dict[str, Any]]:
    """A directory's chat template (empty where it has none) and its tokenizer's configuration. Raises `SpecError`."""
    names = ("chat_template.jinja", "chat_template.json", "tokenizer_config.json")
    files = {name: 0 for name in names if (directory / name).is_file()}
    tokenizer = read_json(directory / "tokenizer_config.json") if "tokenizer_config.json" in files else {}
    return _template(directory, files, tokenizer), tokenizer


def _template(directory: Path, files: Mapping[str, int], tokenizer: Mapping[str, Any]) -> Any:
    if "chat_template.jinja" in files:
        try:
            return (directory / "chat_template.jinja").read_text(encoding="utf-8")
        except (OSError, ValueError) as why:
            raise error(f"chat_template.jinja cannot be read ({why}).", "Fetch the model again.") from why
    if "chat_template.json" in files:
        return read_json(directory / "chat_template.json").get("chat_template") or ""
    return tokenizer.get("chat_template") or ""


def error(message: str, fix: str) -> SpecError:
    return SpecError(message, path="base_model", fix=fix)
