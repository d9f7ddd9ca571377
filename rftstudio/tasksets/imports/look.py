"""A first look at an uploaded file: how it is to be read, its columns with examples, its first rows."""

import csv
import io
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rftstudio.engine.errors import SpecError
from rftstudio.engine.grading.text import as_text, quote
from rftstudio.tasksets.imports.encoding import find_encoding, refuse_foreign_file
from rftstudio.tasksets.imports.reader import MAX_COLUMNS, Dialect, open_text, read_rows, too_many_columns
from rftstudio.tasksets.text import check_text

PREVIEW = 10
LOOKED_AT = 200  # rows whose keys make the columns of a JSONL file
SEPARATORS = ",;\t|"
SEPARATOR_NAMES = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "vertical bars"}


@dataclass
class Look:
    """What a first look finds: how to read, the columns with examples, and the first rows."""

    dialect: Dialect
    columns: list[dict[str, Any]]
    rows: list[list[str]]


def look_at(path: Path, name: str) -> Look:
    """How to read this file. Raises `SpecError` where it cannot be read at all."""
    if path.stat().st_size == 0:
        raise SpecError("The file is empty.", path="file", fix="Save it again with a header line and some rows.")
    with path.open("rb") as file:
        head = file.read(65_536)
    refuse_foreign_file(head, name)
    encoding, note = find_encoding(path, head)
    notes = [note] if note else []
    start = head.decode(encoding, errors="ignore").lstrip("\ufeff")
    if not start.strip():
        raise SpecError("The file holds nothing but spaces.", path="file", fix="Save it again with some rows.")
    if _is_jsonl(start, name):
        return _look_at_jsonl(path, Dialect("jsonl", encoding, notes=tuple(notes)))
    delimiter = _find_delimiter(start)
    if delimiter != "," and not name.lower().endswith(".tsv"):
        notes.append(f"The columns are separated by {SEPARATOR_NAMES[delimiter]}.")
    return _look_at_csv(path, Dialect("csv", encoding, delimiter, tuple(notes)))


def _is_jsonl(start: str, name: str) -> bool:
    first = start.lstrip()[:1]
    if first == "[" and not name.lower().endswith((".csv", ".tsv")):
        fix = "Write one object {…} a line (JSONL), without the list around them."
        raise SpecError("The file is one JSON list.", path="file", fix=fix)
    return first == "{" or name.lower().endswith((".jsonl", ".ndjson", ".json"))


def _find_delimiter(start: str) -> str:
    """The separator that cuts the first rows into the most columns, the same number in each."""
    sample = start[:20_000]
    if len(start) > len(sample):
        sample = sample[: sample.rfind("\n") + 1] or sample

    def evenness(delimiter: str) -> tuple[float, int]:
        try:
            widths = [len(row) for row in csv.reader(io.StringIO(sample), delimiter=delimiter) if row][:25]
        except csv.Error:
            return 0.0, 0
        if not widths or widths[0] < 2:
            return 0.0, 0
        return Counter(widths)[widths[0]] / len(widths), widths[0]

    best = max(SEPARATORS, key=lambda delimiter: (evenness(delimiter)[0] > 0.5, *evenness(delimiter)))
    return best if evenness(best)[1] else ","


def _look_at_csv(path: Path, dialect: Dialect) -> Look:
    with open_text(path, dialect) as file:
        header = next((row for row in csv.reader(file, delimiter=dialect.delimiter) if any(map(str.strip, row))), [])
    names, notes = _column_names(header)
    dialect = Dialect(dialect.format, dialect.encoding, dialect.delimiter, (*dialect.notes, *notes))
    return _look(path, dialect, names)


def _look_at_jsonl(path: Path, dialect: Dialect) -> Look:
    names: dict[str, None] = {}
    first_fault = None
    for number, row in enumerate(read_rows(path, dialect, [])):
        names.update(dict.fromkeys(row.cells))
        first_fault = first_fault or next(((row.line, fault) for fault in row.faults), None)
        if number >= LOOKED_AT:
            break
    if not names:
        where, what = "", "There is no row in the file."
        fix = 'Write one object a line, such as {"question": "…", "reference_answer": "…"}.'
        if first_fault:
            where, what, fix = f"line {first_fault[0]}", first_fault[1].message, first_fault[1].fix
        raise SpecError(what, path=where or "file", fix=fix)
    if len(names) > MAX_COLUMNS:
        raise too_many_columns(len(names))
    for name in names:
        check_text(name, path="file")
    return _look(path, dialect, list(names))


def _column_names(header: list[str]) -> tuple[list[str], list[str]]:
    names = [" ".join(name.replace("\ufeff", "").split()) for name in header]
    while names and not names[-1]:
        names.pop()
    if len(names) > MAX_COLUMNS:
        raise too_many_columns(len(names))
    if not names:
        fix = "Put a name above every column."
        raise SpecError("The first line holds no column names.", path="line 1", fix=fix)
    notes = []
    for index, name in enumerate(names):
        check_text(name, path=f"line 1, column {index + 1}")
        if len(name) > 200:
            message = f"The name of column {index + 1} is {len(name)} characters long."
            fix = "The first line must hold the names of the columns, not a row."
            raise SpecError(message, path="line 1", fix=fix)
        if not name:
            names[index] = f"column {index + 1}"
            notes.append(f"Column {index + 1} has no name and is called “{names[index]}” here.")
    twice = [name for name, count in Counter(names).items() if count > 1]
    if twice:
        places = ", ".join(str(index + 1) for index, name in enumerate(names) if name == twice[0])
        message = f"Two columns are called {quote(twice[0])} (columns {places})."
        raise SpecError(message, path="line 1", fix="Give every column its own name.")
    return names, notes


def _look(path: Path, dialect: Dialect, names: list[str]) -> Look:
    examples: dict[str, list[str]] = {name: [] for name in names}
    kinds: dict[str, set[str]] = {name: set() for name in names}
    rows: list[list[str]] = []
    for number, row in enumerate(read_rows(path, dialect, names)):
        if len(rows) < PREVIEW and row.cells:
            rows.append([_excerpt(row.cells.get(name)) for name in names])
        for name, value in row.cells.items():
            if name in examples and value not in (None, ""):
                is_talk = isinstance(value, list) or (isinstance(value, str) and value.lstrip().startswith("[{"))
                kinds[name].add("list" if is_talk else "")
                if len(examples[name]) < 3 and (shown := _excerpt(value)) not in examples[name]:
                    examples[name].append(shown)
        if number >= LOOKED_AT:
            break
    if not rows:
        fix = "Save it again with at least one row below the header."
        raise SpecError("The file has column names but no rows.", path="file", fix=fix)
    columns = [{"name": name, "examples": examples[name], "is_list": "list" in kinds[name]} for name in names]
    return Look(dialect, columns, rows)


def _excerpt(value: Any) -> str:
    text = as_text(value)[:200]
    clean = "".join(character if character.isprintable() or character == "\n" else "\ufffd" for character in text)
    return clean if len(clean) <= 120 else clean[:119] + "…"
