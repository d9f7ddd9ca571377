"""Judges' replies by the hash of what was asked, so that the same question is paid once.

In memory up to a bound, the least recently used going first; optionally in a file of the job's directory as well, so
that a job which starts again pays nothing twice and knows what it has spent. The same question asked by several
threads at once is asked once. Only replies that could be read are kept.
"""

import hashlib
import json
import os
import threading
from collections import OrderedDict
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from pathlib import Path
from typing import Any, NamedTuple

MAX_CHARACTERS = 32_000_000


class Paid(NamedTuple):
    """A reply and what it cost."""

    text: str
    tokens: int
    cost: float


class Cache:
    """file: where replies are kept beyond this process. `restored`: the payments found in it."""

    def __init__(self, file: Path | None = None, *, max_characters: int = MAX_CHARACTERS) -> None:
        self.max_characters = max_characters
        self.restored: list[Paid] = []
        self._known: OrderedDict[str, str] = OrderedDict()
        self._characters = 0
        self._asked: dict[str, Future[str]] = {}
        self._lock = threading.Lock()
        self._file = file
        if file is not None and file.exists():
            self._restore(file)

    def get(self, key: str, ask: Callable[[], Paid]) -> tuple[str, Paid | None]:
        """The reply to a question, and the payment where it was made now. Raises what `ask` raises."""
        with self._lock:
            if (known := self._known.get(key)) is not None:
                self._known.move_to_end(key)
                return known, None
            asked = self._asked.get(key)
            if asked is None:
                mine: Future[str] = Future()
                self._asked[key] = mine
        if asked is not None:
            return asked.result(), None
        try:
            paid = ask()
        except BaseException as failure:
            with self._lock:
                del self._asked[key]
            mine.set_exception(failure)
            raise
        with self._lock:
            self._keep(key, paid.text)
            del self._asked[key]
            self._write({"key": key, "text": paid.text, "tokens": paid.tokens, "cost": paid.cost})
        mine.set_result(paid.text)
        return paid.text, paid

    def note(self, tokens: int, cost: float) -> None:
        """Write down what was paid for a reply that is not kept."""
        with self._lock:
            self._write({"tokens": tokens, "cost": cost})

    def _keep(self, key: str, text: str) -> None:
        self._known[key] = text
        self._characters += len(text)
        while self._characters > self.max_characters and self._known:
            _, gone = self._known.popitem(last=False)
            self._characters -= len(gone)

    def _write(self, row: Mapping[str, Any]) -> None:
        if self._file is None:
            return
        # One write a line, flushed: a torn last line is passed over when it is read.
        with self._file.open("a", encoding="utf-8") as file:
            file.write(json.dumps(row) + "\n")

    def _restore(self, file: Path) -> None:
        whole = 0
        with file.open("rb") as lines:
            for line in lines:
                try:
                    row = json.loads(line)
                    if not line.endswith(b"\n"):
                        break
                    paid = Paid(str(row.get("text", "")), int(row["tokens"]), float(row["cost"]))
                except (ValueError, KeyError, TypeError, AttributeError):
                    break
                whole += len(line)
                self.restored.append(paid)
                if "key" in row:
                    self._keep(str(row["key"]), paid.text)
        if whole != file.stat().st_size:
            os.truncate(file, whole)


def key_of(*parts: Any) -> str:
    """The hash of JSON values."""
    return hashlib.sha256(json.dumps(parts, sort_keys=True, ensure_ascii=True).encode()).hexdigest()
