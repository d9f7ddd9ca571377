"""Reference answers by answer type: read from text, checked, written as text. Shared by forms, import and publishing.

Every check raises `SpecError` with what to do. Values are stored as the engine expects them: text and choice as str,
number as int or float, ranking and set as list[str], JSON as object or array.
"""

import json
import math
import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from rftstudio.engine.errors import SpecError
from rftstudio.engine.grading.text import normalise, quote, quote_all
from rftstudio.tasksets.text import check_text, check_value

MAX_ENTRIES = 500
LEAST_ROOM, ENDING = 16, 4  # tokens for an answer, however short its label; and for what ends it

_NUMBER = re.compile(r"[-+]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][-+]?\d{1,3})?")
_MARK = re.compile(r"^\s*(?:\d{1,3}[.)]|[-*•])\s+")


def read_answer(raw: Any, answer_type: str, options: Mapping[str, Any], *, path: str = "reference_answer") -> Any:
    """The stored value of an answer that was typed, or stood in a cell. None where it is empty. Raises `SpecError`."""
    if raw is None or (isinstance(raw, str) and not raw.strip()):
        return None
    if isinstance(raw, str):
        check_text(raw, path=path)
        raw = _from_text(raw, answer_type, options, path)
    elif answer_type in ("text", "choice") and isinstance(raw, int | float) and not isinstance(raw, bool):
        raw = str(raw)
    elif answer_type == "choice" and isinstance(raw, list) and len(raw) == 1:
        raw = raw[0]
    if answer_type == "choice" and isinstance(raw, str):
        raw = _same_label(raw, options)
    return check_answer(raw, answer_type, options, path=path)


def check_answer(value: Any, answer_type: str, options: Mapping[str, Any], *, path: str = "reference_answer") -> Any:
    """The value itself when it fits the answer type. Raises `SpecError` naming what is allowed."""
    check_value(value, path=path)
    if answer_type == "text":
        if not isinstance(value, str) or not value.strip():
            raise SpecError("The answer must be text.", path=path, fix="Write the right answer in words.")
    elif answer_type == "number":
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise SpecError(f"{_show(value)} is not a number.", path=path, fix="Write one number, such as 12.5.")
        if isinstance(value, float) and not math.isfinite(value) or abs(value) > 1e300:
            raise SpecError("The number is not finite.", path=path, fix="Write one number, such as 12.5.")
    elif answer_type == "choice":
        labels = choice_labels(options)
        if value not in labels:
            allowed = ", ".join(labels) if labels else "none yet"
            fix = f"Allowed: {allowed}. Choose one of them, or add this one to the task's choices."
            raise SpecError(f"{_show(value)} is not one of the choices.", path=path, fix=fix)
    elif answer_type in ("ranking", "set"):
        _check_list(value, answer_type, path)
    elif answer_type == "json":
        _check_json(value, options, path)
    else:
        raise SpecError(f"Unknown answer type {answer_type!r}.", path="answer_type")
    return value


def choice_labels(options: Mapping[str, Any]) -> list[str]:
    return [choice["label"] for choice in options.get("choices", [])]


def answer_limit(answer_type: str, options: Mapping[str, Any]) -> int | None:
    """Tokens that hold every right answer, where all are known: those of a choice; else None.

    A token is a byte at the least, in any tokenizer that loses nothing.
    """
    labels = choice_labels(options) if answer_type == "choice" else []
    return max(LEAST_ROOM, ENDING + max(len(label.encode()) for label in labels)) if labels else None


def check_options(answer_type: str, options: Mapping[str, Any]) -> None:
    """Raises `SpecError` where the answer type's own settings cannot be used."""
    if answer_type == "choice":
        labels = choice_labels(options)
        if len(labels) < 2:
            raise SpecError("There are fewer than two choices.", path="choices", fix="Add the answers to choose from.")
        seen: dict[str, str] = {}
        for index, label in enumerate(labels):
            key, path = normalise(label), f"choices[{index}]"
            if not key:
                raise SpecError("A choice is empty.", path=path, fix="Write its label, or remove the row.")
            if key in seen:
                same = f"{quote(seen[key])} and {quote(label)} are the same choice."
                raise SpecError(same, path=path, fix="Capitals, spaces and punctuation do not count: keep one.")
            seen[key] = label
    elif answer_type == "json" and options.get("schema"):
        _validator(_canonical(options["schema"]))


def answer_text(value: Any, answer_type: str) -> str:
    """The answer as a person edits it: a list one entry a line, JSON indented."""
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    if answer_type in ("ranking", "set") and isinstance(value, list):
        return "\n".join(str(entry) for entry in value)
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        return str(int(value))
    return json.dumps(value, ensure_ascii=False, indent=2 if answer_type == "json" else None)


def answer_line(value: Any, answer_type: str) -> str:
    """The answer on one line, for tables and CSV cells; `read_answer` reads it back."""
    if isinstance(value, list) and answer_type in ("ranking", "set"):
        plain = all(isinstance(entry, str) and not re.search(r"[;\n|]", entry) for entry in value)
        return "; ".join(value) if plain and len(value) > 1 else json.dumps(value, ensure_ascii=False)
    if answer_type == "json" and value is not None:
        return json.dumps(value, ensure_ascii=False)
    return answer_text(value, answer_type)


def shown_answer(value: Any, answer_type: str) -> str:
    """A worked example's answer as the model is shown it."""
    return answer_text(value, answer_type)


def _from_text(text: str, answer_type: str, options: Mapping[str, Any], path: str) -> Any:
    if answer_type == "number":
        return _number(text, options, path)
    if answer_type in ("ranking", "set"):
        return _entries(text)
    if answer_type == "json":
        return parse_json(text, path=path)
    return text.strip() if answer_type == "choice" else text


def _number(text: str, options: Mapping[str, Any], path: str) -> int | float:
    plain = text.strip().replace("\N{MINUS SIGN}", "-")
    unit = str(options.get("unit", "")).strip()
    if unit and plain.casefold().endswith(unit.casefold()):
        plain = plain[: -len(unit)].rstrip()
    if _NUMBER.fullmatch(plain):
        try:
            return int(plain)
        except ValueError:
            return float(plain)
    fix = "Write one number, such as 12.5."
    if "," in plain:
        fix = "A comma is unclear: write a point before decimals and nothing between thousands, such as 1234.5."
    elif unit:
        fix = f"Write one number, such as 12.5; the unit ({unit}) may follow, no other."
    raise SpecError(f"{quote(text)} is not a number.", path=path, fix=fix)


def _entries(text: str) -> list[Any]:
    """A JSON array, one entry a line, or one line with ; or | or commas between."""
    stripped = text.strip()
    if stripped.startswith("["):
        try:
            value = json.loads(stripped)
        except (ValueError, RecursionError):
            value = None
        if isinstance(value, list):
            return value
    if "\n" in stripped:
        return [entry for line in stripped.splitlines() if (entry := _MARK.sub("", line).strip())]
    for separator in (";", "|", ","):
        if separator in stripped:
            return [entry.strip() for entry in stripped.split(separator) if entry.strip()]
    return [stripped]


def _same_label(text: str, options: Mapping[str, Any]) -> str:
    labels = choice_labels(options)
    if text in labels:
        return text
    key = normalise(text)
    return next((label for label in labels if normalise(label) == key), text)


def _check_list(value: Any, answer_type: str, path: str) -> None:
    kind = "ranked list" if answer_type == "ranking" else "set"
    if not isinstance(value, list):
        raise SpecError(f"The answer must be a {kind}.", path=path, fix="Write one entry a line.")
    if not value:
        raise SpecError(f"The {kind} is empty.", path=path, fix="Write one entry a line.")
    if len(value) > MAX_ENTRIES:
        raise SpecError(
            f"The {kind} has {len(value)} entries; at most {MAX_ENTRIES} fit.", path=path, fix="Shorten it."
        )
    seen: dict[str, str] = {}
    for place, entry in enumerate(value, start=1):
        if not isinstance(entry, str) or not entry.strip():
            raise SpecError(f"Entry {place} is not a text.", path=path, fix="Write one entry a line, none empty.")
        key = normalise(entry) or entry
        if key in seen:
            message = f"{quote(entry, 40)} stands twice in the {kind}."
            raise SpecError(message, path=path, fix="Keep it once; capitals, spaces and punctuation do not count.")
        seen[key] = entry


def parse_json(text: str, *, path: str = "") -> Any:
    """Strict JSON: no NaN, no key twice. Raises `SpecError` with line and column."""
    try:
        return json.loads(text, parse_constant=_refuse_constant, object_pairs_hook=_no_key_twice)
    except json.JSONDecodeError as error:
        place = f"line {error.lineno}, column {error.colno}"
        fix = f"At {place}: {error.msg.lower()}."
        raise SpecError("This is not valid JSON.", path=path, fix=fix) from None
    except RecursionError:
        raise SpecError("This JSON is nested too deep.", path=path, fix="Flatten it.") from None
    except ValueError as error:
        raise SpecError("This JSON cannot be used.", path=path, fix=str(error)[:200]) from None


def _refuse_constant(name: str) -> Any:
    raise ValueError(f"{name} is not JSON: write a number, text or null.")


def _no_key_twice(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        keys = [key for key, _ in pairs]
        twice = next(key for key in keys if keys.count(key) > 1)
        raise ValueError(f"The key {quote(twice, 40)} stands twice in one object. Remove one.")
    return found


def _check_json(value: Any, options: Mapping[str, Any], path: str) -> None:
    if not isinstance(value, dict | list):
        fix = 'Write an object, such as {"diagnosis": "asthma"}.'
        raise SpecError("The answer must be a JSON object or array.", path=path, fix=fix)
    if not options.get("schema"):
        return
    from jsonschema.exceptions import best_match
    from referencing.exceptions import Unresolvable

    validator = _validator(_canonical(options["schema"]))
    try:
        error = best_match(validator.iter_errors(value))
    except (RecursionError, Unresolvable, re.error) as failure:
        fix = f"{type(failure).__name__}: {str(failure)[:120]}. Correct the schema in the task's settings."
        raise SpecError("The schema cannot be applied.", path="schema", fix=fix) from None
    if error is not None:
        place = error.json_path.removeprefix("$").lstrip(".") or "the whole answer"
        fix = f"At {place}: {error.message[:200]}."
        raise SpecError("The answer does not fit the schema.", path=path, fix=fix)


@lru_cache(maxsize=64)
def _validator(schema_text: str) -> Any:
    """The validator of a schema. Nothing is ever fetched for a `$ref`. Raises `SpecError`."""
    from jsonschema import Draft202012Validator
    from jsonschema.exceptions import SchemaError
    from jsonschema.validators import validator_for
    from referencing import Registry

    schema = json.loads(schema_text)
    if not isinstance(schema, dict):
        fix = 'Start it with {"type": "object", "properties": {…}}.'
        raise SpecError("The schema must be a JSON object.", path="schema", fix=fix)
    kind = validator_for(schema, default=Draft202012Validator)
    try:
        kind.check_schema(schema)
    except SchemaError as error:
        place = error.json_path.removeprefix("$").lstrip(".") or "its top"
        raise SpecError(f"The schema is not valid at {place}.", path="schema", fix=f"{error.message[:200]}.") from None
    if foreign := _foreign_reference(schema):
        fix = 'Write the part into "$defs" and refer to it as "#/$defs/NAME".'
        raise SpecError(f"The schema refers to {quote(foreign)}, outside itself.", path="schema", fix=fix)
    return kind(schema, registry=Registry())


def _foreign_reference(schema: Any) -> str:
    waiting = [schema]
    while waiting:
        part = waiting.pop()
        if isinstance(part, dict):
            reference = part.get("$ref", part.get("$dynamicRef"))
            if isinstance(reference, str) and not reference.startswith("#"):
                return reference
            waiting.extend(part.values())
        elif isinstance(part, list):
            waiting.extend(part)
    return ""


def _canonical(value: Any) -> str:
    return json.dumps(value, sort_keys=True, ensure_ascii=False)


def _show(value: Any) -> str:
    if isinstance(value, list):
        return quote_all([str(entry) for entry in value])
    return quote(value if isinstance(value, str) else json.dumps(value, ensure_ascii=False))
