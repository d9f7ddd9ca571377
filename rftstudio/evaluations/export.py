"""The answers of a comparison as CSV (a row an item and answer) or JSONL (a line an item). Streams, in chunks."""

import csv
import json
from collections.abc import Iterator
from typing import Any

from rftstudio.evaluations.models import Answer, ComparedItem, Comparison
from rftstudio.evaluations.pairs import Pair, Row, side_by_side

CHUNK = 200  # items
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


class _Echo:
    """A file that hands each written line back."""

    def write(self, text: str) -> str:
        return text


def csv_lines(comparison: Comparison) -> Iterator[str]:
    """Begins with a byte-order mark, so that spreadsheet programs read the accents.

    A text that a spreadsheet would run as a formula gets an apostrophe in front.
    """
    labels = _labels(comparison)
    sides = ["answer", "score", "reason", "cut_off"]
    columns = ["item", "tags", *labels, "reference_answer", "outcome", "difference", "answer_number"]
    columns += [f"{model}_{name}" for model in comparison.short_names.values() for name in sides]
    writer = csv.writer(_Echo())
    yield "\ufeff" + str(writer.writerow(columns))
    for row in _rows(comparison):
        inputs = dict(row.inputs)
        for pair in row.pairs:
            cells = [
                row.item.item_key,
                ", ".join(row.tags),
                *(inputs.get(label, "") for label in labels),
                row.reference,
                row.item.outcome,
                row.item.difference,
                pair.number,
                *_side(pair.base),
                *_side(pair.tuned),
            ]
            yield str(writer.writerow([_harmless(cell) for cell in cells]))


def json_lines(comparison: Comparison) -> Iterator[str]:
    """One object an item: its inputs, the reference, the outcome, and under `base` and `tuned` the graded answers.

    Two tuned models stand under their own names.
    """
    base, tuned = comparison.short_names.values()
    for row in _rows(comparison):
        item = row.item
        line = {
            "id": item.item_key,
            "tags": list(row.tags),
            "inputs": dict(row.inputs),
            "reference_answer": row.reference,
            "outcome": item.outcome,
            f"{base}_score": item.base_score,
            f"{tuned}_score": item.tuned_score,
            "difference": item.difference,
            base: _answers(row.pairs, "base"),
            tuned: _answers(row.pairs, "tuned"),
        }
        yield json.dumps(line, ensure_ascii=False) + "\n"


def _rows(comparison: Comparison) -> Iterator[Row]:
    items = ComparedItem.objects.filter(comparison=comparison).order_by("position")
    chunk: list[ComparedItem] = []
    for item in items.iterator(chunk_size=CHUNK):
        chunk.append(item)
        if len(chunk) == CHUNK:
            yield from side_by_side(comparison, chunk, marked=False)
            chunk = []
    if chunk:
        yield from side_by_side(comparison, chunk, marked=False)


def _labels(comparison: Comparison) -> list[str]:
    version = comparison.run.taskset_version
    labels = [field.get("label") or field["name"] for field in version.definition["input_fields"]]
    return labels or ["Message"]


def _side(answer: Answer | None) -> list[Any]:
    if answer is None:
        return ["", "", "", ""]
    reason = answer.grade.get("reason") or (answer.grade.get("error") or {}).get("message", "")
    return [answer.text, answer.score, reason, "yes" if answer.truncated else ""]


def _answers(pairs: Any, model: str) -> list[dict[str, Any]]:
    found: list[Pair] = [pair for pair in pairs if getattr(pair, model)]
    return [
        {
            "number": pair.number,
            "text": answer.text,
            "score": answer.score,
            "tokens": answer.tokens,
            "truncated": answer.truncated,
            "grade": answer.grade,
        }
        for pair in found
        for answer in [getattr(pair, model)]
    ]


def _harmless(cell: Any) -> Any:
    return f"'{cell}" if isinstance(cell, str) and cell.startswith(_FORMULA) else cell
