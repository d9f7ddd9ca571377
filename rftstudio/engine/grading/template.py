"""`{{ item.x }}` and `{{ sample.output_text }}`: find them once, fill them in per sample.

One pass: text that came from a substitution is never expanded again. Only `item` and `sample`, only JSON-like
paths; no attributes, no calls, no filters. A template that is one variable and nothing else keeps the value's own
type (`value`), so that lists, numbers and objects arrive as such.
"""

import re
from collections.abc import Callable
from functools import lru_cache
from typing import Any

from rftstudio.engine.grading.failure import FieldError, NoScore
from rftstudio.engine.grading.path import PathError, Step, follow, format_path, parse_path
from rftstudio.engine.grading.text import as_text
from rftstudio.engine.types import Item, Sample

SAMPLE_FIELDS = ("output_text", "output_json", "output_tools", "choices")
_EXAMPLE = "Write {{ item.reference_answer }} or {{ sample.output_text }}."
_VARIABLE = re.compile(r"\{\{(.*?)\}\}", re.DOTALL)


class Variable:
    """One `{{ … }}`. root: `item` or `sample`; name: the field; rest: the path below it."""

    __slots__ = ("name", "rest", "root", "text")

    def __init__(self, source: str) -> None:
        self.text = source.strip()
        try:
            root, *steps = parse_path(source)
        except PathError:
            raise FieldError(f"{{{{ {self.text[:80]} }}}} is not a variable.", fix=_EXAMPLE) from None
        if root not in ("item", "sample"):
            raise FieldError(f"Unknown variable {{{{ {self.text[:80]} }}}}.", fix=f"Only item and sample. {_EXAMPLE}")
        if not steps or not isinstance(steps[0], str):
            raise FieldError(f"{{{{ {self.text[:80]} }}}} does not name a field.", fix=_EXAMPLE)
        if root == "sample" and steps[0] not in SAMPLE_FIELDS:
            fix = f"A sample has {', '.join(SAMPLE_FIELDS)}."
            raise FieldError(f"Unknown variable {{{{ {self.text[:80]} }}}}.", fix=fix)
        self.root = str(root)
        self.name: str = steps[0]
        self.rest: tuple[Step, ...] = tuple(steps[1:])

    def value(self, item: Item, sample: Sample) -> Any:
        """The value for this item and sample. Raises `NoScore`."""
        if self.root == "item":
            try:
                value = item.fields[self.name]
            except KeyError:
                raise NoScore("invalid_variable_error", f"This item has no field “{self.name}”.") from None
        elif self.name == "output_text":
            value = sample.output_text
        elif self.name == "output_json":
            value = sample.output_json
            if value is None and sample.output_text.strip() != "null":
                if sample.truncated:
                    message = "The answer was cut off at the length limit, so it is no whole JSON."
                    raise NoScore("truncated_observation_error", message)
                raise NoScore("sample_parse_error", "The answer is not valid JSON.")
        else:
            value = sample.output_tools if self.name == "output_tools" else sample.choices
        if not self.rest:
            return value
        try:
            return follow(value, self.rest)
        except LookupError:
            whose = "This item" if self.root == "item" else "The answer"
            message = f"{whose} has nothing at {format_path((self.name, *self.rest))}."
            raise NoScore("invalid_variable_error", message) from None


class Template:
    """A compiled template. Raises `FieldError` when the text is not one."""

    __slots__ = ("_parts", "_single", "text", "variables")

    def __init__(self, text: str) -> None:
        self.text = text
        pieces = _VARIABLE.split(text)
        self._parts: list[str | Variable] = [Variable(p) if i % 2 else p for i, p in enumerate(pieces) if i % 2 or p]
        if any("{{" in part for part in self._parts if isinstance(part, str)):
            raise FieldError("A variable is opened with {{ and never closed.", fix=_EXAMPLE)
        self.variables = tuple(part for part in self._parts if isinstance(part, Variable))
        written = [part for part in self._parts if isinstance(part, Variable) or part.strip()]
        self._single = written[0] if len(written) == 1 and isinstance(written[0], Variable) else None

    def value(self, item: Item, sample: Sample) -> Any:
        """The raw value of a template that is a single variable, otherwise the text. Raises `NoScore`."""
        if self._single is not None:
            return self._single.value(item, sample)
        return self.render(item, sample)

    def render_with(self, item: Item, sample: Sample, put: Callable[[Variable, str], str]) -> str:
        """The text with `put(variable, its text)` in place of every variable. Raises `NoScore`."""
        return "".join(
            part if isinstance(part, str) else put(part, as_text(part.value(item, sample))) for part in self._parts
        )

    def render(self, item: Item, sample: Sample) -> str:
        """The text with every variable filled in. Raises `NoScore`."""
        if len(self._parts) == 1 and self._single is not None:
            return as_text(self._single.value(item, sample))
        parts = self._parts
        return "".join(part if isinstance(part, str) else as_text(part.value(item, sample)) for part in parts)


@lru_cache(maxsize=4096)
def compile_template(text: str) -> Template:
    """The compiled template of this text. Raises `FieldError`."""
    return Template(text)
