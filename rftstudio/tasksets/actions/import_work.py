"""What a worker does for an import: check every row, and save the good ones.

Rows are saved hidden, a batch a transaction, so that other writers never wait long and progress shows; one last
transaction uncovers them all. A worker claims an import with a nonce, so that two can never work on the same one.
"""

import json
import logging
import secrets
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import IntegrityError, transaction
from django.utils import timezone

from rftstudio.engine.errors import SpecError
from rftstudio.tasksets.actions.define import write_definition
from rftstudio.tasksets.actions.imports import STALE, drop_files, good_path, remove_hidden, upload_path
from rftstudio.tasksets.actions.items import draft_row, insert, taken_keys, touch
from rftstudio.tasksets.answers import answer_line
from rftstudio.tasksets.definition import definition_of, prompt_key
from rftstudio.tasksets.imports.check import CheckedRow, Checker
from rftstudio.tasksets.imports.mapping import with_new_fields
from rftstudio.tasksets.imports.reader import Dialect, read_rows
from rftstudio.tasksets.models import ItemImport, Split, TaskSet

log = logging.getLogger(__name__)
Status = ItemImport.Status
SHOWN_PROBLEMS = 200
SHOWN_ROWS = 10
EVERY = 500  # rows between two signs of life


class Superseded(Exception):
    """This import was cancelled, or another worker has taken it over."""


def check_import(*, pk: int) -> ItemImport | None:
    """Check every row, write the good ones beside the upload, and report. None where somebody else does it."""
    found = _claim(pk, Status.CHECKING)
    if found is None:
        return None
    try:
        report = _check(found)
    except Superseded:
        return None
    except SpecError as error:
        return _fail(found, str(error))
    except FileNotFoundError:
        return _fail(found, "The uploaded file is gone. Upload it again.")
    except Exception as error:
        return _fail(found, _our_fault(found, error))
    _step(found, status=Status.CHECKED, report=report, done=found.total, worker="")
    found.refresh_from_db()
    return found


def _check(found: ItemImport) -> dict[str, Any]:
    taskset = found.taskset
    names = [column["name"] for column in found.columns]
    definition, targets = with_new_fields(definition_of(taskset), found.mapping["targets"], found.columns)
    asked = {
        prompt_key(fields=fields, messages=messages)
        for fields, messages in taskset.items.live().values_list("fields", "messages").iterator(chunk_size=2000)
    }
    taken = set(taskset.items.live().values_list("key", flat=True))
    checker = Checker(definition, names, targets, taken=taken, asked=asked)
    rows = read_rows(upload_path(found), Dialect.from_json(found.dialect), names)
    report: dict[str, Any] = {"first_rows": found.report.get("first_rows", []), "rows": 0, "good": 0, "bad": 0}
    report |= {"repeats": 0, "problems": [], "by_column": {}, "preview": [], "splits": {}}
    by_column: Counter[str] = Counter()
    splits: Counter[str] = Counter()
    with good_path(found).open("w", encoding="utf-8") as good:
        for checked in checker.check_all(rows):
            report["rows"] += 1
            if report["rows"] > settings.IMPORT_MAX_ROWS:
                fix = "Split it and import the parts."
                raise SpecError(f"The file has more than {settings.IMPORT_MAX_ROWS:,} rows.", path="file", fix=fix)
            if checked.faults:
                report["bad"] += 1
                by_column.update(fault.column for fault in checked.faults)
                _note_problems(report, checked)
            else:
                report["good"] += 1
                report["repeats"] += checked.repeats
                splits[checked.row.get("split", "")] += 1
                good.write(json.dumps(checked.row, ensure_ascii=False) + "\n")
                if len(report["preview"]) < SHOWN_ROWS:
                    report["preview"].append(_preview_row(checked.row, definition))
            if report["rows"] % EVERY == 0:
                _step(found, done=min(checked.position, found.total), report={**report, "problems": [], "preview": []})
    report["by_column"], report["splits"] = dict(by_column), dict(splits)
    report["new_fields"] = [entry["label"] for entry in definition["input_fields"][len(taskset.input_fields) :]]
    report["field_labels"] = [entry["label"] for entry in definition["input_fields"]]
    return report


def save_import(*, pk: int) -> ItemImport | None:
    """Save the good rows, hidden, and uncover them all at the end. None where somebody else does it."""
    found = _claim(pk, Status.SAVING)
    if found is None:
        return None
    try:
        _save(found)
    except Superseded:
        return None
    except SpecError as error:
        return _fail(found, str(error))
    except FileNotFoundError:
        return _fail(found, "The uploaded file is gone. Upload it again.")
    except Exception as error:
        return _fail(found, _our_fault(found, error))
    found.refresh_from_db()
    return found


def _save(found: ItemImport) -> None:
    taskset = found.taskset
    remove_hidden(found)  # of a worker that died half-way
    definition, _ = with_new_fields(definition_of(taskset), found.mapping["targets"], found.columns)
    taken = taken_keys(taskset)
    moment = timezone.now()
    done = 0
    for batch in _batches(good_path(found)):
        items = [draft_row(row, definition) for row in batch]
        with transaction.atomic():
            insert(
                taskset=taskset,
                by=found.created_by,
                items=items,
                definition=definition,
                taken=taken,
                source=found,
                hidden_since=moment,
            )
            done += len(batch)
            _step(found, done=done)  # inside: a batch of a worker that was superseded is rolled back
    with transaction.atomic():
        current = definition_of(TaskSet.objects.select_for_update().get(pk=taskset.pk))
        final, _ = with_new_fields(current, found.mapping["targets"], found.columns)
        if any(final[part] != definition[part] for part in ("answer_type", "answer_options", "input_fields")):
            fix = "Nothing was imported. Look at the task, then import the file again."
            raise SpecError("The task was changed while the rows were being saved.", fix=fix)
        if final["input_fields"] != current["input_fields"]:
            taskset.refresh_from_db()
            write_definition(taskset, final)
        found.items.update(deleted_at=None)
        _step(found, status=Status.SAVED, finished_at=timezone.now(), done=done, worker="")
    touch(taskset)
    drop_files(found)


def _claim(pk: int, status: str) -> ItemImport | None:
    nonce = secrets.token_hex(8)
    waiting = ItemImport.objects.filter(pk=pk, status=status)
    dead = waiting.filter(updated_at__lt=timezone.now() - 3 * STALE)
    if not waiting.filter(worker="").update(worker=nonce, updated_at=timezone.now()) and not dead.update(
        worker=nonce, updated_at=timezone.now()
    ):
        return None
    return ItemImport.objects.select_related("taskset", "created_by").get(pk=pk)


def _step(found: ItemImport, **changes: Any) -> None:
    """Note progress. Raises `Superseded` where this worker no longer owns the import."""
    mine = ItemImport.objects.filter(pk=found.pk, worker=found.worker, status=found.status)
    if not mine.update(**changes, updated_at=timezone.now()):
        raise Superseded


def _our_fault(found: ItemImport, error: Exception) -> str:
    log.error("Import %s failed", found.pk, exc_info=error)
    if isinstance(error, IntegrityError):
        return "Somebody added items with the same ids at the same moment. Nothing was imported; check the file again."
    return "Something went wrong on the studio's side, and nothing was imported. Its log says what; try once more."


def _fail(found: ItemImport, error: str) -> ItemImport:
    remove_hidden(found)
    ItemImport.objects.filter(pk=found.pk, worker=found.worker).update(
        status=Status.FAILED, error=error, worker="", updated_at=timezone.now()
    )
    found.refresh_from_db()
    return found


def _note_problems(report: dict[str, Any], checked: CheckedRow) -> None:
    for fault in checked.faults:
        if len(report["problems"]) < SHOWN_PROBLEMS:
            report["problems"].append(
                {"line": checked.line, "column": fault.column, "message": fault.message, "fix": fault.fix}
            )


def _preview_row(row: dict[str, Any], definition: dict[str, Any]) -> dict[str, Any]:
    if row.get("messages"):
        cells = [f"{message['role']}: {message['content']}" for message in row["messages"]][-1:]
        cells += [""] * (len(definition["input_fields"]) - 1)
    else:
        cells = [str(row["fields"].get(entry["name"], ""))[:200] for entry in definition["input_fields"]]
    return {
        "cells": cells,
        "answer": answer_line(row.get("reference_answer"), definition["answer_type"])[:200],
        "split": str(Split(row["split"]).label) if row.get("split") else "",
        "tags": row.get("tags", []),
    }


def _batches(path: Path) -> Iterator[list[dict[str, Any]]]:
    batch: list[dict[str, Any]] = []
    with path.open(encoding="utf-8") as file:
        for line in file:
            batch.append(json.loads(line))
            if len(batch) == EVERY:
                yield batch
                batch = []
    if batch:
        yield batch
