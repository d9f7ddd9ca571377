"""The union of all grader kinds, and reading one from JSON with errors that name the field.

To add a kind: write its file beside this one and add it to `AnySpec`.
"""

from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from types import MappingProxyType
from typing import Annotated, Any, get_args

from pydantic import Field, TypeAdapter, ValidationError

from rftstudio.engine.errors import SpecError
from rftstudio.engine.grading import json_fields, rubric
from rftstudio.engine.grading.endpoint import Endpoint
from rftstudio.engine.grading.exact_choice import ExactChoice
from rftstudio.engine.grading.failure import FieldError
from rftstudio.engine.grading.format import Format
from rftstudio.engine.grading.json_fields import JsonFields
from rftstudio.engine.grading.judge import Judge
from rftstudio.engine.grading.keywords import Keywords
from rftstudio.engine.grading.kind import Spec
from rftstudio.engine.grading.label_model import LabelModel
from rftstudio.engine.grading.multi import Multi
from rftstudio.engine.grading.number import Number
from rftstudio.engine.grading.pairwise import Pairwise
from rftstudio.engine.grading.path import format_path
from rftstudio.engine.grading.python import Python
from rftstudio.engine.grading.ranking import Ranking
from rftstudio.engine.grading.regex import Regex
from rftstudio.engine.grading.rubric import Rubric
from rftstudio.engine.grading.score_model import ScoreModel
from rftstudio.engine.grading.set_match import SetMatch
from rftstudio.engine.grading.string_check import StringCheck
from rftstudio.engine.grading.text_similarity import TextSimilarity

AnySpec = Annotated[
    StringCheck
    | TextSimilarity
    | ExactChoice
    | Number
    | Ranking
    | SetMatch
    | JsonFields
    | Multi
    | Rubric
    | ScoreModel
    | LabelModel
    | Judge
    | Pairwise
    | Endpoint
    | Regex
    | Keywords
    | Format
    | Python,
    Field(discriminator="type"),
]

KINDS: dict[str, type[Spec]] = {kind.model_fields["type"].default: kind for kind in get_args(get_args(AnySpec)[0])}

MAX_DEPTH = 40
MAX_NODES = 500_000

for _model in (json_fields.JsonField, rubric.Criterion, JsonFields, Multi, Rubric):
    _model.model_rebuild(_types_namespace={"AnySpec": AnySpec})
_ADAPTER: TypeAdapter[Spec] = TypeAdapter(AnySpec)


def parse_spec(data: Any) -> Spec:
    """Read a grader from its JSON form. Raises `SpecError` for the first thing wrong: path, what, what to do."""
    if isinstance(data, Spec):
        return data
    _check_plain(data)
    try:
        spec = _ADAPTER.validate_python(data)
    except ValidationError as failure:
        raise _spec_errors(data, failure)[0] from None
    if errors := _unasked(spec):
        raise errors[0]
    return spec


def spec_errors(data: Any) -> list[SpecError]:
    """Everything wrong with a grader's JSON form, for a form that shows each beside its field. Empty: it is fine."""
    try:
        _check_plain(data)
        return _unasked(_ADAPTER.validate_python(data))
    except SpecError as failure:
        return [failure]
    except ValidationError as failure:
        return _spec_errors(data, failure)


def _unasked(spec: Spec, path: str = "", sentences: Mapping[str, str] = MappingProxyType({})) -> list[SpecError]:
    """Judges without a question. In a rubric the criterion's sentence is one."""
    if isinstance(spec, Judge) and not (spec.instruction.strip() or sentences.get(path, "").strip()):
        where = f"{path}.instruction".lstrip(".")
        return [SpecError("The judge is asked nothing.", path=where, fix="Write the question it decides.")]
    start = f"{path}." if path else ""
    if isinstance(spec, Rubric):
        sentences = {f"{start}criteria[{n}].check": each.sentence for n, each in enumerate(spec.criteria)}
    return [error for below, part in spec.parts() for error in _unasked(part, start + below, sentences)]


def check_variables(spec: Spec, field_names: Iterable[str]) -> list[SpecError]:
    """Template variables that no item with these fields could fill in, each with the field that uses it."""
    names = sorted(set(field_names))
    errors = []
    for path, variable in spec.variables():
        if variable.root == "item" and variable.name not in names:
            near = get_close_matches(variable.name, names, n=1)
            known = f"The fields are {', '.join(names[:20])}{' …' if len(names) > 20 else ''}."
            fix = f"Did you mean {{{{ item.{near[0]} }}}}?" if near else known
            message = f"The items have no field “{variable.name}”."
            errors.append(SpecError(message, path=path, fix=fix if names else "Add the field to the task set."))
    return errors


def _check_plain(data: Any) -> None:
    """JSON values only, of bounded depth and size, storable as text everywhere. Not recursive. Raises `SpecError`."""
    if not isinstance(data, dict):
        raise SpecError("A grader must be a JSON object.", fix='Write {"type": "string_check", …}.')
    waiting: list[tuple[tuple[str | int, ...], Any]] = [((), data)]
    seen = 0
    while waiting:
        path, value = waiting.pop()
        seen += 1
        if seen > MAX_NODES or len(path) > MAX_DEPTH:
            limit = f"more than {MAX_NODES} values" if seen > MAX_NODES else f"deeper than {MAX_DEPTH} levels"
            raise SpecError(f"The grader is too large: {limit}.", path=format_path(path[:6]), fix="Make it smaller.")
        if isinstance(value, str):
            _check_text(value, path)
        elif isinstance(value, Mapping):
            for key in value:
                _check_text(key, path)
            waiting += [((*path, key), child) for key, child in value.items()]
        elif isinstance(value, list | tuple):
            waiting += [((*path, index), child) for index, child in enumerate(value)]


def _check_text(text: Any, path: tuple[str | int, ...]) -> None:
    if not isinstance(text, str):
        raise SpecError("A name in the grader is not text.", path=format_path(path), fix="Quote it.")
    if "\0" in text or any("\ud800" <= character <= "\udfff" for character in text if not text.isascii()):
        message = "The text holds a character that cannot be stored."
        raise SpecError(message, path=format_path(path), fix="Remove NUL bytes and broken characters.")


def _spec_errors(data: Any, failure: ValidationError) -> list[SpecError]:
    errors = []
    for detail in failure.errors(include_url=False, include_input=True):
        where = _path(data, detail["loc"])
        path, message, fix = format_path(where), str(detail["msg"]), ""
        context = detail.get("ctx", {})
        last = str(where[-1]) if where else ""
        match detail["type"]:
            case "value_error" if isinstance(cause := context.get("error"), FieldError):
                path, message, fix = (path + cause.at).lstrip("."), cause.message, cause.fix
            case "missing":
                message, fix = f"`{last}` is missing.", f"Add `{last}`."
            case "extra_forbidden":
                message, fix = f"Unknown field `{last}`.", _unknown_field(data, where)
            case "union_tag_not_found":
                path, message, fix = f"{path}.type".lstrip("."), "`type` is missing.", f"Use one of {', '.join(KINDS)}."
            case "union_tag_invalid":
                path, message = f"{path}.type".lstrip("."), f"Unknown grader type “{str(context.get('tag'))[:80]}”."
                near = get_close_matches(str(context.get("tag")), KINDS, n=1)
                fix = f"Did you mean {near[0]}?" if near else f"Use one of {', '.join(KINDS)}."
            case "literal_error":
                message, fix = f"“{str(detail['input'])[:80]}” is not known here.", f"Use {context.get('expected')}."
            case "string_type":
                message, fix = "This must be text.", "Put it in quotation marks."
            case "model_type" | "dict_type" | "model_attributes_type":
                message, fix = "This must be an object.", "Write {…}."
            case "list_type":
                message, fix = "This must be a list.", "Write […]."
            case "too_short":
                least = int(context.get("min_length", 1))
                message = "This is empty." if not context.get("actual_length") else "These are too few."
                fix = f"Give at least {'one' if least == 1 else least}."
            case "string_too_short":
                message, fix = "This is empty.", "Fill it in."
            case "too_long" | "string_too_long":
                message, fix = message.replace("should have", "must have") + ".", "Make it shorter."
            case "bool_parsing" | "bool_type":
                message, fix = "This must be true or false.", "Write it without quotation marks."
            case "greater_than" | "greater_than_equal" | "less_than" | "less_than_equal":
                small = detail["type"].startswith("greater")
                message = f"{str(detail['input'])[:40]} is too {'small' if small else 'large'}."
                fix = _within(context)
            case "int_from_float" | "int_parsing_size":
                message, fix = "This must be a whole number.", "Leave out the digits after the point."
            case "finite_number" | "float_parsing" | "float_type" | "int_parsing" | "int_type":
                message, fix = "This must be a number.", "Write it without a unit."
            case _:
                message, fix = message.replace("Input should", "This should") + ".", "Correct the value."
        errors.append(SpecError(message, path=path, fix=fix))
    return errors


def _within(context: Mapping[str, Any]) -> str:
    """What to write in place of a number out of its bounds."""
    for bound, words in (("ge", "at least"), ("gt", "more than"), ("le", "at most"), ("lt", "less than")):
        if bound in context:
            return f"Use a number of {words} {context[bound]:g}."
    return "Use a number within the bounds."


def _path(data: Any, location: tuple[str | int, ...]) -> list[str | int]:
    """pydantic's location without the tags that it puts in for the members of the union."""
    path: list[str | int] = []
    node = data
    tagged = False  # whether the tag of the present grader has been passed
    for step in location:
        if not tagged and isinstance(node, dict) and step == node.get("type"):
            tagged = True
            continue
        path.append(step)
        tagged = False
        if isinstance(node, dict):
            node = node.get(step)
        elif isinstance(node, list):
            named = (each for each in node if isinstance(each, dict) and each.get("name") == step)
            node = node[step] if isinstance(step, int) and step < len(node) else next(named, None)
        else:
            node = None
    return path


def _unknown_field(data: Any, path: list[str | int]) -> str:
    """Which fields there are, where the object with the unknown one is itself a grader."""
    node = data
    for step in path[:-1]:
        node = node.get(step) if isinstance(node, dict) else node[step] if isinstance(step, int) else None
    kind = KINDS.get(node.get("type", "")) if isinstance(node, dict) else None
    if kind is None:
        return "Remove it or correct its name."
    known = [name for name in kind.model_fields if name != "pass_threshold"]
    near = get_close_matches(str(path[-1]), known, n=1)
    return f"Did you mean `{near[0]}`?" if near else f"{kind.title} has {', '.join(known)}."
