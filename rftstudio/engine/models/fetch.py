"""Fetches a model from the hub into a directory: resumed where it stopped, every file checked, partial never used.

`snapshot_download` begins a file anew after a kill; here a file goes on where it stopped, by its library's `http_get`.
Everything is written beside the target under another name and renamed at the end. Only files that transformers needs
are taken, so that neither Python code nor pickles ever lie on the disk.
"""

import fcntl
import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

from huggingface_hub import hf_hub_url
from huggingface_hub.file_download import http_get
from huggingface_hub.utils import build_hf_headers

from rftstudio.engine.errors import SpecError, SystemFault
from rftstudio.engine.models.address import endpoint
from rftstudio.engine.models.contents import read_directory
from rftstudio.engine.models.look import HubModel, hub_errors, look
from rftstudio.engine.models.memory import KEEP_FREE, free_disk, size
from rftstudio.engine.models.places import MARK, partial_of
from rftstudio.engine.models.refusals import require_usable
from rftstudio.engine.models.seal import digest, facts_of
from rftstudio.engine.models.web import hub_session

Report = Callable[[int, int, str], None]  # bytes done, bytes in all, the file under way


def fetch(hub_id: str, commit: str, target: Path, *, report: Report, token: str = "") -> dict[str, Any]:
    """The model's facts (see `seal`), once all of it is in `target`. Done already, it only reads.

    Raises `SpecError` where it is not to be used, `SystemFault` where it cannot be fetched now; what has come stays
    for the next try.
    """
    if (facts := _known(target)) is not None:
        return facts
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise SpecError(
            f"{target} holds something else already.", path="into", fix="Give a directory that is empty or not there."
        )
    model = look(hub_id, commit, token=token)
    if model.closed:
        raise SpecError(
            f"{hub_id} is only for accounts that accepted its terms.",
            path="token",
            fix=f"Accept them at {endpoint()}/{hub_id}, then give a token of that account.",
        )
    require_usable(model.contents)
    partial = partial_of(target)
    partial.mkdir(parents=True, exist_ok=True)
    with _alone(partial), hub_errors(hub_id, commit, token), hub_session():
        if (facts := _known(target)) is not None:  # another process was quicker
            return facts
        partial.mkdir(exist_ok=True)
        _take_all(model, partial, report, token)
        contents = read_directory(partial)
        require_usable(contents)
        facts = facts_of(partial, contents)
        facts |= {"licence": model.licence, "own_licence": model.own_licence, "licence_url": model.licence_url}
        facts |= {"hub_id": hub_id, "commit": model.commit, "endpoint": endpoint()}
        (partial / MARK).write_text(json.dumps(facts, indent=1), encoding="utf-8")
        os.rename(partial, target)  # an empty directory makes room
    return facts


def _known(target: Path) -> dict[str, Any] | None:
    """What was written down of a model that is whole."""
    mark = target / MARK
    return json.loads(mark.read_text(encoding="utf-8")) if mark.is_file() else None


def _take_all(model: HubModel, partial: Path, report: Report, token: str) -> None:
    names = model.contents.wanted
    sizes = {name: model.contents.files[name] for name in names}
    total = sum(sizes.values())
    here = sum(min(_size(partial / name) or _size(_part(partial / name)), sizes[name]) for name in names)
    free = free_disk(partial)
    if total - here + KEEP_FREE > free:
        raise SpecError(
            f"{model.hub_id} needs {size(total - here)} more of disk, and {size(free)} are free.",
            path="hub_id",
            fix=f"Free some space first; {size(KEEP_FREE)} are left alone.",
        )
    done = 0
    for name in names:
        before = done

        def moved(count: int, name: str = name, before: int = before) -> None:
            report(before + count, total, name)

        if not (partial / name).is_file():
            _take(model, name, partial / name, moved, token)
        done += sizes[name]
        report(done, total, name)


def _take(model: HubModel, name: str, file: Path, moved: Callable[[int], None], token: str) -> None:
    """One file, from where it stopped, checked against the hub's hash before it gets its name."""
    part, wanted = _part(file), model.contents.files[name]
    if _size(part) > wanted:
        part.unlink()
    headers = {**build_hf_headers(token=token or False), "Accept-Encoding": "identity"}
    with part.open("ab") as handle:
        begun = handle.tell()
        http_get(
            hf_hub_url(model.hub_id, name, revision=model.commit, endpoint=endpoint()),
            _Counted(handle, wanted, moved),  # type: ignore[arg-type]
            resume_size=begun,
            headers=headers,
            expected_size=wanted,
        )
        handle.flush()
        os.fsync(handle.fileno())
    kind, expected = model.hashes.get(name, ("", ""))
    if not expected or digest(part, kind) != expected:
        part.unlink()
        raise SystemFault(
            f"{name} of {model.hub_id} came broken: its {kind or 'hash'} is not the hub's. "
            "It was thrown away. Try again."
        )
    os.rename(part, file)


class _Counted:
    """A file that says how far it is, and that does not take more than it was promised."""

    def __init__(self, file: BinaryIO, limit: int, moved: Callable[[int], None]) -> None:
        self._file, self._limit, self._moved = file, limit, moved

    def write(self, data: bytes) -> int:
        if self._file.tell() + len(data) > self._limit:
            raise SystemFault("The hub sends more than it announced. Try again later.")
        count = self._file.write(data)
        self._moved(self._file.tell())
        return count

    def tell(self) -> int:
        return self._file.tell()

    def seek(self, place: int) -> int:
        return self._file.seek(place)

    def truncate(self) -> int:
        return self._file.truncate()


@contextmanager
def _alone(partial: Path) -> Iterator[None]:
    """One process at a time. Raises `SystemFault` where another one is at it."""
    with (partial.with_name(f"{partial.name}.lock")).open("wb") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise SystemFault("Another process is fetching this model. Look again in a minute.") from None
        yield  # the file stays: whoever has opened it meanwhile locks the same one


def _part(file: Path) -> Path:
    return file.with_name(f"{file.name}.part")


def _size(file: Path) -> int:
    return file.stat().st_size if file.is_file() else 0
