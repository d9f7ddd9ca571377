"""`regex`: a pattern that the answer must, or must not, match; and what a group of it says, compared. 1 or 0.

Patterns are RE2's (see `re2_pattern.py`): linear in the length of the answer, whatever is written in either.
"""

from collections.abc import Iterator
from functools import cached_property
from typing import Any, ClassVar, Literal

from pydantic import Field, ValidationInfo, field_validator, model_validator

from rftstudio.engine.grading.failure import FieldError, NoScore
from rftstudio.engine.grading.kind import InputField, ReferenceField, Spec, TemplateText, Verdict, reference_value
from rftstudio.engine.grading.re2_pattern import Pattern, compile_pattern, encode
from rftstudio.engine.grading.template import Template, compile_template
from rftstudio.engine.grading.text import as_text, normalise, quote, quote_all
from rftstudio.engine.types import Item, Sample


class Regex(Spec):
    """Whether a pattern occurs; with a group, whether what the group holds is as expected.

    The group's text is compared as in `string_check` (eq, ne, like, ilike), or by `same`: equal where case, space and
    surrounding punctuation are ignored. A reference that is a list names several right texts (`ne`: none of them).
    """

    title: ClassVar[str] = "Pattern"
    summary: ClassVar[str] = "The answer must, or must not, fit a pattern; a part of it can be taken out and compared."

    type: Literal["regex"] = "regex"
    input: TemplateText = InputField
    pattern: str = Field(
        title="Pattern",
        description="A regular expression in RE2's syntax, such as (\\d+) mg. No lookaround, no backreferences.",
    )
    expect: Literal["match", "no_match"] = Field(
        default="match", title="Passes when", description="match: the pattern occurs; no_match: it does not."
    )
    where: Literal["anywhere", "whole"] = Field(
        default="anywhere",
        title="Where",
        description="anywhere: somewhere in the answer; whole: the whole answer, less the space around it.",
    )
    ignore_case: bool = Field(default=False, title="Ignore case", description="Capitals and small letters are alike.")
    multiline: bool = Field(
        default=False, title="Line by line", description="^ and $ stand for the ends of each line, not of the text."
    )
    dot_all: bool = Field(default=False, title="Dot crosses lines", description="A dot also matches a line end.")
    group: str = Field(
        default="",
        max_length=100,
        title="Group",
        description="The part of the match that is looked at: its number, such as 1, or its name from (?P<name>…). "
        "Empty: the match itself is enough.",
    )
    pick: Literal["first", "last"] = Field(
        default="first", title="If it matches often", description="Which match the group is taken from."
    )
    operation: Literal["exists", "same", "eq", "ne", "like", "ilike"] = Field(
        default="exists",
        title="What the group must say",
        description="exists: anything but nothing; same: the reference, ignoring case, space and punctuation around "
        "it; eq: exactly the reference; ne: anything else; like: it contains the reference; ilike: ignoring case.",
    )
    reference: TemplateText = ReferenceField

    @field_validator("operation", mode="before")
    @classmethod
    def _accept_neq(cls, value: Any) -> Any:
        return "ne" if value == "neq" else value

    @field_validator("group", mode="before")
    @classmethod
    def _accept_number(cls, value: Any) -> Any:
        return str(value) if isinstance(value, int) and not isinstance(value, bool) else value

    @field_validator("pattern")
    @classmethod
    def _readable(cls, pattern: str) -> str:
        compile_pattern(pattern)
        return pattern

    @field_validator("group")
    @classmethod
    def _there(cls, group: str, info: ValidationInfo) -> str:
        if group and "pattern" in info.data:
            _number_of(group, compile_pattern(info.data["pattern"]))
        return group

    @model_validator(mode="after")
    def _consistent(self) -> "Regex":
        if self.group and self.expect == "no_match":
            message = "A pattern that must not match has no group to look at."
            raise FieldError(message, fix="Leave the group empty, or ask for a match.", at=".group")
        if self.operation != "exists" and not self.group:
            fix = "Name the group to compare, such as 1, or set the operation to exists."
            raise FieldError("Nothing is compared: no group is named.", fix=fix, at=".group")
        return self

    def templates(self) -> Iterator[tuple[str, str]]:
        for path, text in super().templates():
            if path != "reference" or self.operation != "exists":
                yield path, text

    @cached_property
    def _templates(self) -> tuple[Template, Template]:
        return compile_template(self.input), compile_template(self.reference)

    @cached_property
    def _compiled(self) -> tuple[Pattern, int]:
        pattern = compile_pattern(self.pattern, self.ignore_case, self.multiline, self.dot_all)
        return pattern, _number_of(self.group, pattern) if self.group else 0

    def evaluate(self, item: Item, sample: Sample) -> Verdict:
        template, reference_template = self._templates
        expected: list[str] = []
        if self.operation != "exists":
            reference = reference_value(reference_template, item, sample)
            expected = [as_text(each) for each in reference] if isinstance(reference, list) else [as_text(reference)]
            if not expected:
                raise NoScore("other_error", "The reference is an empty list: this item has no right answer.")
        text = template.render(item, sample)
        whole = self.where == "whole"
        pattern, number = self._compiled
        found = pattern.find(
            encode(text.strip() if whole else text), number, whole=whole, last=bool(number) and self.pick == "last"
        )
        if self.expect == "no_match":
            if found is None:
                return Verdict(1.0, "The pattern does not occur, as it should not.")
            return Verdict(0.0, f"The pattern must not occur, the answer has {quote(found.text)}.")
        if found is None:
            return Verdict(0.0, f"The pattern does not fit: {quote(text)}.")
        if not number:
            return Verdict(1.0, f"The pattern fits {quote(found.text)}.")
        if not found.group:
            return Verdict(0.0, f"The pattern fits {quote(found.text)}, but its group {self.group} is empty.")
        if not expected:
            return Verdict(1.0, f"The group {self.group} holds {quote(found.group)}.")
        passed = self._compare(found.group, expected)
        wanted = quote(expected[0]) if len(expected) == 1 else f"one of {quote_all(expected)}"
        if passed:
            return Verdict(1.0, f"The group {self.group} holds {quote(found.group)}, as expected.")
        negated = "anything but " if self.operation == "ne" else "a text with " if "like" in self.operation else ""
        return Verdict(0.0, f"Expected {negated}{wanted} in group {self.group}, found {quote(found.group)}.")

    def _compare(self, text: str, expected: list[str]) -> bool:
        match self.operation:
            case "eq":
                return text in expected
            case "ne":
                return text not in expected
            case "like":
                return any(each in text for each in expected)
            case "ilike":
                folded = text.casefold()
                return any(each.casefold() in folded for each in expected)
        spelling = normalise(text)
        return any(normalise(each) == spelling for each in expected)


def _number_of(group: str, pattern: Pattern) -> int:
    """The group's number. Raises `FieldError` where the pattern has no such group."""
    number = int(group) if group.isascii() and group.isdigit() and len(group) < 5 else pattern.names.get(group, 0)
    if 1 <= number <= pattern.groups:
        return number
    if not pattern.groups:
        fix = "Put parentheses around the part to take out: dose: (\\d+)."
        raise FieldError("The pattern has no group.", fix=fix)
    named = ", ".join(["1" if pattern.groups == 1 else f"1 to {pattern.groups}", *pattern.names])
    raise FieldError(f"The pattern has no group “{group[:40]}”.", fix=f"It has {named}.")
