"""The line in front of the machine, as arithmetic: who is next, and when each of those waiting will start.

No database, no clock: a pure reading of what runs and what waits. Fair between workspaces: a free place goes to the
workspace that has the fewest jobs running, of equals to the one that was served longest ago; inside a workspace what
is short goes first, then what came first. No workspace gets more places at once than its limit.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

Key = tuple[str, int]
UNKNOWN_S = 600.0  # what a job is taken to last where nobody can tell; a forecast over it gives an order, not a time


@dataclass(frozen=True, slots=True)
class Waiting:
    """rank: what is short has the smaller one. since: when it was made, in seconds. lasts: expected, in seconds."""

    key: Key
    workspace: int
    rank: int
    since: float
    lasts: float | None = None


@dataclass(frozen=True, slots=True)
class Running:
    """left: seconds until it ends, None where nobody can tell."""

    workspace: int
    left: float | None = None


@dataclass(frozen=True, slots=True)
class Line:
    """places: jobs at once on the machine. limits: at once by workspace. served: when each last got a place, in s."""

    places: int
    waiting: Sequence[Waiting] = ()
    running: Sequence[Running] = ()
    limits: Mapping[int, int] = field(default_factory=dict)
    served: Mapping[int, float] = field(default_factory=dict)

    def next(self) -> Waiting | None:
        """Who gets a place now; None where no place is free or nobody may have it."""
        if len(self.running) >= self.places:
            return None
        counts = Counter(one.workspace for one in self.running)
        heads: dict[int, Waiting] = {}
        for one in sorted(self.waiting, key=lambda one: (one.rank, one.since, one.key)):
            heads.setdefault(one.workspace, one)
        may = [one for one in heads.values() if not self.is_full(one.workspace)]

        def order(one: Waiting) -> tuple[int, float, int, float, Key]:
            served = self.served.get(one.workspace, float("-inf"))
            return counts[one.workspace], served, one.rank, one.since, one.key

        return min(may, key=order, default=None)

    def is_full(self, workspace: int) -> bool:
        """Whether a workspace has as many jobs running as it may."""
        limit = self.limits.get(workspace)
        return limit is not None and sum(one.workspace == workspace for one in self.running) >= limit


@dataclass(frozen=True, slots=True)
class Forecast:
    """place: in the line, from 1. wait: seconds until it starts, None where nobody can tell."""

    place: int
    wait: float | None


def forecast(line: Line, *, now: float) -> dict[Key, Forecast]:
    """When each of those waiting starts, were all to last as long as expected and nobody else to come.

    now: the time in the seconds of `Line.served`. Those that can never start (no place at all) are left out.
    """
    found: dict[Key, Forecast] = {}
    waiting, served = list(line.waiting), dict(line.served)
    ends = [(one.left if one.left is not None else UNKNOWN_S, one.left is not None, one) for one in line.running]
    at, sure = 0.0, True
    while waiting:
        current = Line(line.places, waiting, [one for _, _, one in ends], line.limits, served)
        chosen = current.next()
        if chosen is not None:
            found[chosen.key] = Forecast(len(found) + 1, at if sure else None)
            waiting.remove(chosen)
            served[chosen.workspace] = now + at
            lasts = chosen.lasts if chosen.lasts is not None else UNKNOWN_S
            ends.append((at + lasts, chosen.lasts is not None, Running(chosen.workspace)))
        elif ends:
            first = min(ends, key=lambda end: end[0])
            ends.remove(first)
            at, sure = max(at, first[0]), sure and first[1]
        else:
            break
    return found
