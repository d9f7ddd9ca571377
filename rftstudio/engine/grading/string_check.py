"""`string_check`: two texts compared character by character. 1 or 0, nothing in between, nothing ignored."""

from functools import cached_property
from typing import Any, ClassVar, Literal

from pydantic import Field, field_validator

from rftstudio.engine.grading.failure import NoScore
from rftstudio.engine.grading.kind import Spec, TemplateText, Verdict
from rftstudio.engine.grading.template import Template, compile_template
from rftstudio.engine.grading.text import quote
from rftstudio.engine.types import Item, Sample


class StringCheck(Spec):
    """Compares `input` with `reference`: equal, not equal, contains, contains ignoring case."""

    title: ClassVar[str] = "Text check"
    summary: ClassVar[str] = "The answer must equal, or contain, an exact text."

    type: Literal["string_check"] = "string_check"
    input: TemplateText = Field(title="What is graded", description="Template for the text that is checked.")
    reference: TemplateText = Field(title="Compared with", description="Template for the text it is compared with.")
    operation: Literal["eq", "ne", "like", "ilike"] = Field(
        title="Passes when",
        description="eq: equal; ne: different; like: contains the reference; ilike: contains it, ignoring case.",
    )

    @field_validator("operation", mode="before")
    @classmethod
    def _accept_neq(cls, value: Any) -> Any:
        return "ne" if value == "neq" else value

    @cached_property
    def _templates(self) -> tuple[Template, Template]:
        return compile_template(self.input), compile_template(self.reference)

    def evaluate(self, item: Item, sample: Sample) -> Verdict:
        template, reference_template = self._templates
        text, reference = template.render(item, sample), reference_template.render(item, sample)
        operation = self.operation
        if operation in ("eq", "ne"):
            found, verb = text == reference, "equals"
        elif not reference.strip():
            message = "There is nothing to look for, and every answer contains an empty text."
            raise NoScore("other_error", message)
        elif operation == "like":
            found, verb = reference in text, "contains"
        else:
            found, verb = reference.casefold() in text.casefold(), "contains"
        if found:
            reason = f"The answer {verb} {quote(reference)}."
        else:
            reason = f"Expected {quote(reference)}, the answer says {quote(text)}."
            if operation == "ne":
                reason = f"The answer differs from {quote(reference)}."
            elif verb == "contains":
                reason = f"The answer does not contain {quote(reference)}."
        return Verdict(1.0 if found != (operation == "ne") else 0.0, reason)
