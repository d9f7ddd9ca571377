"""Find the list in an answer: JSON array, numbered, bulleted, one a line, or separated by commas.

It only cuts; what an entry stands for is decided by the vocabulary. Linear in the length of the answer.
"""

import json
import re
from collections.abc import Mapping
from typing import Any

from rftstudio.engine.grading.text import as_text

MAX_ENTRIES = 10_000

_FENCE = re.compile(r"```[\w-]*[ \t]*\n(.*?)```", re.DOTALL)
_NUMBERED = re.compile(
    r"^[ \t>*_]{0,12}\(?#?(?:\d{1,4}[.):]|\d{1,4}[ \t]{0,4}[-–](?=[ \t]))[*_]{0,2}[ \t]+(\S.*)$", re.MULTILINE
)
_BULLETED = re.compile(r"^[ \t>]{0,12}[-*+•‣·–][ \t]+(\S.*)$", re.MULTILINE)
_INLINE_NUMBER = re.compile(r"(?:^|(?<=\s))\(?\d{1,3}[.)]\s+")
_FINALLY = re.compile(
    r"^\W{0,8}(?:(?:final|my|the)\s)?(?:answer|ranking|ranked list|list|result)s?[^:\n]{0,40}:[*_\s]{0,8}(?=\S)",
    re.IGNORECASE,
)
_LEAD_IN = re.compile(r"^([^,;|>\n]{1,80}):\s+(?=\S)")
_SEPARATORS = (
    re.compile(r"\s*[;|]\s*"),
    re.compile(r"\s+(?:>|->|=>|→)\s+"),
    re.compile(r"\s*(?:,|、|，)\s*(?!\d{3}\b)"),
)
_CONJUNCTION = re.compile(r"^(?:and|or)\s+", re.IGNORECASE)
_COMMENT = re.compile(r"\s*(?::\s|\s[-–—]+\s|\s\(|\s\[|,\s).*$", re.DOTALL)


def parse_list(value: Any) -> list[str]:
    """The entries in order, as written, without list marks. Empty where there are none; at most 10,000."""
    if isinstance(value, str):
        entries = _from_text(value)
    elif isinstance(value, list | tuple):
        entries = [_entry(element) for element in value[:MAX_ENTRIES]]
    elif isinstance(value, Mapping):
        entries = _from_object(value)
    else:
        entries = [as_text(value)]
    return [entry for entry in entries[:MAX_ENTRIES] if entry and not entry.isspace()]


def without_comment(entry: str) -> str:
    """`BRCA1 (breast cancer)`, `BRCA1: because` and `BRCA1 - because` without what follows the name."""
    return _COMMENT.sub("", entry[:512])


def _from_text(text: str) -> list[str]:
    text = text.strip()
    fenced = _FENCE.search(text) if "```" in text else None
    body = fenced[1].strip() if fenced else text
    parsed = _from_json(body)
    if parsed is not None:
        return parsed
    for pattern in (_NUMBERED, _BULLETED):
        entries = pattern.findall(body)
        if len(entries) > 1 or (entries and "\n" not in body and len(_INLINE_NUMBER.findall(body)) < 2):
            return [entry.strip().rstrip(",;") for entry in entries]
    lines = [line for line in body.splitlines() if line.strip()]
    if len(lines) > 1 and (finally_ := _FINALLY.match(lines[-1])):
        lines = [lines[-1][finally_.end() :]]
    elif len(lines) > 1 and lines[0].rstrip(" *_").endswith(":"):
        lines = lines[1:]
    if len(lines) > 1:
        return [line.strip().rstrip(",;") for line in lines]
    return _from_line(" ".join(lines[0].split())) if lines else []


def _from_line(line: str) -> list[str]:
    lead_in = _LEAD_IN.match(line)
    # `Answer: BRCA1` has a lead-in, `OMIM: 154700` is a name: only an ordinary word is a lead-in.
    if lead_in and any(letter.islower() for letter in lead_in[1]) and not _INLINE_NUMBER.match(line):
        line = line[lead_in.end() :]
    if line.startswith("[") and line.endswith("]"):
        line = line[1:-1]
    if len(_INLINE_NUMBER.findall(line)) > 1:
        pieces = _INLINE_NUMBER.split(line)
        return [piece.strip().rstrip(",;") for piece in pieces if piece.strip()]
    for separator in _SEPARATORS:
        pieces = separator.split(line)
        if len(pieces) > 1:
            last = _CONJUNCTION.sub("", pieces[-1].strip())
            head, joined, tail = last.partition(" and ")
            # `A, B and C` ends in two entries, `A, B, and C` in one.
            ending = [head, tail] if joined and last == pieces[-1].strip() else [last]
            return [piece.strip() for piece in (*pieces[:-1], *ending)]
    return [line.strip()]


def _from_json(text: str) -> list[str] | None:
    start, end = text.find("["), text.rfind("]")
    candidates = [text] if text[:1] in ("[", "{", '"') else []
    if 0 <= start < end:
        candidates.append(text[start : end + 1])
    for candidate in candidates:
        try:
            value = json.loads(candidate)
        except (ValueError, RecursionError):
            continue
        if isinstance(value, list):
            # `[1]` inside a sentence is a citation, not a list.
            if candidate is not text and not any(isinstance(element, str | dict) for element in value):
                continue
            return [_entry(element) for element in value[:MAX_ENTRIES]]
        if isinstance(value, dict):
            return _from_object(value)
        if isinstance(value, str):
            return _from_text(value) if value != text else None
    return None


def _from_object(value: Mapping[str, Any]) -> list[str]:
    """The one list inside an object, `{"genes": [...]}`; otherwise its values."""
    lists = [element for element in value.values() if isinstance(element, list)]
    elements = lists[0] if len(lists) == 1 else list(value.values())
    return [_entry(element) for element in elements[:MAX_ENTRIES]]


def _entry(element: Any) -> str:
    """An element as text; of an object, its first text: `{"gene": "BRCA1", "score": 0.9}` is BRCA1."""
    if isinstance(element, Mapping):
        texts = [value for value in element.values() if isinstance(value, str)]
        if texts:
            return texts[0]
    return as_text(element)
