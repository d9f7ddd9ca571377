"""What several jobs may spend together: one file to which each adds its payments and in which it sees the others'.

A training, its SFT baseline and the comparisons that follow are processes of their own and may run at the same time.
A payment is a line, written in one piece to the end of the file; one that a crash tore is passed over.
"""

import json
import threading
from pathlib import Path
from typing import NamedTuple

FILE = "judge-budget.jsonl"  # in the directory of the first of the jobs


class Sum(NamedTuple):
    """tokens, and money."""

    tokens: int
    cost: float


class Purse:
    """file: made with the first payment. Safe to share between threads."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._read = 0  # bytes
        self._sum = Sum(0, 0.0)
        self._lock = threading.Lock()

    def add(self, tokens: int, cost: float) -> None:
        """Raises `OSError` where it cannot be written."""
        line = json.dumps({"tokens": tokens, "cost": cost})
        with self._lock:
            self._file.parent.mkdir(parents=True, exist_ok=True)
            with self._file.open("ab", buffering=0) as file:
                file.write(f"\n{line}\n".encode())  # a line of its own, whatever was torn before it

    def total(self) -> Sum:
        """What all of them have paid until now."""
        with self._lock:
            if self._file.exists() and self._file.stat().st_size > self._read:
                with self._file.open("rb") as file:
                    file.seek(self._read)
                    whole = file.read().rpartition(b"\n")
                self._read += len(whole[0]) + len(whole[1])
                for line in whole[0].splitlines():
                    self._sum = _plus(self._sum, line)
            return self._sum


def _plus(total: Sum, line: bytes) -> Sum:
    try:
        row = json.loads(line)
        return Sum(total.tokens + int(row["tokens"]), total.cost + float(row["cost"]))
    except (ValueError, KeyError, TypeError):
        return total
