"""Read an uploaded CSV or JSONL file row by row, however it was saved, within bounds.

`read_rows` yields the rows with what is wrong in them. Memory stays bounded by one row; a fault of a row never stops
the reading. How a file is to be read is found out in `look.py`.
"""

import csv
import io
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, cast

from rftstudio.engine.errors import SpecError
from rftstudio.tasksets.answers import parse_json
from rftstudio.tasksets.text import MAX_TEXT, check_text

MAX_COLUMNS = 200
MAX_LINE = 4_000_000  # characters of one JSONL line
FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")  # what a spreadsheet would run, at the start of a cell

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


def read_rows(path: Path, dialect: Dialect, names: list[str]) -> Iterator[RawRow]:
    """Every row of the file that is not blank."""
    if dialect.format == "jsonl":
        return _read_jsonl(path, dialect)
    return _read_csv(path, dialect, names)


def open_text(path: Path, dialect: Dialect) -> io.TextIOWrapper:
    newline = "" if dialect.format == "csv" else "\n"
    return path.open(encoding=dialect.encoding, newline=newline, errors="replace")


def _read_csv(path: Path, dialect: Dialect, names: list[str]) -> Iterator[RawRow]:
    with open_text(path, dialect) as file:
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
    with open_text(path, dialect) as file:
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
        row.faults.append(Fault("", too_many_columns(len(value)).message, "Remove those that are not needed."))
    else:
        row.cells = value
    return row


def _position(file: io.TextIOWrapper) -> int:
    """Bytes read so far, rounded up to the buffer. The text layer's own `tell` is barred while lines are read."""
    return cast(io.BufferedReader, file.buffer).tell()


def too_many_columns(count: int) -> SpecError:
    message = f"The file has {count:,} columns; at most {MAX_COLUMNS} can be read."
    fix = "Remove those that are not needed, or check that the right separator is used."
    return SpecError(message, path="file", fix=fix)
