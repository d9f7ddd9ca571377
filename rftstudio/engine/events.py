"""Append-only JSON-lines logs of a job: one writer in the engine, any number of tailing readers.

Every line carries `seq`, counted from 1. A line is written whole and flushed, so a reader never takes
half of one; a torn last line (the writer was killed inside a write) is cut off when the log is opened
again. `key` makes an append idempotent: a job that replays steps after a crash appends nothing twice.
"""

import json
import os
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any


class Log:
    """The writing end. One process at a time holds it.

    Raises `OSError` when the disk refuses; nothing half-written is left for readers to take.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.seq = 0
        self._keys: set[str] = set()
        self._mend()
        # Without a buffer: what a full disk refused must not lie in one, to be written later by a close.
        self._file = path.open("ab", buffering=0)

    def _mend(self) -> None:
        """Count what is there and cut a torn last line."""
        if not self.path.exists():
            return
        whole = 0
        with self.path.open("rb") as file:
            for line in file:
                if not line.endswith(b"\n") or b"\0" in line:  # zeros: what a power cut leaves of a line
                    break
                whole += len(line)
                row = json.loads(line)
                self.seq = row["seq"]
                if key := row.get("key"):
                    self._keys.add(key)
        if whole != self.path.stat().st_size:
            os.truncate(self.path, whole)

    def append(self, row: Mapping[str, Any], *, key: str = "") -> bool:
        """Write one row; False (and nothing written) when a row with that key is there already."""
        return self.append_many([row], keys=[key]) == 1

    def append_many(self, rows: list[Mapping[str, Any]], *, keys: list[str]) -> int:
        """Write rows at once; returns how many were new."""
        lines: list[tuple[bytes, str]] = []
        fresh: set[str] = set()
        for row, key in zip(rows, keys, strict=True):
            if key and (key in self._keys or key in fresh):
                continue
            stamped = {"seq": self.seq + len(lines) + 1, "created_at": round(time.time(), 3), **row}
            if key:
                stamped["key"] = key
                fresh.add(key)
            lines.append(((json.dumps(stamped, ensure_ascii=False, allow_nan=False) + "\n").encode(), key))
        if lines:
            self._write(lines)
        return len(lines)

    def _write(self, lines: list[tuple[bytes, str]]) -> None:
        """All lines, given with their keys; where the disk refuses, the first ones whole and nothing of the next."""
        left = memoryview(b"".join(line for line, _ in lines))
        written = whole = 0
        try:
            while left:
                done = self._file.write(left) or 0
                written += done
                left = left[done:]
        finally:
            for line, key in lines:
                if whole + len(line) > written:
                    break
                whole += len(line)
                self.seq += 1
                if key:
                    self._keys.add(key)
            if whole < written:
                os.ftruncate(self._file.fileno(), os.fstat(self._file.fileno()).st_size - (written - whole))

    def sync(self) -> None:
        """To the disk, so that a power cut takes nothing of it."""
        os.fsync(self._file.fileno())

    def close(self) -> None:
        self._file.close()


def tail(path: Path, *, offset: int = 0, limit: int = 5000) -> tuple[list[dict[str, Any]], int]:
    """Rows after a byte offset and the offset to go on from. A line torn or full of zeros is left for later."""
    if not path.exists():
        return [], offset
    rows: list[dict[str, Any]] = []
    with path.open("rb") as file:
        file.seek(offset)
        for line in file:
            if not line.endswith(b"\n") or b"\0" in line or len(rows) >= limit:
                break
            rows.append(json.loads(line))
            offset += len(line)
    return rows, offset


def read(path: Path) -> Iterator[dict[str, Any]]:
    """Every whole row of a log, in order."""
    yield from tail(path, limit=10**9)[0]
