"""Nested formulas and rubrics as one formula over leaves: the most that OpenAI's `multi` can hold.

A rubric's mean is a weighted sum. Its vetoes are steps: with s and t in 0..1, min(1, floor(s - t) + 1) is 1 where s is
at least t and 0 below. A criterion for some items only has no twin, since a formula knows nothing of the item.
"""

import re
from dataclasses import dataclass, field

from rftstudio.engine.grading.formula import FUNCTIONS, MAX_LENGTH, Formula, FormulaError
from rftstudio.engine.grading.kind import Spec
from rftstudio.engine.grading.multi import MAX_GRADERS, Multi
from rftstudio.engine.grading.rubric import Criterion, Rubric

# Kinds whose score may lie outside 0..1, which a rubric then holds within it.
_FREE = ("multi", "python", "score_model", "endpoint")
_MAX_NAME = 40

Note = tuple[str, str, str, str]  # path, kind, what it became ("" if nothing), why


@dataclass(slots=True)
class Flat:
    """leaves: by name, (path, grader, the criterion that it checks or "").

    formula: over their names, None where there is one leaf and nothing else.
    """

    leaves: dict[str, tuple[str, Spec, str]] = field(default_factory=dict)
    formula: str | None = None
    notes: list[Note] = field(default_factory=list)


def flatten(spec: Spec) -> Flat:
    """Raises nothing: what cannot be said in a formula stands in the notes."""
    flat = Flat()
    formula = _of(spec, "", "", flat)
    if isinstance(spec, Multi | Rubric):
        flat.formula = formula
        if not any(not became for _, _, became, _ in flat.notes):
            _check(flat, spec)
    return flat


def _check(flat: Flat, spec: Spec) -> None:
    try:
        Formula(flat.formula or "", frozenset(flat.leaves))
    except FormulaError as failure:
        flat.notes.append(("", spec.type, "", f"As one formula it cannot be written: {failure}"))
    if len(flat.leaves) > MAX_GRADERS:
        note = (
            f"It has {len(flat.leaves)} graders; at most {MAX_GRADERS} fit into one formula of {MAX_LENGTH} characters."
        )
        flat.notes.append(("", spec.type, "", note))


def _of(spec: Spec, name: str, path: str, flat: Flat, sentence: str = "") -> str:
    """The formula for a grader's score; its leaves are put into `flat`."""
    if isinstance(spec, Multi):
        return _multi(spec, name, path, flat)
    if isinstance(spec, Rubric):
        return _rubric(spec, name, path, flat)
    word = _free(name or spec.name or spec.type, flat)
    flat.leaves[word] = (path, spec, sentence)
    return word


def _multi(spec: Multi, name: str, path: str, flat: Flat) -> str:
    found = {}
    for key, grader in spec.graders.items():
        inner = _of(grader, f"{name}_{key}" if name else key, _joined(path, f"graders.{key}"), flat)
        found[key] = inner if inner.isidentifier() else f"({inner})"
    if name:
        note = "OpenAI has no formula inside a formula: put into the outer one."
        flat.notes.append((path, "multi", "multi", note))
    else:
        flat.notes.append((path, "multi", "multi", "The formula is kept."))
    words = re.compile(r"(?<!\w)(?:" + "|".join(map(re.escape, found)) + r")(?!\w)(?!\s*\()")
    return words.sub(lambda match: found[match[0]], spec.calculate_output.strip())


def _rubric(spec: Rubric, name: str, path: str, flat: Flat) -> str:
    total = sum(criterion.weight for criterion in spec.criteria)
    terms, steps, caps = [], [], []
    for index, criterion in enumerate(spec.criteria):
        place = _joined(path, f"criteria[{index}]")
        if criterion.applies_if is not None:
            note = "It applies to some items only; a formula of OpenAI's cannot say that."
            flat.notes.append((place, "criterion", "", note))
            continue
        if not criterion.weight and criterion.critical == "none":
            flat.notes.append((place, "criterion", "nothing", "It weighs nothing and decides nothing: left out."))
            continue
        score = _criterion(criterion, f"{name}_{criterion.name}" if name else criterion.name, place, flat)
        if criterion.weight:
            terms.append(f"{criterion.weight:.12g} * {score}")
        step = f"min(1, floor({score} - {criterion.threshold:.12g}) + 1)"
        if criterion.critical == "zero":
            steps.append(step)
        elif criterion.critical == "cap":
            caps.append(f"max({criterion.cap:.12g}, {step})")
    formula = f"({' + '.join(terms)}) / {total:.12g}"
    if caps:
        formula = f"min({', '.join([formula, *caps])})"
    if steps:
        formula = " * ".join([f"({formula})" if not caps else formula, *steps])
    flat.notes.append((path, "rubric", "multi", "The weighted mean and its vetoes as one formula."))
    return formula


def _criterion(criterion: Criterion, name: str, path: str, flat: Flat) -> str:
    score = _of(criterion.check, name, f"{path}.check", flat, criterion.sentence)
    if criterion.check.type in _FREE:
        score = f"min(1, max(0, {score}))"
    elif not score.isidentifier():
        score = f"({score})"
    return f"(1 - {score})" if criterion.polarity == "must_not" else score


def _free(name: str, flat: Flat) -> str:
    word = re.sub(r"\W+", "_", name).strip("_")[:_MAX_NAME].strip("_").lower() or "part"
    word = word if word.isidentifier() and word not in FUNCTIONS else f"part_{word}"
    number, free = 2, word
    while free in flat.leaves:
        free, number = f"{word}_{number}", number + 1
    return free


def _joined(path: str, step: str) -> str:
    return f"{path}.{step}" if path else step
