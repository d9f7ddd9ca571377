"""Repeatable rows in a form: read from what was posted, changed by a button, written out again.

A button posts the whole form with `do` set to `add:PREFIX`, `remove:PREFIX:N`, `up:PREFIX:N` or `down:PREFIX:N`; the
page comes back with the rows changed and nothing lost. So it works without JavaScript.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

MAX_ROWS = 300


@dataclass
class Row:
    """One row: its inputs' values by column, and what is wrong with it."""

    prefix: str
    index: int
    values: dict[str, str]
    errors: list[str] = field(default_factory=list)
    is_new: bool = False

    def get(self, column: str) -> str:
        """What was typed; empty where the row has no such input."""
        return self.values.get(column, "")

    def name(self, column: str) -> str:
        """The input's name in the form."""
        return f"{self.prefix}-{self.index}-{column}"

    @property
    def number(self) -> int:
        return self.index + 1

    @property
    def names(self) -> dict[str, str]:
        return {column: self.name(column) for column in self.values}

    @property
    def is_blank(self) -> bool:
        return not any(value.strip() for column, value in self.values.items() if column != "uid")


class Rows:
    """The rows of one prefix, in order. columns: those that every row has; others are kept where posted."""

    def __init__(self, prefix: str, columns: Iterable[str], values: Iterable[Mapping[str, str]] = ()) -> None:
        self.prefix = prefix
        self.columns = tuple(columns)
        self._rows: list[Row] = []
        for row in values:
            self.append(row)

    @classmethod
    def from_data(cls, prefix: str, columns: Iterable[str], data: Mapping[str, str]) -> "Rows":
        pattern = re.compile(rf"{re.escape(prefix)}-(\d{{1,6}})-(.+)", re.DOTALL)
        found: dict[int, dict[str, str]] = {}
        for name in data:
            if match := pattern.fullmatch(name):
                found.setdefault(int(match[1]), {})[match[2]] = data[name]
        return cls(prefix, columns, (found[index] for index in sorted(found)[:MAX_ROWS]))

    def __iter__(self) -> Iterator[Row]:
        return iter(self._rows)

    def __len__(self) -> int:
        return len(self._rows)

    def __getitem__(self, index: int) -> Row:
        return self._rows[index]

    def append(self, values: Mapping[str, str], *, is_new: bool = False) -> Row:
        row = Row(self.prefix, len(self._rows), {**dict.fromkeys(self.columns, ""), **values}, is_new=is_new)
        self._rows.append(row)
        return row

    def filled(self) -> list[Row]:
        """The rows in which something was typed."""
        return [row for row in self._rows if not row.is_blank]

    def apply(self, command: str) -> None:
        """Carry out a button's command where it is about these rows."""
        verb, _, rest = command.partition(":")
        prefix, _, place = rest.partition(":")
        if prefix != self.prefix:
            return
        if verb == "add":
            if len(self._rows) < MAX_ROWS:
                self.append({}, is_new=True)
            return
        index = int(place) if place.isdecimal() else -1
        if not 0 <= index < len(self._rows):
            return
        if verb == "remove":
            del self._rows[index]
        elif verb in ("up", "down"):
            other = index + (1 if verb == "down" else -1)
            if 0 <= other < len(self._rows):
                self._rows[index], self._rows[other] = self._rows[other], self._rows[index]
        for position, row in enumerate(self._rows):
            row.index = position
