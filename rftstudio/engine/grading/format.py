"""`format`: the outward form of an answer: length, language, JSON, no preamble, a proper end, no Markdown.

score = checks passed / checks that apply. Each check is a child, so that the page and the charts show it by itself. An
answer without any text passes none. The language of a very short answer cannot be told: that check then does not apply,
and where it is the only one there is no score.
"""

from collections.abc import Callable
from functools import cached_property
from typing import Any, ClassVar, Literal

from pydantic import Field, ValidationInfo, field_validator, model_validator

from rftstudio.engine.grading.failure import FieldError
from rftstudio.engine.grading.kind import InputField, Spec, TemplateText, Verdict
from rftstudio.engine.grading.language import LANGUAGES, language_of
from rftstudio.engine.grading.manners import markdown_in, preamble_of, unfinished
from rftstudio.engine.grading.template import Template, compile_template
from rftstudio.engine.grading.text import quote
from rftstudio.engine.grading.text_units import count_characters, count_sentences, count_words
from rftstudio.engine.types import Grade, GradeError, Item, Sample

_Check = Callable[[str, Sample], tuple[bool | None, str]]  # None: does not apply
_COUNTS: dict[str, Callable[[str], int]] = {
    "words": count_words,
    "sentences": count_sentences,
    "characters": count_characters,
}


def _bound(unit: str, which: str) -> Any:
    least = which == "At least"
    return Field(
        default=None,
        ge=0,
        le=1_000_000,
        title=f"{which} ({unit})",
        description=f"{'Fewer' if least else 'More'} {unit} fail. Empty: no bound.",
    )


class Format(Spec):
    """Share of the chosen checks that the answer passes."""

    title: ClassVar[str] = "Form of the answer"
    summary: ClassVar[str] = "Length, language, JSON, no preamble, a proper end: the form, whatever the answer says."

    type: Literal["format"] = "format"
    input: TemplateText = InputField
    min_words: int | None = _bound("words", "At least")
    max_words: int | None = _bound("words", "At most")
    min_sentences: int | None = _bound("sentences", "At least")
    max_sentences: int | None = _bound("sentences", "At most")
    min_characters: int | None = _bound("characters", "At least")
    max_characters: int | None = _bound("characters", "At most")
    language: str = Field(
        default="",
        title="Language",
        description=f"Code of the language the answer must be in: {', '.join(LANGUAGES)}. Empty: any.",
    )
    valid_json: bool = Field(
        default=False, title="Valid JSON", description="The answer is JSON and nothing else; a code fence fails."
    )
    no_preamble: bool = Field(
        default=False, title="No preamble", description="Does not begin with “Sure, here is …” and the like (English)."
    )
    ends_properly: bool = Field(
        default=False,
        title="Ends properly",
        description="Is not cut off: the last sentence ends, and every bracket and code fence is closed.",
    )
    no_markdown: bool = Field(
        default=False, title="No Markdown", description="Plain text: no headings, stars, lists, tables, code fences."
    )

    @field_validator("max_words", "max_sentences", "max_characters")
    @classmethod
    def _in_order(cls, most: int | None, info: ValidationInfo) -> int | None:
        least = info.data.get(str(info.field_name).replace("max", "min"))
        if most is not None and least is not None and most < least:
            raise FieldError(f"At most {most} is less than at least {least}.", fix="Swap the two numbers.")
        return most

    @field_validator("language")
    @classmethod
    def _known(cls, language: str) -> str:
        code = language.strip().lower()
        by_name = {name.lower(): each for each, name in LANGUAGES.items()}
        code = by_name.get(code, code)
        if code and code not in LANGUAGES:
            raise FieldError(f"“{language[:40]}” is no language known here.", fix=f"Use one of {', '.join(LANGUAGES)}.")
        return code

    @model_validator(mode="after")
    def _asks_for_something(self) -> "Format":
        if not self._checks:
            fix = "Ask for one: a length, a language, valid_json, no_preamble, ends_properly or no_markdown."
            raise FieldError("No check is chosen.", fix=fix, at=".max_words")
        return self

    @cached_property
    def _template(self) -> Template:
        return compile_template(self.input)

    @cached_property
    def _checks(self) -> list[tuple[str, _Check]]:
        checks: list[tuple[str, _Check]] = []
        for unit, count in _COUNTS.items():
            least, most = getattr(self, f"min_{unit}"), getattr(self, f"max_{unit}")
            if least is not None or most is not None:
                checks.append((unit, _length(unit, count, least, most)))
        chosen: list[tuple[Any, str, _Check]] = [
            (self.language, "language", _language(self.language)),
            (self.valid_json, "valid_json", _valid_json),
            (self.no_preamble, "no_preamble", _manner(preamble_of, "begins with", "Comes to the point at once.")),
            (self.ends_properly, "ends_properly", _ends_properly),
            (self.no_markdown, "no_markdown", _manner(markdown_in, "has", "Plain text, without Markdown.")),
        ]
        return checks + [(name, check) for on, name, check in chosen if on]

    def evaluate(self, item: Item, sample: Sample) -> Verdict:
        text = self._template.render(item, sample)
        empty = not text or text.isspace()
        children = []
        passed = counted = 0
        for name, check in self._checks:
            ok, reason = (False, "The answer is empty.") if empty else check(text, sample)
            if ok is None:
                children.append(Grade(name, "check", None, reason, weight=0.0))
                continue
            children.append(Grade(name, "check", 1.0 if ok else 0.0, reason, weight=1.0))
            counted += 1
            passed += ok
        if not counted:
            error = GradeError("other_error", children[0].reason)
            return Verdict(None, children=tuple(children), error=error)
        failed = "; ".join(child.reason.rstrip(".") for child in children if child.score == 0) if not empty else ""
        reason = f"Passes {passed} of {counted} checks" + (f": {failed}." if failed else ".")
        return Verdict(passed / counted, "The answer is empty." if empty else reason, tuple(children))

    def recompute(self, grade: Grade) -> float | None:
        scores = [child.score for child in grade.children if child.score is not None]
        return sum(scores) / len(scores) if scores else None


def _length(unit: str, count: Callable[[str], int], least: int | None, most: int | None) -> _Check:
    wanted = f"{least or 0} to {most}" if most is not None and least else f"at most {most}"
    if most is None:
        wanted = f"at least {least}"

    def check(text: str, sample: Sample) -> tuple[bool, str]:
        n = count(text)
        ok = (least is None or n >= least) and (most is None or n <= most)
        return ok, f"Has {n} {unit if n != 1 else unit[:-1]}, {wanted} {'were' if ok else 'are'} asked for."

    return check


def _language(wanted: str) -> _Check:
    def check(text: str, sample: Sample) -> tuple[bool | None, str]:
        found = language_of(text)
        if found is None:
            return None, "Too short or too unclear to tell its language."
        code, probability = found
        told = f"{LANGUAGES.get(code, code)} ({probability:.0%} sure)"
        if code == wanted:
            return True, f"Is in {told}."
        return False, f"Is in {told}, not in {LANGUAGES[wanted]}."

    return check


def _valid_json(text: str, sample: Sample) -> tuple[bool, str]:
    # The parsed form belongs to the whole answer; another text is parsed by itself.
    whole = sample if text is sample.output_text or text == sample.output_text else Sample.from_text(text)
    if whole.output_json is not None or text.strip() == "null":
        return True, "Is valid JSON."
    return False, "Is not valid JSON."


def _manner(find: Callable[[str], str], verb: str, fine: str) -> _Check:
    def check(text: str, sample: Sample) -> tuple[bool, str]:
        found = find(text)
        return not found, f"The answer {verb} {quote(found, 40)}." if found else fine

    return check


def _ends_properly(text: str, sample: Sample) -> tuple[bool, str]:
    if sample.truncated:
        return False, "Was cut off at the length limit."
    why = unfinished(text)
    return not why, why or "Ends properly."
