"""Turn a file's rows into item rows, with every fault named by row and column."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from rftstudio.engine.errors import SpecError
from rftstudio.engine.grading.text import as_text
from rftstudio.tasksets.actions.items import draft_row
from rftstudio.tasksets.answers import parse_json, read_answer
from rftstudio.tasksets.definition import Definition, prompt_key
from rftstudio.tasksets.derive import asks_something
from rftstudio.tasksets.imports.mapping import CONVERSATION, CONVERSATION_IF_EMPTY
from rftstudio.tasksets.imports.reader import Fault, RawRow
from rftstudio.tasksets.text import check_value, read_split, read_tags


@dataclass
class CheckedRow:
    """One row: what `add_items` takes, or why it cannot be kept."""

    line: int
    position: int
    row: dict[str, Any] = field(default_factory=dict)
    faults: list[Fault] = field(default_factory=list)
    repeats: bool = False  # asks the same as an item or a row before


class Checker:
    """Checks rows against a definition and a mapping. taken: keys in use; asked: prompts already there."""

    def __init__(
        self,
        definition: Definition,
        columns: Sequence[str],
        targets: Sequence[str],
        *,
        taken: set[str],
        asked: set[str],
    ) -> None:
        self.definition = definition
        self.mapped = [(name, target) for name, target in zip(columns, targets, strict=True) if target]
        self.taken = taken
        self.asked = asked
        self.has_reference = "reference_answer" in targets
        self.column_of = {target: name for name, target in self.mapped}
        self.only_where_empty = CONVERSATION_IF_EMPTY in targets
        self.keys_seen: dict[str, int] = {}

    def check_all(self, rows: Iterator[RawRow]) -> Iterator[CheckedRow]:
        for raw in rows:
            yield self.check(raw)

    def check(self, raw: RawRow) -> CheckedRow:
        checked = CheckedRow(raw.line, raw.position, faults=list(raw.faults))
        if raw.faults:
            return checked
        row: dict[str, Any] = {"fields": {}}
        for column, target in self.mapped:
            try:
                self._cell(row, target, raw.cells.get(column))
            except SpecError as error:
                checked.faults.append(Fault(column, error.message, error.fix))
        if not checked.faults:
            self._whole(row, checked)
        if not checked.faults:
            checked.row = row
        return checked

    def _cell(self, row: dict[str, Any], target: str, value: Any) -> None:
        if target.startswith("field:"):
            if isinstance(value, list) and value and all(_is_message(part) for part in value):
                value = next((part["content"] for part in reversed(value) if part["role"] == "user"), "")
            value = "" if value is None else value
            check_value(value)
            row["fields"][target.removeprefix("field:")] = value
        elif target == "reference_answer":
            check_value(value)
            answer = read_answer(value, self.definition["answer_type"], self.definition["answer_options"])
            if answer is None:
                raise SpecError("The reference answer is empty.", fix="Fill it in, or leave this row out.")
            row["reference_answer"] = answer
        elif target == "split":
            row["split"] = read_split(value)
        elif target == "tags":
            row["tags"] = read_tags(value)
        elif target == "notes":
            row["notes"] = as_text(value)
            check_value(row["notes"])
        elif target == "key":
            row["key"] = as_text(value).strip()
        elif target in (CONVERSATION, CONVERSATION_IF_EMPTY):
            row["messages"] = (parse_json(value) if isinstance(value, str) and value.strip() else value) or None

    def _whole(self, row: dict[str, Any], checked: CheckedRow) -> None:
        if self.only_where_empty and asks_something(row["fields"], self.definition):
            row["messages"] = None
        try:
            item = draft_row(row, self.definition)
        except SpecError as error:
            checked.faults.append(Fault(self._column(error.path), error.message, error.fix))
            return
        if item.key:
            column = self.column_of.get("key", "")
            if item.key in self.keys_seen:
                message = f"The id “{item.key}” stands in line {self.keys_seen[item.key]} already."
                checked.faults.append(Fault(column, message, "Give every row its own id, or leave the column out."))
                return
            if item.key in self.taken:
                message = f"There is already an item with the id “{item.key}”."
                fix = "Leave the column out to add the row as a new item, or delete the old item first."
                checked.faults.append(Fault(column, message, fix))
                return
            self.keys_seen[item.key] = checked.line
        prompt = prompt_key(fields=item.fields, messages=item.messages)
        checked.repeats = prompt in self.asked
        self.asked.add(prompt)

    def _column(self, path: str) -> str:
        """The column behind a part of a row; "" where it is the row as a whole."""
        if "messages" in path:
            return self.column_of.get(CONVERSATION) or self.column_of.get(CONVERSATION_IF_EMPTY, "")
        asked = [name for name, target in self.mapped if target.startswith("field:")]
        if path == "fields" and len(asked) == 1:
            return asked[0]
        part = "key" if path == "id" else path
        return self.column_of.get(f"field:{path}") or self.column_of.get(part, "")


def _is_message(part: Any) -> bool:
    return isinstance(part, Mapping) and isinstance(part.get("content"), str) and isinstance(part.get("role"), str)
