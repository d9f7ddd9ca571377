"""Where a waiting job stands in the line, in numbers and in words: "third in line; about 12 min until it starts"."""

import time
from dataclasses import dataclass

from rftstudio.accounts.models import Workspace
from rftstudio.lib.templatetags.studio import duration
from rftstudio.runs import queue
from rftstudio.runs.jobs import EngineJob, Status
from rftstudio.runs.line import Forecast, Key, Line, Waiting, forecast
from rftstudio.runs.progress import coarse

ORDINALS = ["next", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth", "tenth"]


@dataclass(frozen=True)
class Standing:
    """place: from 1. wait: seconds until it starts, None where nobody can tell.

    held: how many jobs its workspace has running, where that is all it may; 0 where it waits for the machine alone.
    """

    place: int
    wait: float | None
    held: int = 0

    @property
    def ordinal(self) -> str:
        return ORDINALS[self.place - 1] if self.place <= len(ORDINALS) else f"number {self.place}"

    @property
    def words(self) -> str:
        """A sentence without its full stop."""
        if self.wait is None:
            when = "it starts by itself when what is ahead of it has ended" if self.place > 1 else "it starts by itself"
        elif self.wait < 1:
            when = "it starts in a moment"
        else:
            when = f"about {duration(coarse(self.wait))} until it starts"
        return f"{self.ordinal.capitalize()} in line; {when}"


def standings() -> dict[Key, Standing]:
    """Of every waiting job of the install, by its model's label and its number."""
    line = queue.read_line()
    found = forecast(line, now=time.time())
    return {one.key: _standing(line, one, found[one.key]) for one in line.waiting if one.key in found}


def standing(job: EngineJob) -> Standing | None:
    """None for a job that does not wait."""
    return standings().get((job.label, job.pk)) if job.status == Status.QUEUED else None


def standing_of_next(workspace: Workspace, *, rank: int) -> Standing | None:
    """Where a job of this workspace would stand that were launched now; None where it would start at once."""
    now = time.time()
    new = Waiting(("", 0), workspace.pk, rank, now)
    line = queue.read_line(also=new)
    found = forecast(line, now=now).get(new.key)
    if found is None or (found.place == 1 and not found.wait and line.next() == new):
        return None
    return _standing(line, new, found)


def _standing(line: Line, one: Waiting, found: Forecast) -> Standing:
    held = line.limits.get(one.workspace, 0) if line.is_full(one.workspace) else 0
    return Standing(found.place, found.wait, held if len(line.running) < line.places else 0)
