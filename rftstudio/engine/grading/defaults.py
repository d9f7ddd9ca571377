"""A grader that already works for each answer type: where the builder starts."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from rftstudio.engine.errors import SpecError
from rftstudio.engine.grading.failure import FieldError
from rftstudio.engine.grading.json_schema import SchemaCheck
from rftstudio.engine.grading.path import format_path

ANSWER_TYPES = ("text", "number", "choice", "ranking", "set", "json")
MAX_FIELDS = 50
_USUAL_NAMES = ("reference_answer", "reference", "answer", "expected", "label", "target", "solution", "gold")


def default_for(
    answer_type: str,
    *,
    choices: Sequence[str] = (),
    schema: Mapping[str, Any] | None = None,
    field_names: Iterable[str] = (),
) -> dict[str, Any]:
    """The spec, as JSON, to start from.

    choices: labels of a choice. schema: JSON Schema of a JSON answer. field_names: the items' fields; where
    `reference_answer` is not among them, a field with a usual name is compared with instead. A schema that is not a
    valid one only suggests the fields.
    Raises `SpecError` for an unknown answer type.
    """
    names = set(field_names)
    name = next((usual for usual in _USUAL_NAMES if usual in names), "reference_answer")
    templates = {"input": "{{ sample.output_text }}", "reference": f"{{{{ item.{name} }}}}"}
    match answer_type:
        case "text":
            return {"type": "text_similarity", "name": "likeness", **templates, "evaluation_metric": "fuzzy_match"}
        case "number":
            return {"type": "number", "name": "number", **templates, **_NUMBER, "pick": "last"}
        case "choice":
            # Credit for a mention gives a small model something to learn from before it answers in the right form.
            return {"type": "exact_choice", "name": "label", **templates, "choices": list(choices), "partial": 0.2}
        case "ranking":
            return {"type": "ranking", "name": "place", **templates, "credit": "reciprocal", "top_k": 10}
        case "set":
            return {"type": "set_match", "name": "items", **templates, "measure": "f1"}
        case "json":
            spec = {"type": "json_fields", "name": "fields", **templates}
            fields = _fields(schema or {}, ())
            if fields:
                spec["fields"] = fields[:MAX_FIELDS]  # type: ignore[assignment]
            if schema and fields and _is_valid(schema):
                spec["json_schema"] = dict(schema)  # type: ignore[assignment]
            return spec
    raise SpecError(
        f"Unknown answer type “{answer_type}”.", path="answer_type", fix=f"Use one of {', '.join(ANSWER_TYPES)}."
    )


_NUMBER = {"tolerance": 0.01, "tolerance_kind": "relative", "band": 0.09}


def _is_valid(schema: Mapping[str, Any]) -> bool:
    try:
        SchemaCheck(schema)
    except FieldError:
        return False
    return True


def _fields(schema: Mapping[str, Any], steps: tuple[str, ...]) -> list[dict[str, Any]]:
    """A field for each property of an object schema, nested objects by their own properties."""
    fields: list[dict[str, Any]] = []
    properties = schema.get("properties")
    required = schema.get("required", ())
    if not isinstance(properties, Mapping) or len(steps) > 5:
        return fields
    for key, part in properties.items():
        part = part if isinstance(part, Mapping) else {}
        path = (*steps, str(key))
        nested = _fields(part, path)
        if nested:
            fields += nested
            continue
        # A schema without `required` says nothing about it; then every field is asked for.
        is_required = key in required if "required" in schema else True
        fields.append({"path": format_path(path), "required": is_required, "grader": _grader(part)})
    return fields


def _grader(schema: Mapping[str, Any]) -> dict[str, Any]:
    kinds = schema.get("type")
    kind = next((each for each in kinds if each != "null"), None) if isinstance(kinds, list) else kinds
    options = schema.get("enum")
    if isinstance(options, list) and options and all(isinstance(option, str) for option in options):
        return {"type": "exact_choice", "choices": list(dict.fromkeys(options))}
    if kind == "integer":
        return {"type": "number"}
    if kind == "number":
        return {"type": "number", **_NUMBER}
    if kind == "array":
        return {"type": "set_match"}
    if kind == "string" and not options:
        template = {"input": "{{ sample.output_text }}", "reference": "{{ item.reference_answer }}"}
        return {"type": "text_similarity", **template, "evaluation_metric": "fuzzy_match"}
    return {"type": "exact_choice"}
