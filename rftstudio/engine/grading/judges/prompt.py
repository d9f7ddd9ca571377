"""The prompts in `prompts/*.txt`, filled in once: text that was put in is never looked at for placeholders again."""

import re
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from rftstudio.engine.grading.judges.wrapping import wrap
from rftstudio.engine.types import Item

FOLDER = Path(__file__).parents[1] / "prompts"
_PLACE = re.compile(r"\[\[(\w+)\]\]")

Chat = list[dict[str, str]]


def fill(name: str, values: Mapping[str, str]) -> str:
    """The prompt of that file with every `[[place]]` filled in. Raises `KeyError` for a place without a value."""
    return _PLACE.sub(lambda match: values[match[1]], _text(name)).strip()


@cache
def _text(name: str) -> str:
    return (FOLDER / f"{name}.txt").read_text(encoding="utf-8")


def lead(system: str, messages: Sequence[Mapping[str, str]]) -> Chat:
    """Messages with ours at the head of one system message.

    `developer` becomes `system`, and leading system messages become one: many chat templates take a single one, first.
    """
    chat = [
        {"role": "system" if message["role"] == "developer" else message["role"], "content": message["content"]}
        for message in messages
    ]
    heads = [system]
    while chat and chat[0]["role"] == "system":
        heads.append(chat.pop(0)["content"])
    return [{"role": "system", "content": "\n\n".join(heads)}, *(chat or [{"role": "user", "content": "Grade it."}])]


def task_of(item: Item) -> str:
    """What the graded model was asked, wrapped; "" where the item has no messages."""
    said = "\n\n".join(f"{message.role}: {message.content}" for message in item.messages)
    return "What was asked:\n" + wrap("task", said) if said else ""


def object_schema(**properties: Any) -> dict[str, Any]:
    """A JSON Schema that strict servers take: every property required, in this order, no others."""
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }
