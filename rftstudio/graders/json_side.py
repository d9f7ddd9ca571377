"""The grader as JSON beside its form: which of the two was typed in last, what could be read, what is wrong where.

The page sends the JSON text, a fingerprint of the text that it was given (`json_was`), and `edited`, which is `json`
where that was typed in last. A text that cannot be read stays as it was typed, with the reason beside its line.
"""

import hashlib
from dataclasses import dataclass, field
from typing import Any

from rftstudio.engine.errors import SpecError
from rftstudio.engine.grading import parse_spec, spec_errors
from rftstudio.graders.forms.kind import Texts
from rftstudio.graders.json_place import named_place, place_of
from rftstudio.tasksets.answers import parse_json

MAX_JSON = 1_000_000
Marked = tuple[int, int, str]  # line, column, what is wrong there


@dataclass
class JsonSide:
    """text: what was typed and could not be used, None where there is nothing such. marks: what is wrong, by line."""

    text: str | None = None
    error: str = ""
    marks: list[Marked] = field(default_factory=list)
    taken: str = ""  # fingerprint of a text that was sent and says what the form says

    @classmethod
    def sent(cls, texts: Texts) -> "JsonSide":
        """What a page sent. `changed(texts)` tells whether there is something to read."""
        text = texts.get("json")
        if text is None:
            return cls()
        if fingerprint(text) == texts.get("json_was"):
            return cls(taken=fingerprint(text))
        return cls(
            text=text,
            error="You changed this, but it is not in the form yet. Put it there, or undo your change.",
        )

    def read(self, text: str) -> dict[str, Any] | None:
        """The grader in a text as it would be stored; None where it cannot be read, which is then said."""
        self.text, self.error, self.marks = text, "", []
        try:
            if len(text) > MAX_JSON:
                raise SpecError(f"This is longer than {MAX_JSON:,} characters.", fix="Make it shorter.")
            found = parse_json(text)
        except SpecError as error:
            self.error = str(error)
            line, column = named_place(self.error) or (1, 1)
            self.marks = [(line, column, self.error)]
            return None
        if errors := spec_errors(found):
            self.marks = marks_of(text, errors)
            where = f"At {errors[0].path}: " if errors[0].path else ""
            more = f" And {len(errors) - 1} more." if len(errors) > 1 else ""
            self.error = f"{where}{errors[0].message} {errors[0].fix}".strip() + more
            return None
        self.text, self.taken = None, fingerprint(text)
        return parse_spec(found).model_dump(mode="json", exclude_none=True)


def marks_of(text: str, errors: list[SpecError]) -> list[Marked]:
    """Each error beside the line of the value that it is about."""
    return [(*place_of(text, error.path), f"{error.message} {error.fix}".strip()) for error in errors]


def fingerprint(text: str) -> str:
    """By which a change by hand is noticed; line ends and space around the whole do not count."""
    plain = text.replace("\r\n", "\n").strip()
    return hashlib.sha256(plain.encode("utf-8", "replace")).hexdigest()[:16]
