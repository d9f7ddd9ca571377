"""The field for messages to a judge: one text, with the role on a line of its own before each message.

A single message from the user is just its text. What such lines cannot hold is written as JSON.
"""

import json
import re
from typing import Any

from django.core.exceptions import ValidationError

from rftstudio.engine.errors import SpecError
from rftstudio.graders.forms.fields import TextField
from rftstudio.tasksets.answers import parse_json

_HEAD = re.compile(r"^(system|developer|user|assistant):[ \t]*$", re.MULTILINE)


class MessagesField(TextField):
    """A list of {"role", "content"}."""

    def __init__(self, *, rows: int = 5, **options: Any) -> None:
        super().__init__(rows=rows, big=True, **options)

    def clean(self, value: Any) -> Any:
        text = super().clean(value)
        if text.lstrip().startswith("["):
            try:
                found = parse_json(text)
            except SpecError as error:
                raise ValidationError(f"{error.message} {error.fix}") from None
            if isinstance(found, list):
                return found
        before, *rest = _HEAD.split(text)
        if not rest:
            return [{"role": "user", "content": text}] if text.strip() else []
        if before.strip():
            raise ValidationError("There is text before the first role. Put “system:” or “user:” on a line above it.")
        return [
            {"role": role, "content": content.removeprefix("\n").removesuffix("\n")}
            for role, content in zip(rest[::2], rest[1::2], strict=True)
        ]

    def write(self, value: Any) -> str | None:
        if isinstance(value, str):
            return value
        if len(value) == 1 and value[0].get("role") == "user":
            text = str(value[0].get("content"))
        else:
            text = "\n".join(f"{message.get('role')}:\n{message.get('content')}" for message in value)
        try:
            same = self.clean(text) == value
        except ValidationError:
            same = False
        return text if same else json.dumps(value, ensure_ascii=False, indent=1)
