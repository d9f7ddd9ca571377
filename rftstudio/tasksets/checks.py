"""What stands in the way of publishing a draft (errors), and what one should know before (warnings)."""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rftstudio.engine.errors import SpecError
from rftstudio.tasksets.answers import choice_labels
from rftstudio.tasksets.definition import Definition, check_definition, default_template, prompt_key
from rftstudio.tasksets.derive import problem_of
from rftstudio.tasksets.models import Problem, Split, TaskItem
from rftstudio.tasksets.rows import render_messages

MIN_ITEMS = 3
SHOWN = 20
_SPLIT_WORDS = {"train": "training", "validation": "validation", "test": "test"}


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing found. query: the table's filter that shows the items; keys: the first few of them."""

    level: str
    message: str
    fix: str = ""
    path: str = ""
    query: str = ""
    keys: tuple[str, ...] = ()

    @property
    def is_error(self) -> bool:
        return self.level == "error"


def publish_findings(definition: Definition, items: Sequence[TaskItem]) -> list[Finding]:
    """Everything found, errors first. Splits must have been dealt; items derived with this definition."""
    findings = [Finding("error", error.message, error.fix, error.path) for error in check_definition(definition)]
    findings += _rendering(definition, items)
    findings += _count(items)
    findings += _problems(definition, items)
    findings += _leaks(items)
    findings += _examples(definition, items)
    findings += _words(definition, items)
    return sorted(findings, key=lambda finding: not finding.is_error)


def _rendering(definition: Definition, items: Sequence[TaskItem]) -> list[Finding]:
    """A path below a field (`{{ item.patient.age }}`) fails only where an item lacks it."""
    template = definition["prompt_template"] or default_template(definition["input_fields"])
    simple = "." not in template.replace("item.", "") and "[" not in template
    for item in () if simple else items:
        if not item.messages:
            try:
                render_messages({**definition, "worked_examples": [], "instructions": ""}, item.fields)
            except SpecError as error:
                message = f"The prompt of item {item.key} cannot be written: {error.message}"
                return [Finding("error", message, error.fix, "prompt_template", f"?q={item.key}", (item.key,))]
    return []


def _count(items: Sequence[TaskItem]) -> list[Finding]:
    if not items:
        fix = "Add items, or import a file."
        return [Finding("error", "There are no items.", fix, "items")]
    if len(items) < MIN_ITEMS:
        number = "is only one item" if len(items) == 1 else f"are only {len(items)} items"
        fix = f"Add more: at least {MIN_ITEMS}, one for each split; a few dozen before training makes sense."
        return [Finding("error", f"There {number}, which cannot be split.", fix, "items")]
    counts = Counter(item.split for item in items)
    return [
        Finding(
            "error",
            f"The {_SPLIT_WORDS[split]} split is empty.",
            f"Move some items to it, or set items to “not dealt yet” so that they are dealt out again ({use}).",
            "split",
        )
        for split, use in (
            ("train", "the model learns from it"),
            ("validation", "it picks the best checkpoint"),
            ("test", "it shows whether the model got better"),
        )
        if not counts[split]
    ]


def _problems(definition: Definition, items: Sequence[TaskItem]) -> list[Finding]:
    found: dict[str, list[TaskItem]] = defaultdict(list)
    for item in items:
        if item.problem:
            found[item.problem].append(item)
    findings = []
    for problem, those in found.items():
        error = problem_of(those[0], definition)[1]
        detail = f" First: {those[0].key}. {error.message}" if error else ""
        findings.append(
            Finding(
                "error",
                f"{counted(len(those), 'item')}: {Problem(problem).label.lower()}.{detail}",
                error.fix if error else "",
                error.path if error else "",
                f"?problem={problem}",
                tuple(item.key for item in those[:SHOWN]),
            )
        )
    return findings


def _leaks(items: Sequence[TaskItem]) -> list[Finding]:
    """The same prompt in two splits: the test would measure memory."""
    twins: dict[str, list[TaskItem]] = defaultdict(list)
    for item in items:
        twins[prompt_key(fields=item.fields, messages=item.messages)].append(item)
    crossing = [those for those in twins.values() if len({item.split for item in those}) > 1]
    into_test = [those for those in crossing if any(item.split == Split.TEST for item in those)]
    findings = []
    if into_test:
        keys = _keys(into_test)
        message = f"{counted(len(into_test), 'prompt')} of the test split also in another split: {', '.join(keys[:4])}."
        fix = "Delete the copies, or put them into the same split: training must never see a test item."
        findings.append(Finding("error", message, fix, "split", f"?q={keys[0]}", keys))
    others = [those for those in crossing if those not in into_test]
    if others:
        keys = _keys(others)
        message = f"{counted(len(others), 'prompt')} both in training and in validation: {', '.join(keys[:4])}."
        fix = "The validation curve will look better than it is. Delete the copies, or put them into one split."
        findings.append(Finding("warning", message, fix, "split", f"?q={keys[0]}", keys))
    contradictions = [
        those for those in twins.values() if len({str(item.reference_answer) for item in those}) > 1 and len(those) > 1
    ]
    if contradictions:
        keys = _keys(contradictions)
        message = (
            f"{counted(len(contradictions), 'prompt')} with two different reference answers: {', '.join(keys[:4])}."
        )
        findings.append(
            Finding("warning", message, "Decide which one is right.", "reference_answer", f"?q={keys[0]}", keys)
        )
    return findings


def _examples(definition: Definition, items: Sequence[TaskItem]) -> list[Finding]:
    names = [field["name"] for field in definition["input_fields"]]

    def asked(fields: Mapping[str, Any]) -> tuple[str, ...]:
        return tuple(" ".join(str(fields.get(name, "")).split()) for name in names)

    shown = {asked(example["fields"]): place for place, example in enumerate(definition["worked_examples"], start=1)}
    same = [item for item in items if not item.messages and asked(item.fields) in shown] if shown else []
    if not same:
        return []
    keys = tuple(item.key for item in same[:SHOWN])
    message = f"Worked example {shown[asked(same[0].fields)]} is also item {keys[0]}: the model is shown its answer."
    return [
        Finding(
            "error",
            message,
            "Remove it from the examples, or delete the item.",
            "worked_examples",
            f"?q={keys[0]}",
            keys,
        )
    ]


def _words(definition: Definition, items: Sequence[TaskItem]) -> list[Finding]:
    if definition["answer_type"] != "choice":
        return []
    findings = []
    seen = " ".join(
        [definition["instructions"], definition["prompt_template"]]
        + [str(example["reference_answer"]) for example in definition["worked_examples"]]
    ).casefold()
    labels = choice_labels(definition["answer_options"])
    untold = [label for label in labels if label.casefold() not in seen]
    if untold and not any(item.messages for item in items):
        message = f"The instructions never mention {', '.join(untold[:6])}."
        fix = "The model can only choose an answer that it is told of: list the choices in the instructions."
        findings.append(Finding("warning", message, fix, "instructions"))
    train = {str(item.reference_answer) for item in items if item.split == Split.TRAIN}
    unused = [label for label in labels if label not in train]
    if unused and items:
        message = f"No training item has the answer {', '.join(unused[:6])}."
        findings.append(Finding("warning", message, "Add some, or the model will hardly learn it.", "reference_answer"))
    return findings


def counted(number: int, noun: str) -> str:
    """`1 item`, `12 items`."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def _keys(groups: Sequence[Sequence[TaskItem]]) -> tuple[str, ...]:
    return tuple(item.key for those in groups[:SHOWN] for item in those)[:SHOWN]
