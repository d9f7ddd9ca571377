"""Bring a file in, step by step: receive, map, have it checked, have it saved; or give it up, or undo it.

Nothing becomes visible before everything is saved. Checking and saving are a worker's (`import_work.py`).
"""

import shutil
import uuid
from collections.abc import Iterable
from datetime import timedelta
from pathlib import Path

from django.conf import settings
from django.utils import timezone

from rftstudio.accounts.models import User
from rftstudio.engine.errors import SpecError
from rftstudio.tasksets.actions.items import delete_items
from rftstudio.tasksets.definition import definition_of
from rftstudio.tasksets.imports.look import look_at
from rftstudio.tasksets.imports.mapping import check_targets, guess
from rftstudio.tasksets.models import ItemImport, TaskSet

Status = ItemImport.Status
STALE = timedelta(seconds=20)  # no sign of life for so long: it may be started again
KEPT = timedelta(days=7)


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
        total=max(1, upload_path(found).stat().st_size) if upload_path(found).exists() else 1,
        error="",
        worker="",
        updated_at=timezone.now(),
    )
    if not changed:
        raise SpecError("This import has moved on in the meantime.", fix="Look at where it stands now.")
    found.refresh_from_db()
    return found


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


def cancel_import(*, found: ItemImport) -> ItemImport:
    """Give an import up. Nothing of it was visible."""
    open_states = [Status.UPLOADED, Status.CHECKING, Status.CHECKED, Status.SAVING, Status.FAILED]
    if ItemImport.objects.filter(pk=found.pk, status__in=open_states).update(
        status=Status.CANCELLED, worker="", finished_at=timezone.now()
    ):
        remove_hidden(found)
        drop_files(found)
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


def remove_hidden(found: ItemImport) -> None:
    if not ItemImport.objects.filter(pk=found.pk, status=Status.SAVED).exists():
        found.items.all().delete()


def upload_path(found: ItemImport) -> Path:
    return Path(settings.MEDIA_ROOT) / Path(found.path).name


def good_path(found: ItemImport) -> Path:
    return upload_path(found).with_suffix(".good")


def drop_files(found: ItemImport) -> None:
    upload_path(found).unlink(missing_ok=True)
    good_path(found).unlink(missing_ok=True)


def _forget_old(taskset: TaskSet) -> None:
    """Uploads that nobody went on with for a week."""
    old = taskset.imports.exclude(status=Status.SAVED).filter(updated_at__lt=timezone.now() - KEPT)
    for found in old:
        remove_hidden(found)
        drop_files(found)
        found.delete()
