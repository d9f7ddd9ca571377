"""Reading what a judge answers: the server's envelope, then the JSON object in it, strictly.

Each failure has its own flag: what came from no judge at all (`model_grader_server_error`), a judge that would not
(`model_grader_refusal_error`), a verdict that cannot be read (`model_grader_parse_error`).
"""

import json
import re
from collections.abc import Mapping
from typing import Any, NamedTuple

from rftstudio.engine.grading.failure import NoScore
from rftstudio.engine.grading.json_text import MAX_DEPTH, is_deeper_than
from rftstudio.engine.grading.text import quote

_THOUGHTS = re.compile(r"\A\s*<think(?:ing)?>.*?</think(?:ing)?>", re.DOTALL | re.IGNORECASE)
_FENCED = re.compile(r"\A```[\w-]*[ \t]*\n(.*)\n[ \t]*```\Z", re.DOTALL)
_REFUSES = re.compile(
    r"\A\W*(?:i[’']?m sorry|i am sorry|sorry,|i apologi[sz]e|i can(?:[’']?t|not)|i won[’']?t"
    r"|i[’']?m (?:not able|unable)|i am (?:not able|unable)|as an ai\b)",
    re.IGNORECASE,
)
_CHARACTERS_PER_TOKEN = 4


class Completion(NamedTuple):
    """A judge's text and the tokens it took. problem: why the text is of no use, where it is not."""

    text: str
    tokens_in: int
    tokens_out: int
    problem: NoScore | None = None


def read_completion(name: str, body: bytes, *, asked: int) -> Completion:
    """The text in a chat completion. asked: characters that were sent. Raises `NoScore` where it is none."""
    try:
        row = json.loads(body)
    except (ValueError, RecursionError):
        raise NoScore("model_grader_server_error", _no_json(name, body)) from None
    if isinstance(row, dict) and row.get("error") and not row.get("choices"):
        raise NoScore("model_grader_server_error", f"The judge “{name}” reports: {complaint(body)}.")
    try:
        choice = row["choices"][0]
        said = choice["message"]
        text, refusal = _text(said.get("content")), said.get("refusal")
    except (KeyError, IndexError, TypeError, AttributeError):
        message = f"The judge “{name}” answered with JSON that is no chat completion. Check its base URL."
        raise NoScore("model_grader_server_error", message) from None
    problem: NoScore | None = None
    if refusal or choice.get("finish_reason") == "content_filter":
        why = f": {quote(str(refusal), 200)}" if refusal else ", its content filter stepped in"
        problem = NoScore("model_grader_refusal_error", f"The judge “{name}” refused{why}.")
    elif choice.get("finish_reason") == "length":
        problem = NoScore("model_grader_parse_error", f"The judge “{name}” was cut off before its verdict.")
    usage = row.get("usage")
    usage = usage if isinstance(usage, dict) else {}
    return Completion(
        text,
        _count(usage.get("prompt_tokens"), asked),
        _count(usage.get("completion_tokens"), len(text)),
        problem,
    )


def read_object(text: str) -> dict[str, Any]:
    """The one JSON object that a reply is, but for thoughts before it and a fence around it. Raises `NoScore`."""
    plain = _THOUGHTS.sub("", text).strip()
    if fenced := _FENCED.match(plain):
        plain = fenced[1].strip()
    try:
        found = json.loads(plain, parse_constant=_refuse, object_pairs_hook=_once)
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict) or is_deeper_than(found, MAX_DEPTH):
        if _REFUSES.match(plain):
            raise NoScore("model_grader_refusal_error", f"The judge refused: {quote(plain, 200)}.")
        said = quote(plain, 120) if plain else "nothing"
        raise NoScore("model_grader_parse_error", f"The judge's reply is not the JSON asked for. It says {said}.")
    return found


def want(found: Mapping[str, Any], name: str) -> Any:
    """A value of the reply. Raises `NoScore`."""
    if name not in found:
        raise NoScore("model_grader_parse_error", f"The judge's reply has no “{name}”.")
    return found[name]


def complaint(body: bytes) -> str:
    """What a server says is wrong, in one short line."""
    try:
        row = json.loads(body)
        error = row.get("error", row) if isinstance(row, dict) else row
        message = error.get("message") or error.get("detail") if isinstance(error, dict) else error
        text = message if isinstance(message, str) else json.dumps(message)
    except (ValueError, RecursionError):
        text = body[:2000].decode("utf-8", "replace")
        text = re.sub(r"<[^>]{0,500}>", " ", text)
    return quote(text, 200).rstrip(".")


def _text(content: Any) -> str:
    """Content as text or as a list of parts."""
    if isinstance(content, list):
        return "".join(str(part.get("text") or "") for part in content if isinstance(part, dict))
    return content if isinstance(content, str) else ""


def _count(given: Any, characters: int) -> int:
    if isinstance(given, int) and not isinstance(given, bool) and given >= 0:
        return given
    return -(-characters // _CHARACTERS_PER_TOKEN)


def _no_json(name: str, body: bytes) -> str:
    if body.lstrip()[:1] == b"<":
        return f"The judge “{name}” answered with a web page in place of JSON. Check its address; it often ends in /v1."
    if not body.strip():
        return f"The judge “{name}” answered with nothing."
    return f"The judge “{name}” answered with something that is not JSON: {complaint(body)}."


def _refuse(constant: str) -> Any:
    raise ValueError(f"{constant} is not JSON")


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object whose names stand once: of two verdicts in a reply, neither can be taken."""
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a name stands twice")
    return found
