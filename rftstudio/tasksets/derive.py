"""The columns of an item that follow from its others: search text, tag text, problem, content hash, key."""

from collections.abc import Mapping
from typing import Any

from rftstudio.engine.errors import SpecError
from rftstudio.engine.grading.text import as_text
from rftstudio.engine.types import Item
from rftstudio.tasksets.answers import answer_line, check_answer
from rftstudio.tasksets.definition import Definition, item_hash, prompt_key
from rftstudio.tasksets.models import Problem, TaskItem
from rftstudio.tasksets.text import check_value

DERIVED = ("search_text", "tag_text", "problem", "content_hash")
SEARCHED = 20_000  # characters of an item that the table's search looks through


def derive(item: TaskItem, definition: Definition) -> TaskItem:
    """Fills the derived columns in; does not save."""
    answer_type = definition["answer_type"]
    parts = [as_text(value) for value in item.fields.values()]
    if item.messages:
        parts += [message["content"] for message in item.messages]
    parts += [answer_line(item.reference_answer, answer_type), " ".join(item.tags), item.notes, item.key]
    item.search_text = "\n".join(filter(None, parts)).lower()[:SEARCHED]
    item.tag_text = f"|{'|'.join(sorted(item.tags))}|" if item.tags else ""
    item.problem = problem_of(item, definition)[0]
    item.content_hash = item_hash(
        fields=item.fields, messages=item.messages, reference_answer=item.reference_answer, tags=item.tags
    )
    return item


def problem_of(item: TaskItem, definition: Definition) -> tuple[str, SpecError | None]:
    """What keeps an item from being published: the column's value and a sentence; ("", None) where nothing does."""
    try:
        check_value(item.fields, path="fields")
        if item.messages:
            check_value(item.messages, path="messages")
    except SpecError as error:
        return Problem.UNREADABLE.value, error
    if not item.messages and not asks_something(item.fields, definition):
        fix = "Fill in a field, or delete the item."
        return Problem.EMPTY.value, SpecError("Every input field is empty.", path="fields", fix=fix)
    if item.reference_answer is None:
        fix = "Write the right answer."
        return Problem.UNANSWERED.value, SpecError("There is no reference answer.", path="reference_answer", fix=fix)
    try:
        check_answer(item.reference_answer, definition["answer_type"], definition["answer_options"])
    except SpecError as error:
        return Problem.ANSWER.value, error
    return "", None


def asks_something(fields: Mapping[str, Any], definition: Definition) -> bool:
    return any(as_text(fields.get(field["name"])).strip() for field in definition["input_fields"])


def check_messages(messages: Any, *, path: str = "messages") -> list[dict[str, str]]:
    """A conversation as it is stored. Raises `SpecError` as the engine would."""
    item = Item.from_json({"messages": messages}, where="item")
    kept = [message.to_json() for message in item.messages]
    check_value(kept, path=path)
    if not any(message["content"].strip() for message in kept if message["role"] == "user"):
        raise SpecError("The conversation asks nothing.", path=path, fix="Fill in the user's message.")
    return kept


def new_key(item: TaskItem, taken: set[str]) -> str:
    """A short key from what the item asks, so that the same file imported anywhere is dealt the same way."""
    base = prompt_key(fields=item.fields, messages=item.messages)[:12]
    key, number = base, 2
    while key in taken:
        key, number = f"{base}-{number}", number + 1
    return key
