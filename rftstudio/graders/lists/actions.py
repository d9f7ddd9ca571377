"""What can be done to word lists: receive a file, read it another way, save it as a version, rename, archive.

Nothing becomes a version before a person has seen what came of the file; a version never changes.
"""

import hashlib
import shutil
import uuid
from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import timedelta
from itertools import count, islice
from pathlib import Path

from django.conf import settings
from django.db import IntegrityError, transaction
from django.utils import timezone
from django.utils.text import slugify

from rftstudio.accounts.models import User, Workspace
from rftstudio.engine.errors import SpecError
from rftstudio.graders.lists.reading import Found, Reading, check_reading, guess, looks_headless, read_list
from rftstudio.graders.models import WordList, WordListEntry, WordListUpload, WordListVersion
from rftstudio.tasksets.definition import canonical
from rftstudio.tasksets.imports.look import look_at
from rftstudio.tasksets.imports.reader import Dialect

MAX_BYTES = 20 * 1024 * 1024
MAX_NAME = 120
BATCH = 2_000
KEPT = timedelta(days=7)


def receive_list(
    *,
    workspace: Workspace,
    by: User | None,
    file_name: str,
    chunks: Iterable[bytes],
    name: str = "",
    word_list: WordList | None = None,
) -> WordListUpload:
    """Store a file and read it as it most likely is meant. Raises `SpecError`; then nothing is kept."""
    _forget_old(workspace)
    if word_list is None:
        name = checked_name(workspace, name)
    folder = Path(settings.MEDIA_ROOT)
    folder.mkdir(parents=True, exist_ok=True)
    if shutil.disk_usage(folder).free < 3 * MAX_BYTES:
        fix = "Ask whoever runs the studio to free some space."
        raise SpecError("The studio's disk is nearly full.", path="file", fix=fix)
    path = folder / uuid.uuid4().hex
    try:
        size = 0
        with path.open("xb") as file:
            for chunk in chunks:
                size += len(chunk)
                if size > MAX_BYTES:
                    raise too_large()
                file.write(chunk)
        look = look_at(path, file_name)
        if look.dialect.format != "csv":
            fix = "In a spreadsheet, save it as CSV (UTF-8)."
            raise SpecError("The file is not a table.", path="file", fix=fix)
        upload = WordListUpload(
            workspace=workspace,
            word_list=word_list,
            name=name,
            file_name="".join(filter(str.isprintable, file_name))[-255:],
            path=path.name,
            dialect=look.dialect.to_json(),
            columns=look.columns,
            created_by=by,
        )
        return _read(upload, guess(look.columns))
    except BaseException:
        path.unlink(missing_ok=True)
        raise


def read_differently(*, upload: WordListUpload, reading: Reading) -> WordListUpload:
    """Raises `SpecError` whose path is the field."""
    check_reading(reading, upload.columns)
    return _read(upload, replace(reading, names=tuple(sorted(set(reading.names)))))


def save_upload(*, upload: WordListUpload, by: User | None) -> WordListVersion:
    """The next version of its list, or the latest where it says the same. Raises `SpecError`."""
    found = _found(upload, Reading.from_json(upload.reading))
    if not found.entries:
        raise SpecError("There is no good row in the file.", fix="Read it differently, or upload a corrected file.")
    with transaction.atomic():
        if not WordListUpload.objects.filter(pk=upload.pk).delete()[0]:
            raise SpecError("This file was saved or given up already.", fix="Look at the list.")
        word_list = upload.word_list or _new_list(upload, by)
        version = _new_version(word_list, upload, found, by)
    file_of(upload).unlink(missing_ok=True)
    return version


def give_up(*, upload: WordListUpload) -> None:
    """Forget an upload. Nothing of it was saved."""
    WordListUpload.objects.filter(pk=upload.pk).delete()
    file_of(upload).unlink(missing_ok=True)


def rename_list(*, word_list: WordList, name: str) -> WordList:
    """Changes the name that people see; graders go on naming it by its short name. Raises `SpecError`."""
    word_list.name = checked_name(word_list.workspace, name, but=word_list)
    word_list.save(update_fields=["name"])
    return word_list


def archive_list(*, word_list: WordList) -> WordList:
    """Take it off the list. Graders that name it go on working."""
    word_list.archived_at = timezone.now()
    word_list.save(update_fields=["archived_at"])
    return word_list


def restore_list(*, word_list: WordList) -> WordList:
    word_list.archived_at = None
    word_list.save(update_fields=["archived_at"])
    return word_list


def too_large() -> SpecError:
    fix = "Remove the columns and rows that are not needed."
    return SpecError(f"The file is larger than {MAX_BYTES // 1_048_576} MB.", path="file", fix=fix)


def checked_name(workspace: Workspace, name: str, *, but: WordList | None = None) -> str:
    """Raises `SpecError` at "name"."""
    name = " ".join(name.split())
    if not name:
        raise SpecError("The name is empty.", path="name", fix="Say what the list holds, such as Genes.")
    if len(name) > MAX_NAME:
        raise SpecError(f"The name has more than {MAX_NAME} characters.", path="name", fix="Shorten it.")
    if not name.isprintable():
        raise SpecError("The name holds a character that cannot be shown.", path="name", fix="Type it again.")
    same = workspace.word_lists.filter(name__iexact=name)
    if (same.exclude(pk=but.pk) if but else same).exists():
        fix = "Choose another name, or upload a new version of that list."
        raise SpecError("There is a list of this name already.", path="name", fix=fix)
    return name


def file_of(upload: WordListUpload) -> Path:
    return Path(settings.MEDIA_ROOT) / Path(upload.path).name


def _read(upload: WordListUpload, reading: Reading) -> WordListUpload:
    found = _found(upload, reading)
    upload.reading = reading.to_json()
    upload.report = found.report() | {"headless": reading.header and looks_headless(upload.columns)}
    upload.save()
    return upload


def _found(upload: WordListUpload, reading: Reading) -> Found:
    if not file_of(upload).exists():
        raise SpecError("The uploaded file is gone.", path="file", fix="Upload it again.")
    titles = [column["name"] for column in upload.columns]
    return read_list(file_of(upload), Dialect.from_json(upload.dialect), titles, reading)


def _new_list(upload: WordListUpload, by: User | None) -> WordList:
    name = checked_name(upload.workspace, upload.name)
    stem = slugify(name)[:50].strip("-") or "list"
    slugs = (stem if number == 1 else f"{stem}-{number}" for number in count(1))
    taken = set(upload.workspace.word_lists.values_list("slug", flat=True))
    slug = next(slug for slug in slugs if slug not in taken)
    try:
        with transaction.atomic():
            return WordList.objects.create(workspace=upload.workspace, name=name, slug=slug, created_by=by)
    except IntegrityError:
        raise SpecError("Somebody made a list of this name just now.", fix="Press the button again.") from None


def _new_version(word_list: WordList, upload: WordListUpload, found: Found, by: User | None) -> WordListVersion:
    WordList.objects.select_for_update().get(pk=word_list.pk)  # one number at a time
    digest = hashlib.sha256(canonical(found.entries)).hexdigest()
    latest = word_list.latest_version
    if latest is not None and latest.content_hash == digest:
        return latest
    version = WordListVersion.objects.create(
        word_list=word_list,
        number=latest.number + 1 if latest else 1,
        file_name=upload.file_name,
        n_labels=len(found.entries),
        n_names=found.n_names,
        content_hash=digest,
        created_by=by,
    )
    for rows in _batched(_entries(version, found)):
        WordListEntry.objects.bulk_create(rows)
    return version


def _entries(version: WordListVersion, found: Found) -> Iterator[WordListEntry]:
    for position, (label, names) in enumerate(found.entries.items(), start=1):
        text = "\n".join((label, *names)).lower()
        yield WordListEntry(version=version, position=position, label=label, names=names, search_text=text)


def _batched(rows: Iterator[WordListEntry]) -> Iterator[list[WordListEntry]]:
    while batch := list(islice(rows, BATCH)):
        yield batch


def _forget_old(workspace: Workspace) -> None:
    """Uploads that nobody went on with for a week."""
    for upload in WordListUpload.objects.filter(workspace=workspace, created_at__lt=timezone.now() - KEPT):
        give_up(upload=upload)
