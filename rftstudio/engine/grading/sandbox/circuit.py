"""Which graders keep crashing. Three crashes in a row, and a grader is left alone for a while."""

import threading
from time import monotonic

CRASHES = 3
PAUSE_SECONDS = 30.0
_MAX_KNOWN = 1000


class Circuit:
    """Counts by program. Safe for several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._crashes: dict[str, int] = {}
        self._opened: dict[str, float] = {}

    def is_open(self, key: str) -> bool:
        """Whether this grader has to wait. After the pause one answer may try again."""
        with self._lock:
            opened = self._opened.get(key)
            if opened is None:
                return False
            if monotonic() - opened < PAUSE_SECONDS:
                return True
            self._opened[key] = monotonic()
            return False

    def record(self, key: str, *, crashed: bool) -> None:
        with self._lock:
            if not crashed:
                self._crashes.pop(key, None)
                self._opened.pop(key, None)
                return
            if len(self._crashes) > _MAX_KNOWN:
                self._crashes.clear()
            self._crashes[key] = self._crashes.get(key, 0) + 1
            if self._crashes[key] >= CRASHES:
                self._opened[key] = monotonic()
