"""What the builder's buttons do to the texts of a page: another kind, a row more, less, up or down. No database.

A change is a word with its place: `kind:g-r0-g:number`, `add:g`, `copy:g:2`, `remove:g:2`, `up:g:2`, `down:g:2`,
`move:g:2:0` (row 2 to the first place), `undo`.
Nothing typed is lost: what a change takes off the page is kept in the text `undo`.
"""

import json
from collections.abc import Mapping
from typing import Any

from rftstudio.engine.grading import parse_spec
from rftstudio.graders.forms import FORMS, OtherForm
from rftstudio.graders.forms.kind import Texts
from rftstudio.graders.forms.tree import MAX_ROWS, ROOT, row_ids, texts_of

_CARRIED = ("name", "input", "reference", "choices", "synonyms", "synonyms_from")
UNDO = "undo"
_MAX_UNDO = 1_000_000


def change(texts: Mapping[str, str], word: str, starts: Mapping[str, dict[str, Any]]) -> Texts:
    """The texts after a change. starts: a spec to begin with, for each kind. An unknown change changes nothing."""
    verb, _, rest = word.partition(":")
    prefix, _, argument = rest.partition(":")
    if verb == "undo":
        return _undone(texts)
    if f"{prefix}-kind" not in texts:
        return dict(texts)
    if verb == "kind" and argument in FORMS and argument in starts:
        return _with_undo(texts, _other_kind(texts, prefix, argument, starts))
    if verb == "add":
        return _with_undo(texts, _added(texts, prefix, starts))
    ids = row_ids(texts, prefix)
    argument, _, place = argument.partition(":")
    if argument not in ids:
        return dict(texts)
    if verb == "copy" and len(ids) < MAX_ROWS:
        return _with_undo(texts, _copied(texts, prefix, ids, argument))
    if verb == "remove":
        gone = f"{prefix}-r{argument}-"
        left = {name: text for name, text in texts.items() if not name.startswith(gone)}
        return _with_undo(texts, left | {f"{prefix}-rows": " ".join(each for each in ids if each != argument)})
    if verb in ("up", "down"):
        there = ids.index(argument) + (1 if verb == "down" else -1)
    elif verb == "move" and place.isdigit() and len(place) < 6:
        there = int(place)
    else:
        return dict(texts)
    ids.remove(argument)
    ids.insert(max(0, there), argument)
    return {**texts, f"{prefix}-rows": " ".join(ids)}


def grader_texts(texts: Mapping[str, str]) -> Texts:
    """Those of the texts that belong to the grader."""
    return {name: text for name, text in texts.items() if name.startswith(f"{ROOT}-")}


def _other_kind(texts: Mapping[str, str], prefix: str, kind: str, starts: Mapping[str, dict[str, Any]]) -> Texts:
    old = {name: text for name, text in texts.items() if name.startswith(f"{prefix}-")}
    rest = {name: text for name, text in texts.items() if name not in old}
    old_kind = FORMS.get(old[f"{prefix}-kind"], OtherForm)
    depth = prefix.count("-g")
    fresh = texts_of(_full(starts[kind]), prefix, depth)
    wraps = FORMS[kind].row_form is not None and "input" not in FORMS[kind].base_fields
    if wraps and old_kind.row_form is not None and "input" not in old_kind.base_fields:
        return rest | _rows_kept(old, fresh, prefix)
    if wraps:
        # The grader that is there becomes the first one inside the new one.
        inner = f"{prefix}-r0-g"
        fresh = {name: text for name, text in fresh.items() if not name.startswith(f"{inner}-")}
        return rest | fresh | {f"{inner}{name.removeprefix(prefix)}": text for name, text in old.items()}
    for each in row_ids(old, prefix):
        inner = f"{prefix}-r{each}-g"
        if old.get(f"{inner}-kind") == kind:
            kept = {name: text for name, text in old.items() if name.startswith(f"{inner}-")}
            return rest | {f"{prefix}{name.removeprefix(inner)}": text for name, text in kept.items()}
    for name in _CARRIED:
        place = f"{prefix}-{name}"
        if old.get(place) and place in fresh:
            fresh[place] = old[place]
    return rest | fresh


def _rows_kept(old: Texts, fresh: Texts, prefix: str) -> Texts:
    """A rubric's checks as a formula's graders, or the other way round; each row keeps its grader."""
    texts = {name: text for name, text in fresh.items() if not name.startswith(f"{prefix}-r0-")}
    ids = row_ids(old, prefix)
    pattern = {
        name.removeprefix(f"{prefix}-r0-"): text for name, text in fresh.items() if name.startswith(f"{prefix}-r0-")
    }
    names = []
    for number, each in enumerate(ids, 1):
        start = f"{prefix}-r{each}-"
        label = old.get(f"{start}key") or old.get(f"{start}name") or f"part_{number}"
        word = "".join(letter if letter.isalnum() else "_" for letter in label).strip("_") or "part"
        word = word if word.isidentifier() else f"part_{word}"
        while word in names:
            word += "_2"
        names.append(word)
        for name, text in pattern.items():
            if not name.startswith("g-"):
                texts[f"{start}{name}"] = text
        texts[f"{start}key" if "key" in pattern else f"{start}name"] = word if "key" in pattern else label
        texts.update({name: text for name, text in old.items() if name.startswith(f"{start}g-")})
    texts[f"{prefix}-rows"] = " ".join(ids)
    if f"{prefix}-calculate_output" in texts and names:
        texts[f"{prefix}-calculate_output"] = f"({' + '.join(names)}) / {len(names)}" if len(names) > 1 else names[0]
    return texts


def _added(texts: Mapping[str, str], prefix: str, starts: Mapping[str, dict[str, Any]]) -> Texts:
    ids = row_ids(texts, prefix)
    kind = FORMS.get(texts[f"{prefix}-kind"], OtherForm)
    if kind.row_form is None or len(ids) >= MAX_ROWS:
        return dict(texts)
    new = str(max(map(int, ids), default=-1) + 1)
    row = kind.blank_row(len(ids) + 1)
    start = f"{prefix}-r{new}"
    added = {f"{start}-{name}": text for name, text in kind.row_form.texts(row).items()}
    inside = "string_check" if kind.kind != "json_fields" else "exact_choice"
    added |= texts_of(_full(starts[inside]), f"{start}-g", prefix.count("-g") + 1)
    return {**texts, **added, f"{prefix}-rows": " ".join([*ids, new])}


def _copied(texts: Mapping[str, str], prefix: str, ids: list[str], row: str) -> Texts:
    """The row once more, below itself. A name that must be the only one of its sort is left to be given."""
    new = str(max(map(int, ids)) + 1)
    start, fresh = f"{prefix}-r{row}-", f"{prefix}-r{new}-"
    copy = {f"{fresh}{name.removeprefix(start)}": text for name, text in texts.items() if name.startswith(start)}
    for name in ("name", "path"):
        if f"{fresh}{name}" in copy:
            copy[f"{fresh}{name}"] = ""
    if key := copy.get(f"{fresh}key"):
        taken = {texts.get(f"{prefix}-r{each}-key") for each in ids}
        number = 2
        while f"{key}_{number}" in taken:
            number += 1
        copy[f"{fresh}key"] = f"{key}_{number}"
    place = ids.index(row) + 1
    return {**texts, **copy, f"{prefix}-rows": " ".join([*ids[:place], new, *ids[place:]])}


def _with_undo(before: Mapping[str, str], after: Texts) -> Texts:
    kept = json.dumps(grader_texts(before), ensure_ascii=False)
    return {**after, UNDO: kept if len(kept) < _MAX_UNDO else ""}


def _undone(texts: Mapping[str, str]) -> Texts:
    try:
        before = json.loads(texts.get(UNDO) or "null")
    except ValueError:
        before = None
    if not isinstance(before, dict) or not all(isinstance(text, str) for text in before.values()):
        return dict(texts)
    others = {name: text for name, text in texts.items() if not name.startswith(f"{ROOT}-") and name != UNDO}
    return {**others, **grader_texts(before)}


def _full(spec: dict[str, Any]) -> dict[str, Any]:
    return parse_spec(spec).model_dump(mode="json", exclude_none=True)
