"""What differs between two specs in sentences an expert reads, in the words that the form has for its fields.

`diff.py` has the same difference field by field, for who wants all of it.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rftstudio.graders.forms import FORMS, OtherForm
from rftstudio.graders.forms.fields import OMIT
from rftstudio.graders.forms.kind import SpecForm
from rftstudio.graders.words import describe

_LABELS = ("name", "path", "key")
_LONG = 300


@dataclass(frozen=True, slots=True)
class Sentence:
    """where: the part it is about, "" for the whole. what: the field. before, after: "" where there is nothing."""

    where: str
    what: str
    before: str = ""
    after: str = ""

    def __str__(self) -> str:
        start = f"{self.where}: " if self.where else ""
        if self.before and self.after:
            return f"{start}{self.what} was {self.before}, is now {self.after}."
        if self.after:
            return f"{start}{self.what} is new: {self.after}."
        return f"{start}{self.what} is gone: {self.before}." if self.before else f"{start}{self.what}."


def sentences(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[Sentence]:
    """From the outermost grader inwards, in the order of the newer one."""
    return list(_grader(before, after, ""))


def _grader(old: Mapping[str, Any], new: Mapping[str, Any], where: str) -> Iterator[Sentence]:
    if old.get("type") != new.get("type"):
        yield Sentence(where, "The way of marking", _kind(old), _kind(new))
        return
    form = FORMS.get(str(new.get("type")), OtherForm)
    if form is OtherForm:
        if old != new:
            yield Sentence(where, "The grader's JSON changed")
        return
    yield from _fields(form, old, new, where, skip=(form.rows_key,))
    if form.row_form is not None:
        yield from _rows(form, form.row_form, old, new, where)


def _kind(spec: Mapping[str, Any]) -> str:
    form = FORMS.get(str(spec.get("type")))
    return f"“{form.question}” ({describe(spec)})" if form else str(spec.get("type"))


def _fields(
    form: type[SpecForm], old: Mapping[str, Any], new: Mapping[str, Any], where: str, skip: Sequence[str] = ()
) -> Iterator[Sentence]:
    seen = {"type", *skip}
    for name, field in form.base_fields.items():
        steps = (getattr(field, "at", "") or name).split(".")
        seen.add(steps[0])
        was, now = _at(old, steps), _at(new, steps)
        if was != now and name != "keep":
            yield from _field(str(field.label or name), field, was, now, where)
    for key in dict.fromkeys((*old, *new)):
        if key not in seen and old.get(key) != new.get(key):
            yield Sentence(where, f"“{key}”", _shown(old.get(key, OMIT)), _shown(new.get(key, OMIT)))


def _at(spec: Any, steps: Sequence[str]) -> Any:
    for step in steps:
        spec = spec.get(step, OMIT) if isinstance(spec, Mapping) else OMIT
    return spec


def _field(label: str, field: Any, was: Any, now: Any, where: str) -> Iterator[Sentence]:
    if isinstance(was, bool) or isinstance(now, bool):
        yield Sentence(where, label, "yes" if was is True else "no", "yes" if now is True else "no")
    elif _listed(was) and _listed(now) and (isinstance(was, list) or isinstance(now, list)):
        yield from _list(label, was, now, where)
    elif isinstance(was, Mapping) and isinstance(now, Mapping) and all(map(_listed, (*was.values(), *now.values()))):
        for key in dict.fromkeys((*was, *now)):
            yield from _list(f"{label} of “{key}”", was.get(key, []), now.get(key, []), where)
    else:
        words = dict(getattr(field, "choices", ()) or ())
        yield Sentence(where, label, str(words.get(was, _shown(was))), str(words.get(now, _shown(now))))


def _listed(value: Any) -> bool:
    return value is OMIT or (isinstance(value, list) and all(isinstance(each, str | int | float) for each in value))


def _list(label: str, was: Any, now: Any, where: str) -> Iterator[Sentence]:
    was, now = ([] if each is OMIT else each for each in (was, now))
    gone = [each for each in was if each not in now]
    fresh = [each for each in now if each not in was]
    if all(isinstance(each, int | float) for each in (*was, *now)):
        yield Sentence(where, label, _joined(was) or "nothing", _joined(now) or "nothing")
        return
    if fresh:
        yield Sentence(where, label, after=_joined(fresh))
    if gone:
        yield Sentence(where, label, before=_joined(gone))
    if not fresh and not gone and was != now:
        yield Sentence(where, f"The order of {label[:1].lower()}{label[1:]} changed")


def _rows(
    form: Any, row_form: type[SpecForm], old: Mapping[str, Any], new: Mapping[str, Any], where: str
) -> Iterator[Sentence]:
    was, now = _named(form.split(old)), _named(form.split(new))
    shares = _shares(was), _shares(now)
    noun = form.row_noun.capitalize()
    for label, (row, grader) in now.items():
        here = f"{where}, “{label}”" if where else f"“{label}”"
        if label not in was:
            said = row.get("sentence")
            share = f", {shares[1][label]} of the whole" if label in shares[1] else ""
            yield Sentence(where, f"{noun} “{label}”", after=f"{f'{said} ' if said else ''}{describe(grader)}{share}")
            continue
        before, check = was[label]
        for sentence in _fields(row_form, before, row, here):
            yield _with_share(sentence, shares, label)
        yield from _grader(check, grader, here)
    for label, (_, grader) in was.items():
        if label not in now:
            yield Sentence(where, f"{noun} “{label}”", before=describe(grader))
    kept = [label for label in now if label in was]
    if kept != [label for label in was if label in now]:
        yield Sentence(where, f"The order is now {', '.join(now)}")


def _named(rows: Sequence[tuple[dict[str, Any], dict[str, Any]]]) -> dict[str, tuple[dict[str, Any], dict[str, Any]]]:
    found: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {}
    for number, (row, grader) in enumerate(rows, 1):
        label = next((str(row[key]) for key in _LABELS if row.get(key)), str(number))
        found[label if label not in found else f"{label} ({number})"] = (row, grader)
    return found


def _shares(rows: Mapping[str, tuple[dict[str, Any], dict[str, Any]]]) -> dict[str, str]:
    weights = {label: row.get("weight") for label, (row, _) in rows.items()}
    numbers = {label: float(each) for label, each in weights.items() if isinstance(each, int | float)}
    total = sum(numbers.values())
    return {label: f"{100 * each / total:.0f} %" for label, each in numbers.items()} if total else {}


def _with_share(sentence: Sentence, shares: tuple[dict[str, str], dict[str, str]], label: str) -> Sentence:
    if sentence.what != "Weight" or label not in shares[0] or label not in shares[1]:
        return sentence
    before, after = f"{sentence.before} ({shares[0][label]})", f"{sentence.after} ({shares[1][label]} of the whole)"
    return Sentence(sentence.where, sentence.what, before, after)


def _joined(values: Sequence[Any]) -> str:
    shown = [f"“{each}”" if isinstance(each, str) else f"{each:g}" for each in values[:12]]
    return ", ".join(shown) + (f" and {len(values) - 12} more" if len(values) > 12 else "")


def _shown(value: Any) -> str:
    if value is OMIT or value is None or value == "":
        return "empty"
    if isinstance(value, float):
        return f"{value:g}"
    text = " ".join(str(value).split())
    return text if len(text) <= _LONG else f"{text[: _LONG - 1]}…"
