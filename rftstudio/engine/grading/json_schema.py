"""Check an answer against a JSON Schema (jsonschema), with what a hostile answer could abuse taken out.

Never fetches a schema from elsewhere: only references inside the schema itself. Patterns run under a time limit, and
`uniqueItems` in linear time. `format` is not checked.
"""

import json
from collections.abc import Iterator, Mapping
from importlib import import_module
from typing import Any

from rftstudio.engine.grading.failure import FieldError, NoScore
from rftstudio.engine.grading.json_text import MAX_DEPTH, is_deeper_than

PATTERN_SECONDS = 0.2


class SchemaCheck:
    """A compiled schema. Raises `FieldError` when it is not a valid one."""

    def __init__(self, schema: Mapping[str, Any]) -> None:
        if is_deeper_than(schema, MAX_DEPTH):
            raise FieldError(f"The schema is nested deeper than {MAX_DEPTH} levels.", fix="Make it flatter.")
        _refuse_unsupported(schema)
        validators, exceptions = import_module("jsonschema.validators"), import_module("jsonschema.exceptions")
        kind = validators.validator_for(schema, default=validators.Draft202012Validator)
        try:
            kind.check_schema(schema)
        except exceptions.SchemaError as failure:
            at = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in failure.absolute_path)
            raise FieldError(failure.message[:300], fix="Correct the JSON Schema.", at=at) from None
        bounded = validators.extend(kind, {"pattern": _pattern, "uniqueItems": _unique_items})
        self._validator = bounded(schema, registry=import_module("referencing").Registry())

    def problem(self, value: Any) -> str | None:
        """None when valid, otherwise where it is not and why. Raises `NoScore`."""
        try:
            failure = next(iter(self._validator.iter_errors(value)), None)
        except RecursionError:
            raise NoScore("other_error", "The schema refers to itself without end.") from None
        except import_module("referencing.exceptions").Unresolvable as unknown:
            raise NoScore("other_error", f"The schema refers to {unknown.ref}, which it does not contain.") from None
        if failure is None:
            return None
        where = failure.json_path.removeprefix("$").removeprefix(".")
        message = failure.message if len(failure.message) <= 200 else failure.message[:199] + "…"
        return f"{where}: {message}" if where else message


def _refuse_unsupported(schema: Any) -> None:
    waiting: list[tuple[str, Any]] = [("", schema)]
    while waiting:
        at, node = waiting.pop()
        if isinstance(node, list):
            waiting += [(f"{at}[{index}]", child) for index, child in enumerate(node)]
        if not isinstance(node, Mapping):
            continue
        reference = node.get("$ref")
        if isinstance(reference, str) and not reference.startswith("#"):
            message = f"The schema refers to {reference[:200]}, which is outside it."
            raise FieldError(message, fix="Copy that part into $defs and refer to #/$defs/….", at=f"{at}.$ref")
        if isinstance(node.get("patternProperties"), Mapping):
            message = "patternProperties is not supported."
            raise FieldError(message, fix="Name the properties.", at=f"{at}.patternProperties")
        waiting += [(f"{at}.{key}", child) for key, child in node.items()]


def _pattern(validator: Any, pattern: str, instance: Any, schema: Any) -> Iterator[Any]:
    if not validator.is_type(instance, "string"):
        return
    try:
        found = import_module("regex").search(pattern, instance, timeout=PATTERN_SECONDS)
    except TimeoutError:
        message = f"The pattern {pattern[:80]} takes too long on this answer."
        raise NoScore("unresponsive_reward_error", message) from None
    if not found:
        yield import_module("jsonschema.exceptions").ValidationError(f"does not match {pattern!r}")


def _unique_items(validator: Any, wanted: bool, instance: Any, schema: Any) -> Iterator[Any]:
    if wanted and validator.is_type(instance, "array"):
        seen = {json.dumps(_plain(element), sort_keys=True) for element in instance}
        if len(seen) < len(instance):
            yield import_module("jsonschema.exceptions").ValidationError("has an element twice")


def _plain(value: Any) -> Any:
    """1.0 as 1, which JSON Schema takes for the same number."""
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, list):
        return [_plain(element) for element in value]
    if isinstance(value, dict):
        return {key: _plain(element) for key, element in value.items()}
    return value
