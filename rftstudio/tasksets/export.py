"""Write items out as CSV or JSONL, a row at a time. What is written here, the import reads back.

CSV cells that a spreadsheet would take for a formula get an apostrophe in front; JSONL rows are OpenAI's: `messages`,
`reference_answer`, and every field beside them.
"""

import csv
import json
from collections.abc import Iterable, Iterator
from typing import Any

from rftstudio.engine.grading.text import as_text
from rftstudio.tasksets.answers import answer_line
from rftstudio.tasksets.definition import Definition
from rftstudio.tasksets.imports.reader import FORMULA
from rftstudio.tasksets.models import TaskItem, VersionItem
from rftstudio.tasksets.rows import to_conversations

Row = TaskItem | VersionItem


class Line:
    """What the csv writer writes into: hands the line back."""

    def write(self, text: str) -> str:
        return text


def csv_lines(definition: Definition, rows: Iterable[Row]) -> Iterator[str]:
    """A header and a line an item, with a byte-order mark so that spreadsheets read the letters right."""
    writer = csv.writer(Line())
    names = [entry["name"] for entry in definition["input_fields"]]
    yield "\ufeff" + writer.writerow(["id", *names, "messages", "reference_answer", "split", "tags", "notes"])
    for row in rows:
        cells = [
            row.key,
            *(as_text(row.fields.get(name)) for name in names),
            json.dumps(row.messages, ensure_ascii=False) if row.messages else "",
            answer_line(row.reference_answer, definition["answer_type"]),
            row.split,
            ", ".join(row.tags),
            getattr(row, "notes", ""),
        ]
        is_number = definition["answer_type"] == "number"
        yield writer.writerow(
            cell if is_number and place == len(names) + 2 else harmless(cell) for place, cell in enumerate(cells)
        )


def jsonl_lines(definition: Definition, rows: Iterable[Row]) -> Iterator[str]:
    """OpenAI's rows. Keys: id, messages, reference_answer, the fields, split, tags, notes (where there are any)."""
    for row, messages in to_conversations(definition, rows):
        line: dict[str, Any] = {
            "id": row.key,
            "messages": [message.to_json() for message in messages],
            "reference_answer": row.reference_answer,
            **row.fields,
            "split": row.split,
            "tags": row.tags,
        }
        if notes := getattr(row, "notes", ""):
            line["notes"] = notes
        yield json.dumps(line, ensure_ascii=False) + "\n"


def harmless(cell: str) -> str:
    """A cell that no spreadsheet runs."""
    return "'" + cell if cell.startswith(FORMULA) else cell
