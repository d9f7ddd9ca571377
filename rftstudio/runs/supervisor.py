"""Owns one engine child: takes its events into rows, beats its heart in the row, carries out wishes, settles the end.

One process per running job, started by a short task and outliving it. It owns the row only while the
row carries its nonce; every write asks for that, and one that has lost the row goes away and leaves the
child alone: the row's new supervisor adopts it. It computes nothing and holds no rows in memory.

While the database is away it waits. The child needs none: what it reports stays in its directory until then.
"""

import contextlib
import logging
import os
import signal
import time
from pathlib import Path
from types import FrameType
from typing import Any

from django.conf import settings
from django.db import InterfaceError, OperationalError, connection, transaction
from django.utils import timezone

from rftstudio.engine import launch
from rftstudio.engine.errors import EngineError, SpecError
from rftstudio.engine.faults import refusal
from rftstudio.engine.job import read_job
from rftstudio.engine.launch import local
from rftstudio.engine.launch.environment import environment
from rftstudio.engine.machine import threads_each
from rftstudio.runs import queue
from rftstudio.runs.intake import Intake, Lost
from rftstudio.runs.jobs import EngineJob, Status
from rftstudio.runs.lent import NotYet, lend
from rftstudio.runs.verdict import Verdict, gave_up, judge, last_event, last_log_line

log = logging.getLogger(__name__)

AWAY = (OperationalError, InterfaceError)  # what a database raises that is locked, full, restarted or gone
TICK = 0.5  # seconds between looks; also the most that a page lags behind the engine
PAUSE = 0.2  # seconds between transactions while catching up: at most five a second
BEAT = 3.0  # seconds
GRACE = float(os.environ.get("JOB_STOP_SECONDS", 60.0))  # a job has so long to stop by itself, at the least
RESTARTS = 3  # in a row, without getting any further
AFTER_THE_END = 30.0  # seconds a process may linger once it has said that it is finished


class Supervisor:
    """Looks after one row until its job has ended or the row is lost. `run()` blocks."""

    def __init__(self, model: type[EngineJob], pk: int, nonce: str) -> None:
        self.model = model
        self.pk = pk
        self.nonce = nonce
        self.job: EngineJob
        self.intake: Intake | None = None  # until the row has been read
        self.child: local.Handle | None = None
        self.verdict: Verdict | None = None
        self.leaving = False
        self._code = launch.EXIT_UNKNOWN  # how the last child ended
        self._troubles = 0
        self._beaten = 0.0
        self._asked_to_stop = 0.0

    def run(self) -> None:
        """Raises nothing: what goes wrong with the job is in its row, what goes wrong here is in the log."""
        signal.signal(signal.SIGTERM, self._leave)
        signal.signal(signal.SIGINT, self._leave)
        try:
            while not self.leaving:
                if self._turn():
                    return
                time.sleep(TICK)
            with contextlib.suppress(*AWAY):
                self._owned().update(heartbeat_at=None)  # whoever looks next may take over at once
        except Lost:
            log.info("%s %s is looked after by somebody else; leaving.", self.model._meta.label_lower, self.pk)
            with contextlib.suppress(*AWAY):
                self._end_orphan()

    def _turn(self) -> bool:
        """One look, and the end where it has come; whether that is done. Trouble is waited out: it costs time only."""
        try:
            intake = self.intake or self._begin()
            self.verdict = self.verdict or self._look(intake)
            if self.verdict:
                self._settle(self.verdict, intake)
                return True
            self._troubles = 0
            return False
        except AWAY:
            log.warning("The database does not answer; trying again.", exc_info=True)
            with contextlib.suppress(*AWAY):
                connection.close()
        except (EngineError, OSError):
            log.warning("%s %s cannot be looked after just now.", self.model._meta.label_lower, self.pk, exc_info=True)
        time.sleep(min(TICK * 2**self._troubles, 10.0))
        self._troubles += 1
        return False

    def _begin(self) -> Intake:
        self._beat()
        self.job = self.model._default_manager.get(pk=self.pk)
        self.child = local.adopt(self.job.handle)
        if self.child:
            log.info("%s %s: found process %s still at work.", self.job.label, self.pk, self.child.pid)
        intake = Intake(self.job, self._owned)
        if self.child is None:
            intake.rewind()
        self.intake = intake
        return intake

    def _look(self, intake: Intake) -> Verdict | None:
        """One look: what the child wrote, whether it lives, what is wished of it."""
        code = local.poll(self.child) if self.child else None
        if intake.take():  # after asking: of a child that has ended, everything is in the files
            self._beaten = intake.at
        self._beat()
        if intake.unreadable:
            return self._cut_short(intake.unreadable)
        if self.child is None:
            return self._start()
        if code is not None:
            return self._ended(code, intake)
        self._carry_out(intake)
        return None

    # Starting and ending -----------------------------------------------------------------------------------

    def _start(self) -> Verdict | None:
        """Start the child, or say why that is of no use."""
        directory, code = self.job.directory, self._code
        if ended := judge(code, self._last_event(), wish=self._wish()):
            return ended
        starts, at = self.job.handle.get("starts", 0), self.job.handle.get("at", -1)
        done = int(self._fresh("progress").get("done") or 0)
        if done > at:
            starts = 0
        if starts > RESTARTS:
            return gave_up(code, starts)
        if starts:
            log.warning(
                "%s %s broke off (%s); starting it again from its last checkpoint.", self.job.label, self.pk, code
            )
            time.sleep(min(2.0**starts, 10.0))
        if self.leaving:
            return None  # a machine that shuts down has told the child as well
        try:
            secrets = lend(self.job)
        except NotYet:
            return None  # the next look asks again
        except EngineError as error:
            return Verdict(Status.FAILED, str(error), "author" if isinstance(error, SpecError) else "system")
        # The nonce is written down before the child exists, so that a successor can find it whatever happens here.
        memory = {"starts": starts + 1, "at": done, "log": self.job.handle.get("log", 0)}
        intent = {"nonce": queue.new_nonce(), **memory}
        self._write(handle=intent)
        try:
            launch.withdraw_requests(directory)
            offline = Path(read_job(directory).model.path).is_dir()
            env = environment(os.environ, offline=offline, threads=threads_each(settings.MAX_RUNNING_JOBS))
            child = local.start(directory, env=env, nonce=intent["nonce"], secrets=secrets)
        except launch.Busy:
            log.warning("%s %s: another process holds its directory; waiting for it.", self.job.label, self.pk)
            self.job.handle = {**intent, "starts": starts}
            time.sleep(TICK)
            return None
        except EngineError as error:
            refused = refusal(error)
            return Verdict(Status.FAILED, refused.sentence if refused else str(error), "system")
        self.child = child
        try:
            self._write(handle={**child.to_json(), **memory})
        except Lost:
            local.signal(child, signal.SIGKILL)  # nobody else knows of it yet
            raise
        return None

    def _ended(self, code: int, intake: Intake) -> Verdict | None:
        assert self.child is not None
        while intake.take():
            time.sleep(PAUSE)
        line = last_log_line(self.job.directory)
        verdict = judge(code, self._last_event(), wish=self._wish(), last_line=line)
        local.collect(self.child)  # last: where the database is away, all of this is asked again
        self.child, self._code = None, code
        return verdict or self._start()

    def _last_event(self) -> dict[str, Any] | None:
        return last_event(self.job.directory, after=self.job.handle.get("log", 0))

    def _cut_short(self, why: str) -> Verdict:
        """End a job whose logs cannot be taken in: nobody could see what it does."""
        if self.child:
            local.signal(self.child, signal.SIGKILL)
        return Verdict(Status.FAILED, why, "system")

    def _settle(self, verdict: Verdict, intake: Intake) -> None:
        """Write the end once, with all that follows from it."""
        while intake.take():
            time.sleep(PAUSE)
        try:
            self._close(verdict)
        except (Lost, *AWAY):
            raise
        except Exception:
            log.exception("%s %s: what follows from its end failed.", self.job.label, self.pk)
            sentence = "The job ended, but its result could not be taken in. The log of the supervisors says why."
            self._close(Verdict(Status.FAILED, verdict.error or sentence, verdict.culprit or "system"), settle=False)
        log.info("%s %s: %s. %s", self.job.label, self.pk, verdict.status, verdict.error)
        for name in settings.JOB_ENDED_TASKS:
            queue.wake(name)
        queue.wake("runs.reconcile", after=2)  # the next in line, once those had their chance to queue something short

    def _close(self, verdict: Verdict, *, settle: bool = True) -> None:
        with transaction.atomic():
            values = {
                "error": verdict.error,
                "culprit": verdict.culprit,
                "finished_at": timezone.now(),
                "heartbeat_at": None,
                "wish": "",
            }
            rows = self._owned()
            # Whoever asked for the end while the job was pausing gets the end.
            asked = rows.exclude(wish="cancel") if verdict.status == Status.PAUSED else rows
            if not asked.update(status=verdict.status, **values) and (
                verdict.status != Status.PAUSED or not rows.update(status=Status.CANCELLED, **values)
            ):
                raise Lost
            self.job.refresh_from_db()
            if settle:
                self.job.settle()

    # Wishes -------------------------------------------------------------------------------------------------

    def _carry_out(self, intake: Intake) -> None:
        assert self.child is not None
        now = time.monotonic()
        if wish := self._wish():
            if not self._asked_to_stop:
                self._asked_to_stop = now
            ask = launch.request_pause if wish == "pause" else launch.request_stop
            try:
                ask(self.job.directory)
            except EngineError:  # no room for the file that asks
                local.signal(self.child, signal.SIGTERM)
            # Before its first step nothing is known of how long it is silent: a pause waits for that.
            begun = wish == "cancel" or bool(self.job.progress.get("done"))
            if begun and now - self._asked_to_stop > max(GRACE, 3 * intake.longest_silence):
                log.warning("%s %s does not stop by itself; ending it.", self.job.label, self.pk)
                local.signal(self.child, signal.SIGKILL)
        if intake.finished_at and now - intake.finished_at > AFTER_THE_END:
            local.signal(self.child, signal.SIGKILL)

    def _leave(self, _number: int, _frame: FrameType | None) -> None:
        self.leaving = True

    def _end_orphan(self) -> None:
        """A row that was deleted leaves a child that nobody wants."""
        if self.child and not self.model._default_manager.filter(pk=self.pk).exists():
            local.signal(self.child, signal.SIGKILL)

    # The row ------------------------------------------------------------------------------------------------

    def _owned(self) -> Any:
        return self.model._default_manager.filter(pk=self.pk, supervisor=self.nonce, status=Status.RUNNING)

    def _write(self, **values: Any) -> None:
        if not self._owned().update(**values, heartbeat_at=timezone.now()):
            raise Lost
        for name, value in values.items():
            setattr(self.job, name, value)
        self._beaten = time.monotonic()

    def _beat(self) -> None:
        if time.monotonic() - self._beaten < BEAT:
            return
        if not self._owned().update(heartbeat_at=timezone.now()):
            raise Lost
        self._beaten = time.monotonic()

    def _fresh(self, name: str) -> Any:
        for value in self._owned().values_list(name, flat=True):
            return value
        raise Lost

    def _wish(self) -> str:
        return str(self._fresh("wish"))
