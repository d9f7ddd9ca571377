"""Text as graders compare it (`normalise`), as templates insert it (`as_text`), as reasons quote it (`quote`)."""

import json
import re
import unicodedata
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

_CACHED_LENGTH = 256
_LONG = 4096
# Left out before comparing: zero-width characters, soft hyphen, direction marks. Typographic quotes become plain.
_FOLDED = {
    **dict.fromkeys([0xAD, 0x180E, *range(0x200B, 0x2010), *range(0x202A, 0x202F), *range(0x2060, 0x206A), 0xFEFF]),
    **dict.fromkeys(map(ord, "‘’‚‛′`´"), "'"),
    **dict.fromkeys(map(ord, "“”„‟″«»"), '"'),
    **dict.fromkeys(map(ord, "‐‑‒–—―−"), "-"),
}
_CONTROL = re.compile(r"[\x00-\x08\x0e-\x1b\x7f-\x84\x86-\x9f]")
_INNER_DASH = re.compile(r"(?<=[^\W_])[-_]+(?=[^\W_])")
# `+`, `-`, `#` and `%` stay: A+ and A- are different blood groups.
_EDGES = " .,;:!?*_`'\"~|…•·\\"
_BULLET = re.compile(r"(?:[-+>]|#{1,6})\s+")
_PAIRS = {"(": ")", "[": "]", "{": "}", "<": ">"}
_PIECES = re.compile(r"\s+|\S{1,256}")
_EXCERPT_JUNK = re.compile(r"[\s\x00-\x1f\x7f-\x9f\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff]+")


def as_text(value: Any) -> str:
    """A JSON value as a template inserts it: text unchanged, the rest as JSON. None is empty."""
    if isinstance(value, str):
        return value
    if value is None:
        return ""
    return json.dumps(value, ensure_ascii=False)


def normalise(text: str) -> str:
    """Text without what a reader would not call a difference.

    Ignores case, kinds and amounts of space, width and composition of characters (NFKC), zero-width and
    control characters, a dash or underscore between two words, and punctuation, quotes, brackets and
    Markdown stars around the whole.
    """
    return _cached(text) if len(text) <= _CACHED_LENGTH else _normalise(text)


def _normalise(text: str) -> str:
    if not text.isascii():
        text = _compose(_compose(text.translate(_FOLDED)).translate(_FOLDED).casefold())
    text = _CONTROL.sub("", text).casefold()
    text = _INNER_DASH.sub(" ", " ".join(text.split())).strip(_EDGES)
    while bullet := _BULLET.match(text):
        text = text[bullet.end() :].strip(_EDGES)
    while text and _PAIRS.get(text[0]) == text[-1] and text[0] not in text[1:-1] and text[-1] not in text[1:-1]:
        text = text[1:-1].strip(_EDGES)
    if text.endswith(")") and "(" not in text:
        text = text[:-1].rstrip(_EDGES)
    return text


_cached = lru_cache(maxsize=16384)(_normalise)


def _compose(text: str) -> str:
    """NFKC. Piecewise where the text is long, since ordering a long run of combining marks is quadratic."""
    if len(text) <= _LONG:
        return unicodedata.normalize("NFKC", text)
    return "".join(unicodedata.normalize("NFKC", piece) for piece in _PIECES.findall(text))


def quote(text: str, limit: int = 80) -> str:
    """An excerpt in quotation marks for a reason: one line, printable, safe to encode."""
    excerpt = text[: limit * 4]
    if not (excerpt.isascii() and excerpt.isprintable()):
        excerpt = _EXCERPT_JUNK.sub(" ", excerpt).encode("utf-8", "replace").decode()
    excerpt = excerpt.strip()
    if len(excerpt) > limit or len(text) > limit * 4:
        excerpt = excerpt[: limit - 1].rstrip() + "…"
    return f"“{excerpt}”"


def quote_all(texts: Sequence[str], limit: int = 5) -> str:
    """“a”, “b” and 3 more."""
    shown = ", ".join(quote(text, 40) for text in texts[:limit])
    return f"{shown} and {len(texts) - limit} more" if len(texts) > limit else shown
