"""Read a table of labels and other names: a row a label with its names, or a row a pair, however it was saved.

Nothing is saved here. What cannot be taken is told by line and column, the rest is taken. A spelling must stand for
one label only, or no grader could say which was meant: one that stands for two is left out of both.
"""

import csv
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from rftstudio.engine.errors import SpecError
from rftstudio.engine.grading.text import normalise, quote
from rftstudio.tasksets.imports.reader import Dialect, RawRow, open_text, read_rows
from rftstudio.tasksets.text import check_text

MAX_ROWS = 200_000
MAX_NAMES = 500_000  # in the whole list
MAX_WORD = 300  # characters of a label or name
SHOWN = 200  # problems kept for the page
PREVIEW = 10
_LABELS = re.compile(r"label|symbol|code|term|preferred|concept|approved|canonical|entry", re.IGNORECASE)
_NAMES = re.compile(r"synonym|alias|other|alternative|variant|also|prev|names|spelling", re.IGNORECASE)
_OTHER = re.compile(r"name|\bid\b|description|title|text|word|note", re.IGNORECASE)

SEPARATORS = {
    "bars": ("| or ;", re.compile(r"[|;\n]")),
    "commas": ("| or ; or ,", re.compile(r"[|;,\n]")),
    "none": ("nothing: a cell holds one name", None),
}


@dataclass(frozen=True)
class Reading:
    """How a table is read. label, names: columns by number, from 0. header: whether line 1 holds column names."""

    label: int
    names: tuple[int, ...]
    separator: str = "bars"
    header: bool = True

    def to_json(self) -> dict[str, Any]:
        return asdict(self) | {"names": list(self.names)}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> "Reading":
        return cls(data["label"], tuple(data["names"]), data["separator"], data["header"])


@dataclass
class Problem:
    """What was not taken. line: in the file, from 1. column: its name, "" for the whole row."""

    line: int
    column: str
    message: str
    fix: str


@dataclass
class Found:
    """Labels with their other names, in the file's order, and what was left out."""

    entries: dict[str, list[str]] = field(default_factory=dict)
    n_rows: int = 0
    n_merged: int = 0  # rows that named a label again
    n_problems: int = 0
    problems: list[Problem] = field(default_factory=list)

    @property
    def n_names(self) -> int:
        return sum(map(len, self.entries.values()))

    def report(self) -> dict[str, Any]:
        return {
            "rows": self.n_rows,
            "labels": len(self.entries),
            "names": self.n_names,
            "merged": self.n_merged,
            "n_problems": self.n_problems,
            "problems": [asdict(problem) for problem in sorted(self.problems, key=lambda each: each.line)],
            "preview": [[label, names] for label, names in list(self.entries.items())[:PREVIEW]],
        }

    @property
    def is_full(self) -> bool:
        """Whether further problems are only counted."""
        return len(self.problems) >= SHOWN

    def complain(self, line: int, column: str, message: str, fix: str) -> None:
        self.n_problems += 1
        if not self.is_full:
            self.problems.append(Problem(line, column, message, fix))


def guess(columns: Sequence[Mapping[str, Any]]) -> Reading:
    """What the columns most likely are. Raises `SpecError` where there is only one."""
    titles = [str(column["name"]) for column in columns]
    if len(titles) < 2:
        fix = "Put the label into the first column and its other names into the second, separated by | or ;."
        raise SpecError("The file has only one column.", path="file", fix=fix)
    names = [place for place, title in enumerate(titles) if _NAMES.search(title)]
    labels = [place for place, title in enumerate(titles) if _LABELS.search(title) and place not in names]
    label = labels[0] if labels else next((place for place in range(len(titles)) if place not in names), 0)
    names = [place for place in names if place != label] or [next(n for n in range(len(titles)) if n != label)]
    return Reading(label, tuple(names))


def looks_headless(columns: Sequence[Mapping[str, Any]]) -> bool:
    """Whether line 1 is more likely a row than column names: none of them is a word for what a column holds."""
    titles = " ".join(str(column["name"]) for column in columns)
    return not any(words.search(titles) for words in (_LABELS, _NAMES, _OTHER))


def check_reading(reading: Reading, columns: Sequence[Any]) -> None:
    """Raises `SpecError` whose path is the field."""
    if reading.separator not in SEPARATORS:
        raise SpecError("There is no such way of separating names.", path="separator", fix="Choose one of the list.")
    if not 0 <= reading.label < len(columns):
        raise SpecError("There is no such column.", path="label", fix="Choose one of the list.")
    if not reading.names or not all(0 <= place < len(columns) for place in reading.names):
        raise SpecError("No column holds other names.", path="names", fix="Tick at least one.")
    if reading.label in reading.names:
        fix = "Tick only columns with other names."
        raise SpecError("The column of labels cannot hold other names too.", path="names", fix=fix)


def read_list(path: Path, dialect: Dialect, titles: Sequence[str], reading: Reading) -> Found:
    """Raises `SpecError` where the whole file is too large."""
    reader = _Reader(titles, reading)
    for row in _rows(path, dialect, titles, reading):
        reader.take(row)
    reader.settle()
    return reader.found


def _rows(path: Path, dialect: Dialect, titles: Sequence[str], reading: Reading) -> Iterator[RawRow]:
    if not reading.header:
        with open_text(path, dialect) as file:
            rows = csv.reader(file, delimiter=dialect.delimiter)
            first = next((row for row in rows if any(map(str.strip, row))), [])
        yield RawRow(1, dict(zip(titles, first, strict=False)))
    yield from read_rows(path, dialect, list(titles))


class _Reader:
    """Takes rows one by one; `settle` then leaves out what is ambiguous."""

    def __init__(self, titles: Sequence[str], reading: Reading) -> None:
        self.found = Found()
        self.label = titles[reading.label]
        self.columns = [titles[place] for place in reading.names]
        self.separator = SEPARATORS[reading.separator][1]
        self.labels: dict[str, tuple[str, int]] = {}  # spelling -> (label as written, its line)
        self.names: dict[str, dict[str, tuple[str, int, str]]] = {}  # label's spelling -> spelling -> where it stands
        self.n_names = 0

    def take(self, row: RawRow) -> None:
        found = self.found
        found.n_rows += 1
        if found.n_rows > MAX_ROWS:
            fix = "Leave out what no answer will mention, or make two lists."
            raise SpecError(f"The file has more than {MAX_ROWS:,} rows.", path="file", fix=fix)
        for fault in row.faults:
            found.complain(row.line, fault.column, fault.message, fault.fix)
        if row.faults:
            return
        label = self._word(row, self.label, str(row.cells.get(self.label, "")))
        if label is None:
            return
        key = normalise(label)
        if not key:
            if any(str(row.cells.get(column, "")).strip() for column in self.columns):
                found.complain(row.line, self.label, "The label is empty.", "Write one, or remove the row.")
            return
        known = self.labels.get(key)
        if known is None:
            self.labels[key] = (label, row.line)
            self.names[key] = {}
        else:
            found.n_merged += 1
            if known[0] != label:
                message = f"{quote(label)} is the same label as {quote(known[0])} in line {known[1]}."
                found.complain(row.line, self.label, message, "Its names are added to those; remove one of them.")
        for column in self.columns:
            for name in self._cut(str(row.cells.get(column, ""))):
                self._add(row, column, key, name)

    def _cut(self, cell: str) -> Iterable[str]:
        return self.separator.split(cell) if self.separator else (cell,)

    def _add(self, row: RawRow, column: str, key: str, text: str) -> None:
        if not text.strip():
            return
        name = self._word(row, column, text)
        if name is None:
            return
        spelling = normalise(name)
        if not spelling:
            self.found.complain(row.line, column, f"{quote(name)} is only punctuation.", "Remove it.")
        elif spelling != key and spelling not in self.names[key]:
            self.names[key][spelling] = (name, row.line, column)
            self.n_names += 1
            if self.n_names > MAX_NAMES:
                fix = "Leave out what no answer will mention, or make two lists."
                raise SpecError(f"The list has more than {MAX_NAMES:,} other names.", path="file", fix=fix)

    def _word(self, row: RawRow, column: str, text: str) -> str | None:
        """The text in one line, None where it cannot be kept."""
        if len(text) > MAX_WORD and len(text := text.strip()) > MAX_WORD:
            message = f"This has {len(text):,} characters; a label or name has at most {MAX_WORD}."
            self.found.complain(row.line, column, message, "Shorten it, or check how names are separated.")
            return None
        try:
            check_text(text)
        except SpecError as error:
            self.found.complain(row.line, column, error.message, error.fix)
            return None
        return " ".join(text.split())

    def settle(self) -> None:
        owners: dict[str, list[str]] = {}
        for key, names in self.names.items():
            for spelling in names:
                owners.setdefault(spelling, []).append(key)
        for spelling, keys in owners.items():
            if spelling in self.labels or len(keys) > 1:
                for key in keys:
                    name, line, column = self.names[key].pop(spelling)
                    if self.found.is_full:  # a register has tens of thousands of these
                        self.found.n_problems += 1
                    else:
                        message, fix = self._ambiguous(name, key, spelling, keys)
                        self.found.complain(line, column, message, fix)
        self.found.entries = {
            self.labels[key][0]: [name for name, _, _ in names.values()] for key, names in self.names.items()
        }

    def _ambiguous(self, name: str, key: str, spelling: str, keys: list[str]) -> tuple[str, str]:
        if spelling in self.labels:
            message = f"{quote(name)} is itself a label (line {self.labels[spelling][1]}), so it is no other name of "
            return f"{message}{quote(self.labels[key][0])}.", "It is left out here."
        both = " and ".join(f"{quote(self.labels[each][0])} (line {self.labels[each][1]})" for each in keys[:3])
        return f"{quote(name)} stands for {both}.", "It is left out; keep it with one of them."
