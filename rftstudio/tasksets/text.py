"""Which text may be kept: no NUL bytes, no control or direction-changing characters, no giant cells.

Says what is wrong and what to do about it; it never repairs silently.
"""

import re
import unicodedata
from collections.abc import Iterator
from typing import Any

from rftstudio.engine.errors import SpecError

MAX_TEXT = 100_000  # characters in one cell; far beyond what any context holds
MAX_TAGS = 20
MAX_TAG = 40
MAX_TAG_TEXT = 400  # all of an item's tags together; they stand in an index, whose rows databases bound
MAX_DEPTH = 32

# C0 and C1 controls but tab and line ends; embeddings, overrides and isolates that reorder what one reads; halves of
# surrogate pairs, which no database stores; the two non-characters.
_FAULT = re.compile(
    r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x84\x86-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff\ufffe\uffff]"
)


def check_text(text: str, *, path: str = "") -> None:
    """Raises `SpecError` where the text cannot be kept."""
    if len(text) > MAX_TEXT:
        raise SpecError(
            f"This text has {len(text):,} characters; at most {MAX_TEXT:,} can be kept.",
            path=path,
            fix="Shorten it, or split it into several items.",
        )
    if text.isascii() and text.isprintable():
        return
    found = _FAULT.search(text)
    if found is None:
        return
    character, place = found[0], found.start() + 1
    code = f"U+{ord(character):04X}"
    if character == "\0":
        what, fix = "a NUL byte", "Save the file as plain text in UTF-8, or remove it."
    elif "\u202a" <= character <= "\u2069":
        name = unicodedata.name(character, code).lower()
        what, fix = f"an invisible character that changes the reading direction ({name}, {code})", "Remove it."
    elif "\ud800" <= character <= "\udfff":
        what, fix = f"half of a character ({code})", "Write the character itself in place of its \\u escapes."
    else:
        what, fix = f"a control character ({code})", "Remove it."
    raise SpecError(f"Character {place:,} is {what}.", path=path, fix=fix)


def check_value(value: Any, *, path: str = "") -> None:
    """`check_text` on every text inside a JSON value, keys too; bounds its depth. Raises `SpecError`."""
    if isinstance(value, str):
        check_text(value, path=path)
        return
    for depth, text in _texts(value):
        if depth > MAX_DEPTH:
            raise SpecError(f"This value is nested more than {MAX_DEPTH} deep.", path=path, fix="Flatten it.")
        check_text(text, path=path)


def _texts(value: Any) -> Iterator[tuple[int, str]]:
    """Every text in a JSON value with its depth, without recursion."""
    waiting = [(0, value)]
    while waiting:
        depth, part = waiting.pop()
        if isinstance(part, str):
            yield depth, part
        elif isinstance(part, dict):
            yield depth, ""
            for key, inner in part.items():
                yield depth, str(key)
                if depth <= MAX_DEPTH:
                    waiting.append((depth + 1, inner))
        elif isinstance(part, list | tuple):
            yield depth, ""
            if depth <= MAX_DEPTH:
                waiting.extend((depth + 1, inner) for inner in part)


def read_tags(value: Any, *, path: str = "tags") -> list[str]:
    """Tags from a list, or from text with commas, semicolons or line ends between them. Raises `SpecError`."""
    if value is None:
        return []
    if isinstance(value, str):
        parts = re.split(r"[,;\n|]", value)
    elif isinstance(value, list | tuple) and all(isinstance(part, str) for part in value):
        parts = list(value)
    else:
        raise SpecError("Tags must be text or a list of texts.", path=path, fix="Write them with commas between.")
    tags = list(dict.fromkeys(" ".join(part.replace("|", " ").split()) for part in parts))
    tags = [tag for tag in tags if tag]
    if len(tags) > MAX_TAGS:
        raise SpecError(f"There are {len(tags)} tags; at most {MAX_TAGS} fit.", path=path, fix="Remove some.")
    for tag in tags:
        check_text(tag, path=path)
        if len(tag) > MAX_TAG:
            message = f"The tag “{tag[:20]}…” has {len(tag)} characters; at most {MAX_TAG} fit."
            raise SpecError(message, path=path, fix="Shorten it, or put the text into the notes.")
    if sum(map(len, tags)) > MAX_TAG_TEXT:
        message = f"The tags have more than {MAX_TAG_TEXT} characters together."
        raise SpecError(message, path=path, fix="Shorten them, or put the text into the notes.")
    return tags


SPLIT_WORDS = {
    "train": "train", "training": "train", "trn": "train",
    "validation": "validation", "valid": "validation", "val": "validation", "dev": "validation", "eval": "validation",
    "test": "test", "testing": "test", "holdout": "test", "hold-out": "test", "held out": "test",
}  # fmt: skip


def read_split(value: Any, *, path: str = "split") -> str:
    """A split by any of its usual names; "" for none yet. Raises `SpecError`."""
    if value is None or value == "":
        return ""
    word = value.strip().casefold() if isinstance(value, str) else None
    if word == "":
        return ""
    if word is None or word not in SPLIT_WORDS:
        raise SpecError(
            f"“{str(value)[:40]}” is not a split.", path=path, fix="Write train, validation or test, or leave it empty."
        )
    return SPLIT_WORDS[word]
