"""Bring a file in, step by step: receive, map, check, save. Nothing becomes visible before everything is saved.

Rows are saved hidden, a batch a transaction, so that other writers never wait long and progress shows; one last
transaction uncovers them all. A worker claims an import with a nonce, so that two can never work on the same one.
"""

import json
import logging
import secrets
import shutil
import uuid
from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import IntegrityError, transaction
from django.utils import timezone

from rftstudio.accounts.models import User
from rftstudio.engine.errors import SpecError
from rftstudio.tasksets.actions.define import write_definition
from rftstudio.tasksets.actions.items import delete_items, draft_row, insert, taken_keys, touch
from rftstudio.tasksets.answers import answer_line
from rftstudio.tasksets.definition import definition_of, prompt_key
from rftstudio.tasksets.imports.check import CheckedRow, Checker
from rftstudio.tasksets.imports.mapping import check_targets, guess, with_new_fields
from rftstudio.tasksets.imports.reader import Dialect, look_at, read_rows
from rftstudio.tasksets.models import ItemImport, Split, TaskSet

log = logging.getLogger(__name__)
Status = ItemImport.Status
SHOWN_PROBLEMS = 200
SHOWN_ROWS = 10
EVERY = 500  # rows between two signs of life
STALE = timedelta(seconds=20)  # no sign of life for so long: it may be started again
KEPT = timedelta(days=7)


class Superseded(Exception):
    """This import was cancelled, or another worker has taken it over."""


def receive_upload(*, taskset: TaskSet, by: User | None, name: str, chunks: Iterable[bytes]) -> ItemImport:
    """Store an upload and look at it. Raises `SpecError`; then nothing is kept."""
    _forget_old(taskset)
    folder = Path(settings.MEDIA_ROOT)
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / uuid.uuid4().hex
    try:
        if shutil.disk_usage(folder).free < 3 * settings.IMPORT_MAX_BYTES // 2:
            fix = "Ask whoever runs the studio to free some space."
            raise SpecError("The studio's disk is nearly full.", path="file", fix=fix)
        size = 0
        with path.open("xb") as file:
            for chunk in chunks:
                size += len(chunk)
                if size > settings.IMPORT_MAX_BYTES:
                    raise too_large()
                file.write(chunk)
        look = look_at(path, name)
        return ItemImport.objects.create(
            taskset=taskset,
            created_by=by,
            file_name="".join(filter(str.isprintable, name))[-255:],
            path=path.name,
            format=look.dialect.format,
            dialect=look.dialect.to_json(),
            columns=look.columns,
            mapping={"targets": guess(look.columns, definition_of(taskset)), "all_or_nothing": False},
            report={"first_rows": look.rows},
            total=size,
        )
    except BaseException:
        path.unlink(missing_ok=True)
        raise


def too_large() -> SpecError:
    limit = f"{settings.IMPORT_MAX_BYTES / 1_048_576:,.0f} MB"
    return SpecError(f"The file is larger than {limit}.", path="file", fix="Split it and import the parts.")


def map_import(*, found: ItemImport, targets: list[str], all_or_nothing: bool) -> ItemImport:
    """Note what each column becomes, and have the rows checked. Raises `SpecError`."""
    errors = check_targets(targets, found.columns, definition_of(found.taskset))
    if errors:
        raise errors[0]
    first_rows = found.report.get("first_rows", [])
    changed = ItemImport.objects.filter(
        pk=found.pk, status__in=[Status.UPLOADED, Status.CHECKED, Status.FAILED]
    ).update(
        mapping={"targets": targets, "all_or_nothing": all_or_nothing},
        status=Status.CHECKING,
        report={"first_rows": first_rows},
        done=0,
        total=max(1, _path(found).stat().st_size) if _path(found).exists() else 1,
        error="",
        worker="",
        updated_at=timezone.now(),
    )
    if not changed:
        raise SpecError("This import has moved on in the meantime.", fix="Look at where it stands now.")
    found.refresh_from_db()
    return found


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
    rows = read_rows(_path(found), Dialect.from_json(found.dialect), names)
    report: dict[str, Any] = {"first_rows": found.report.get("first_rows", []), "rows": 0, "good": 0, "bad": 0}
    report |= {"repeats": 0, "problems": [], "by_column": {}, "preview": [], "splits": {}}
    by_column: Counter[str] = Counter()
    splits: Counter[str] = Counter()
    with _good_path(found).open("w", encoding="utf-8") as good:
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


def start_saving(*, found: ItemImport) -> ItemImport:
    """Have the good rows saved. Raises `SpecError` where there is none, or not all are good though all must be."""
    report = found.report
    if not report.get("good"):
        raise SpecError("There is no good row to import.", fix="Put the file right and upload it again.")
    if report.get("bad") and found.mapping.get("all_or_nothing"):
        message = "You asked to import all rows or none, and some are not good."
        raise SpecError(message, fix="Put them right in the file, or go back and untick that.")
    changed = ItemImport.objects.filter(pk=found.pk, status=Status.CHECKED).update(
        status=Status.SAVING, done=0, total=report["good"], worker="", error="", updated_at=timezone.now()
    )
    if not changed:
        raise SpecError("This import has moved on in the meantime.", fix="Look at where it stands now.")
    found.refresh_from_db()
    return found


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
    _remove_hidden(found)  # of a worker that died half-way
    definition, _ = with_new_fields(definition_of(taskset), found.mapping["targets"], found.columns)
    taken = taken_keys(taskset)
    moment = timezone.now()
    done = 0
    for batch in _batches(_good_path(found)):
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
    _drop_files(found)


def cancel_import(*, found: ItemImport) -> ItemImport:
    """Give an import up. Nothing of it was visible."""
    open_states = [Status.UPLOADED, Status.CHECKING, Status.CHECKED, Status.SAVING, Status.FAILED]
    if ItemImport.objects.filter(pk=found.pk, status__in=open_states).update(
        status=Status.CANCELLED, worker="", finished_at=timezone.now()
    ):
        _remove_hidden(found)
        _drop_files(found)
    found.refresh_from_db()
    return found


def restart_import(*, found: ItemImport) -> bool:
    """Let another worker take over an import that gave no sign of life. Whether it was so."""
    return bool(
        ItemImport.objects.filter(
            pk=found.pk, status__in=[Status.CHECKING, Status.SAVING], updated_at__lt=timezone.now() - STALE
        ).update(worker="", updated_at=timezone.now())
    )


def undo_import(*, found: ItemImport, by: User | None) -> int:
    """Delete what an import brought in, which can itself be undone. Returns how many items."""
    return delete_items(taskset=found.taskset, items=found.items.live(), by=by)[0]


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
    _remove_hidden(found)
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


def _remove_hidden(found: ItemImport) -> None:
    if not ItemImport.objects.filter(pk=found.pk, status=Status.SAVED).exists():
        found.items.all().delete()


def _path(found: ItemImport) -> Path:
    return Path(settings.MEDIA_ROOT) / Path(found.path).name


def _good_path(found: ItemImport) -> Path:
    return _path(found).with_suffix(".good")


def _drop_files(found: ItemImport) -> None:
    _path(found).unlink(missing_ok=True)
    _good_path(found).unlink(missing_ok=True)


def _forget_old(taskset: TaskSet) -> None:
    """Uploads that nobody went on with for a week."""
    old = taskset.imports.exclude(status=Status.SAVED).filter(updated_at__lt=timezone.now() - KEPT)
    for found in old:
        _remove_hidden(found)
        _drop_files(found)
        found.delete()
