"""Read an uploaded CSV or JSONL file row by row, however it was saved, within bounds.

`look_at` finds out how a file is to be read (format, encoding, separator, columns); `read_rows` yields its rows with
what is wrong in them. Memory stays bounded by one row. A fault of a row never stops the reading; a fault of the file
raises `SpecError`.
"""

import csv
import io
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, cast

from rftstudio.engine.errors import SpecError
from rftstudio.engine.grading.text import as_text, quote
from rftstudio.tasksets.answers import parse_json
from rftstudio.tasksets.imports.encoding import find_encoding, refuse_foreign_file
from rftstudio.tasksets.text import MAX_TEXT, check_text

MAX_COLUMNS = 200
MAX_LINE = 4_000_000  # characters of one JSONL line
PREVIEW = 10
LOOKED_AT = 200  # rows whose keys make the columns of a JSONL file
FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")  # what a spreadsheet would run, at the start of a cell
SEPARATORS = ",;\t|"
SEPARATOR_NAMES = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "vertical bars"}

# Beyond any cell that can be kept, so that a giant cell is a fault of its row and not of the file; still bounded,
# because a quote that is never closed swallows the rest of the file.
csv.field_size_limit(8_000_000)


@dataclass(frozen=True)
class Dialect:
    """How a file is read. notes: what a person should know about that."""

    format: str
    encoding: str
    delimiter: str = ","
    notes: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        return asdict(self) | {"notes": list(self.notes)}

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> "Dialect":
        return cls(data["format"], data["encoding"], data["delimiter"], tuple(data["notes"]))


@dataclass
class Fault:
    """What is wrong with a cell, or with the whole row where column is empty."""

    column: str
    message: str
    fix: str


@dataclass
class RawRow:
    """One row as the file has it. line: where it begins, from 1; position: bytes read so far."""

    line: int
    cells: dict[str, Any] = field(default_factory=dict)
    faults: list[Fault] = field(default_factory=list)
    position: int = 0


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
    with _open(path, dialect) as file:
        header = next((row for row in csv.reader(file, delimiter=dialect.delimiter) if any(map(str.strip, row))), [])
    names, notes = _column_names(header)
    dialect = Dialect(dialect.format, dialect.encoding, dialect.delimiter, (*dialect.notes, *notes))
    return _look(path, dialect, names)


def _look_at_jsonl(path: Path, dialect: Dialect) -> Look:
    names: dict[str, None] = {}
    first_fault = None
    for number, row in enumerate(_read_jsonl(path, dialect)):
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
        raise _too_many(len(names))
    for name in names:
        check_text(name, path="file")
    return _look(path, dialect, list(names))


def _column_names(header: list[str]) -> tuple[list[str], list[str]]:
    names = [" ".join(name.replace("\ufeff", "").split()) for name in header]
    while names and not names[-1]:
        names.pop()
    if len(names) > MAX_COLUMNS:
        raise _too_many(len(names))
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


def _too_many(count: int) -> SpecError:
    message = f"The file has {count:,} columns; at most {MAX_COLUMNS} can be read."
    fix = "Remove those that are not needed, or check that the right separator is used."
    return SpecError(message, path="file", fix=fix)


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


def read_rows(path: Path, dialect: Dialect, names: list[str]) -> Iterator[RawRow]:
    """Every row of the file that is not blank."""
    if dialect.format == "jsonl":
        return _read_jsonl(path, dialect)
    return _read_csv(path, dialect, names)


def _open(path: Path, dialect: Dialect) -> io.TextIOWrapper:
    newline = "" if dialect.format == "csv" else "\n"
    return path.open(encoding=dialect.encoding, newline=newline, errors="replace")


def _read_csv(path: Path, dialect: Dialect, names: list[str]) -> Iterator[RawRow]:
    with _open(path, dialect) as file:
        reader = csv.reader(file, delimiter=dialect.delimiter)
        header_seen = False
        line = 1
        while True:
            try:
                cells = next(reader)
            except StopIteration:
                return
            except csv.Error as error:
                message = f"This row cannot be read ({error})."
                fix = 'Look for a quote (") in or above it that is never closed.'
                yield RawRow(line, faults=[Fault("", message, fix)], position=_position(file))
                line = reader.line_num + 1
                continue
            start, line = line, reader.line_num + 1
            if not any(cell and not cell.isspace() for cell in cells):
                continue
            if not header_seen:
                header_seen = True
                continue
            yield _csv_row(start, cells, names, _position(file))


def _csv_row(line: int, cells: list[str], names: list[str], position: int) -> RawRow:
    # The apostrophe that keeps a spreadsheet from running a cell, as our own export writes it.
    cells = [cell[1:] if cell[:1] == "'" and cell[1:].startswith(FORMULA) else cell for cell in cells]
    row = RawRow(line, dict(zip(names, cells, strict=False)), position=position)
    if len(cells) < len(names):
        missing = ", ".join(names[len(cells) :][:4])
        message = f"This row has only {len(cells)} of {len(names)} cells. Missing: {missing}."
        row.faults.append(Fault("", message, "Check that no separator or quote is missing in it."))
    elif any(cell.strip() for cell in cells[len(names) :]):
        message = f"This row has {len(cells)} cells, the header only {len(names)}."
        fix = 'Put a cell that holds the separator into quotes (").'
        row.faults.append(Fault("", message, fix))
    return row


def _read_jsonl(path: Path, dialect: Dialect) -> Iterator[RawRow]:
    with _open(path, dialect) as file:
        number = 0
        while text := file.readline(MAX_LINE + 1):
            number += 1
            if len(text) > MAX_LINE and not text.endswith("\n"):
                while len(rest := file.readline(MAX_LINE)) == MAX_LINE and not rest.endswith("\n"):
                    pass
                message = f"This line is longer than {MAX_LINE:,} characters."
                fix = "Shorten it, or check that every object ends with its line."
                yield RawRow(number, faults=[Fault("", message, fix)], position=_position(file))
                continue
            if text.strip("\ufeff \t\r\n"):
                yield _jsonl_row(number, text.strip("\ufeff \t\r\n"), _position(file))


def _jsonl_row(line: int, text: str, position: int) -> RawRow:
    row = RawRow(line, position=position)
    try:
        if "\0" in text:
            check_text(text[: MAX_TEXT - 1] if text.find("\0") < MAX_TEXT else "\0")
        value = parse_json(text)
    except SpecError as error:
        row.faults.append(Fault("", error.message, error.fix.replace("At line 1, column", "At character")))
        return row
    if not isinstance(value, dict):
        fix = 'Write {"column": "value", …}.'
        row.faults.append(Fault("", "This line is not a JSON object.", fix))
    elif len(value) > MAX_COLUMNS:
        row.faults.append(Fault("", _too_many(len(value)).message, "Remove those that are not needed."))
    else:
        row.cells = value
    return row


def _position(file: io.TextIOWrapper) -> int:
    """Bytes read so far, rounded up to the buffer. The text layer's own `tell` is barred while lines are read."""
    return cast(io.BufferedReader, file.buffer).tell()
