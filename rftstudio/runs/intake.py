"""Takes what a job writes into rows: batches of its logs, each together with how far that went.

Whether the row is still the caller's is asked in the same transaction, so that of two supervisors one takes a batch.
"""

import logging
import time
from collections.abc import Callable
from typing import Any

from django.db import DataError, IntegrityError, transaction
from django.utils import timezone

from rftstudio.engine.events import Log, tail
from rftstudio.runs.jobs import EngineJob

log = logging.getLogger(__name__)

BATCH_ROWS = 1000  # of each log, a transaction


class Lost(Exception):
    """The row belongs to another supervisor now, or is gone."""


class Intake:
    """owned: the row as a queryset, empty once it is another's.

    unreadable: why the logs cannot be taken in, if so. at: when the last rows came (monotonic seconds; at first when
    this began). longest_silence: seconds between two batches. finished_at: when the job said that it has ended.
    """

    def __init__(self, job: EngineJob, owned: Callable[[], Any]) -> None:
        self.job = job
        self.owned = owned
        self.unreadable = ""
        self.at = time.monotonic()
        self.longest_silence = 0.0
        self.finished_at = 0.0

    def take(self) -> bool:
        """One batch of every log; whether there was any. Raises `Lost`, and what a database raises that is away."""
        if self.unreadable:
            return False
        try:
            return self._batch()
        except (DataError, IntegrityError, KeyError, TypeError, ValueError) as error:
            log.exception("%s %s wrote something that cannot be taken in.", self.job.label, self.job.pk)
            what = f"{type(error).__name__}: {error}"
            self.unreadable = f"What the job wrote cannot be read ({what}). The log of the supervisors has the details."
            return False

    def rewind(self) -> None:
        """Where a power cut took lines that are rows already, the rows go too: the job says all of it again.

        Called while no child writes. Without it the same step would come once more under another number.
        """
        offsets = dict(self.job.offsets)
        lost: dict[str, int] = {}
        for name in self.job.logs:
            path = self.job.directory / f"{name}.jsonl"
            if not offsets.get(name):
                continue
            mended = Log(path)  # cut where a line is torn or zeros
            mended.close()
            if (left := path.stat().st_size) < offsets[name]:
                lost[name], offsets[name] = mended.seq, left
        if not lost:
            return
        log.warning("%s %s: its logs end before what was taken of them (%s).", self.job.label, self.job.pk, lost)
        with transaction.atomic():
            if not self.owned().update(offsets=offsets):
                raise Lost
            for name, seq in lost.items():
                if related := self.job.logs[name]:
                    getattr(self.job, related).filter(seq__gt=seq).delete()
        self.job.offsets = offsets

    def _batch(self) -> bool:
        offsets = dict(self.job.offsets)
        batches: list[tuple[str, list[dict[str, Any]]]] = []
        for name in self.job.logs:
            rows, offset = tail(self.job.directory / f"{name}.jsonl", offset=offsets.get(name, 0), limit=BATCH_ROWS)
            if rows:
                batches.append((name, rows))
                offsets[name] = offset
        if not batches:
            return False
        with transaction.atomic():
            if not self.owned().update(offsets=offsets, heartbeat_at=timezone.now()):
                raise Lost
            for name, rows in batches:
                self.job.ingest(name, rows)
        self.job.offsets = offsets
        now = time.monotonic()
        self.longest_silence = max(self.longest_silence, now - self.at)
        self.at = now
        if any(row.get("type") in ("finished", "paused") for _, rows in batches for row in rows):
            self.finished_at = now
        return True
