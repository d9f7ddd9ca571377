"""A task set's definition: everything but its items, as one plain value that drafts and versions share.

Checks it (`check_definition`) and hashes content (`item_hash`, `version_hash`). Knows nothing of how rows are stored.
"""

import hashlib
import json
import keyword
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from rftstudio.engine.errors import SpecError
from rftstudio.engine.grading.failure import FieldError
from rftstudio.engine.grading.template import compile_template
from rftstudio.tasksets import answers
from rftstudio.tasksets.models import AnswerType, TaskSet
from rftstudio.tasksets.text import check_text, check_value

# What changes when the model sees or is asked something else. A new name alone is no new version.
CONTENT = ("instructions", "answer_type", "answer_options", "input_fields", "prompt_template", "worked_examples")
WORDS = {
    "instructions": "the instructions",
    "answer_type": "the answer type",
    "answer_options": "the answer's options",
    "input_fields": "the input fields",
    "prompt_template": "the prompt template",
    "worked_examples": "the worked examples",
}
RESERVED = ("id", "messages", "reference_answer", "split", "tags", "notes")  # keys of a row beside its fields
MAX_NAME = 160
MAX_FIELDS = 40
MAX_EXAMPLES = 50

Definition = Mapping[str, Any]


def definition_of(taskset: TaskSet) -> dict[str, Any]:
    """The draft's definition."""
    return {
        "name": taskset.name,
        "description": taskset.description,
        "instructions": taskset.instructions,
        "answer_type": str(taskset.answer_type),
        "answer_options": taskset.answer_options,
        "input_fields": taskset.input_fields,
        "prompt_template": taskset.prompt_template,
        "worked_examples": [
            {"fields": example.fields, "reference_answer": example.reference_answer}
            for example in taskset.worked_examples.all()
        ],
    }


def default_template(input_fields: Sequence[Mapping[str, Any]]) -> str:
    """The prompt of a task without a template: the only field, or every field with its label."""
    if len(input_fields) == 1:
        return written(input_fields[0]["name"])
    return "\n".join(f"{field.get('label') or field['name']}: {written(field['name'])}" for field in input_fields)


def written(name: str) -> str:
    """A field as a template writes it."""
    return "{{ item." + name + " }}"


def field_name(label: str, taken: Iterable[str] = ()) -> str:
    """A variable name for a label or column: `Patient's age` → `patient_s_age`; never one that is taken."""
    name = re.sub(r"[^0-9a-z]+", "_", label.casefold()).strip("_")[:40].rstrip("_") or "field"
    if name[0].isdigit():
        name = f"field_{name}"
    used = {*taken, *RESERVED}
    unique, number = name, 2
    while unique in used:
        unique, number = f"{name}_{number}", number + 1
    return unique


def check_field_name(name: str, *, path: str = "input_fields") -> None:
    """Raises `SpecError` where a name cannot stand in {{ item.name }}."""
    if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]{0,39}", name) or keyword.iskeyword(name):
        fix = "Use letters, digits and underscores, starting with a letter, such as patient_age."
        raise SpecError(f"“{name[:40]}” cannot be a field's name.", path=path, fix=fix)
    if name in RESERVED:
        fix = f"Choose another; these are taken: {', '.join(RESERVED)}."
        raise SpecError(f"“{name}” has a meaning of its own.", path=path, fix=fix)


def check_template(text: str, field_names: Sequence[str]) -> None:
    """Raises `SpecError` naming the wrong variable and the known ones."""
    if not text.strip():
        return
    check_text(text, path="prompt_template")
    known = ", ".join(map(written, field_names)) or "none yet: add an input field"
    try:
        variables = compile_template(text).variables
    except FieldError as error:
        fix = f"Variables of this task: {known}."
        raise SpecError(error.message, path="prompt_template", fix=fix) from None
    for variable in variables:
        shown = "{{ " + variable.text[:80] + " }}"
        if variable.root == "sample":
            message = f"{shown} is the model's answer, which does not exist yet when it is asked."
            raise SpecError(message, path="prompt_template", fix=f"Variables of this task: {known}.")
        if variable.name == "reference_answer":
            message = f"{shown} would show the model the right answer."
            raise SpecError(message, path="prompt_template", fix=f"Remove it. Variables of this task: {known}.")
        if variable.name not in field_names:
            message = f"{shown} is not an input field of this task."
            raise SpecError(message, path="prompt_template", fix=f"Known: {known}.")
    if not variables and field_names:
        message = "The prompt contains no input field, so every item would ask the same."
        raise SpecError(message, path="prompt_template", fix=f"Put in at least one of: {known}.")


def check_definition(definition: Definition) -> list[SpecError]:
    """Everything that is wrong with a definition, in the order of the form."""
    errors: list[SpecError] = []

    def attempt(check: Any, *args: Any, **named: Any) -> None:
        try:
            check(*args, **named)
        except SpecError as error:
            errors.append(error)

    if not str(definition["name"]).strip():
        errors.append(SpecError("The task set has no name.", path="name", fix="Give it one."))
    if len(definition["name"]) > MAX_NAME:
        errors.append(SpecError(f"The name is longer than {MAX_NAME} characters.", path="name", fix="Shorten it."))
    for part in ("name", "description", "instructions"):
        attempt(check_text, definition[part], path=part)
    if definition["answer_type"] not in AnswerType.values:
        fix = f"Use one of {', '.join(AnswerType.values)}."
        return [*errors, SpecError(f"Unknown answer type {definition['answer_type']!r}.", path="answer_type", fix=fix)]
    attempt(answers.check_options, definition["answer_type"], definition["answer_options"])
    attempt(check_value, definition["answer_options"], path="answer_options")
    names = [field["name"] for field in definition["input_fields"]]
    if not names:
        errors.append(SpecError("There is no input field.", path="input_fields", fix="Add what an item consists of."))
    if len(names) > MAX_FIELDS:
        message = f"There are {len(names)} input fields; at most {MAX_FIELDS} fit."
        errors.append(SpecError(message, path="input_fields", fix="Remove some, or join them."))
    for index, name in enumerate(names):
        attempt(check_field_name, name, path=f"input_fields[{index}]")
        if name in names[:index]:
            message = f"Two input fields are called “{name}”."
            errors.append(SpecError(message, path=f"input_fields[{index}]", fix="Rename one."))
    attempt(check_value, definition["input_fields"], path="input_fields")
    attempt(check_template, definition["prompt_template"], names)
    errors.extend(_example_errors(definition))
    return errors


def _example_errors(definition: Definition) -> list[SpecError]:
    errors = []
    examples = definition["worked_examples"]
    if len(examples) > MAX_EXAMPLES:
        message = f"There are {len(examples)} worked examples; at most {MAX_EXAMPLES} fit."
        errors.append(SpecError(message, path="worked_examples", fix="Keep the most telling ones."))
    for index, example in enumerate(examples):
        path = f"worked_examples[{index}]"
        try:
            check_value(dict(example["fields"]), path=path)
            if not any(str(value).strip() for value in example["fields"].values()):
                message = f"Worked example {index + 1} asks nothing."
                raise SpecError(message, path=path, fix="Fill in its fields, or remove it.")
            if example["reference_answer"] is None:
                message = f"Worked example {index + 1} has no answer."
                raise SpecError(message, path=path, fix="Fill it in, or remove the example.")
            answers.check_answer(
                example["reference_answer"],
                definition["answer_type"],
                definition["answer_options"],
                path=f"{path}.reference_answer",
            )
        except SpecError as error:
            errors.append(error)
    return errors


def canonical(value: Any) -> bytes:
    """Canonical JSON: keys sorted, no spaces, UTF-8. The form that is hashed."""
    return json.dumps(value, sort_keys=True, ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode()


def item_hash(*, fields: Any, messages: Any, reference_answer: Any, tags: Sequence[str]) -> str:
    """sha256 of what a version keeps of an item, but for its split."""
    kept = {"fields": fields, "messages": messages, "reference_answer": reference_answer, "tags": list(tags)}
    return hashlib.sha256(canonical(kept)).hexdigest()


def prompt_key(*, fields: Any, messages: Any) -> str:
    """The same for two items that ask the same."""
    return hashlib.sha256(canonical(messages if messages else fields)).hexdigest()


def version_hash(definition: Definition, items: Iterable[tuple[str, str, str]]) -> str:
    """sha256 over canonical JSON of the definition's content and every item's (key, split, `item_hash`), in order."""
    content = {part: definition[part] for part in CONTENT}
    return hashlib.sha256(canonical({"definition": content, "items": [list(item) for item in items]})).hexdigest()


def changed_parts(before: Definition, after: Definition) -> list[str]:
    """Which parts of the content differ."""
    return [part for part in CONTENT if canonical(before.get(part)) != canonical(after.get(part))]
