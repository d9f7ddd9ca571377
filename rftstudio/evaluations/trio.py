"""Base, SFT and RFT beside each other: the three comparisons that follow a reinforcement and its SFT baseline.

Figures of one table must mean the same: only comparisons with equal settings and seed stand in it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from rftstudio.evaluations.models import Comparison
from rftstudio.runs.jobs import ENDED_STATUSES
from rftstudio.runs.models import Run

ASKED = ("samples", "temperature", "max_completion_length")  # the settings on which scores depend


@dataclass(frozen=True, slots=True)
class Duel:
    """Two of the three against each other. names: the one that comes first in the sentence is the better-trained one.

    comparison: None where there is none that was asked like the rest of the table. never: one of its trainings is over
    and kept no model. otherwise: none will follow by itself, as the two were compared in another way or the rest was.
    """

    tuned: str
    base: str
    comparison: Comparison | None
    never: bool = False
    otherwise: bool = False


def trio_of(comparison: Comparison) -> list[Duel]:
    """All three as asked in this comparison, itself among them.

    [] where it is not of one of two trainings that were launched together, or nothing else was asked in the same way.
    """
    run = comparison.run
    sft = run if run.baseline_for_id else Run.objects.filter(baseline_for=run).first()
    if sft is None or sft.baseline_for is None:
        return []
    rft = sft.baseline_for
    if comparison.against not in (None, rft, sft):
        return []
    name = "SFT + RFT" if rft.way.copies else "RFT"
    duels = [
        _duel(comparison, (name, rft), ("base", None)),
        _duel(comparison, ("SFT", sft), ("base", None)),
        # Made by hand it may be the other way round, and its own row says so.
        _duel(comparison, ("SFT", sft), (name, rft))
        if comparison.against == rft
        else _duel(comparison, (name, rft), ("SFT", sft)),
    ]
    return duels if sum(duel.comparison is not None for duel in duels) > 1 else []


def _duel(shown: Comparison, tuned: tuple[str, Run], base: tuple[str, Run | None]) -> Duel:
    run, against = tuned[1], base[1]
    made = list(Comparison.objects.filter(run=run, against=against).order_by("-pk"))
    found = shown if shown in made else _best([one for one in made if _asked(one) == _asked(shown)])
    never = any(one.status in ENDED_STATUSES and one.tuned_model_id is None for one in (run, against) if one)
    return Duel(tuned[0], base[0], found, never, otherwise=bool(made) or not shown.automatic)


def _best(made: Sequence[Comparison]) -> Comparison | None:
    """The newest that has a result, else the newest."""
    return next((one for one in made if one.summary), made[0] if made else None)


def _asked(comparison: Comparison) -> tuple[Any, ...]:
    return (comparison.seed, *(comparison.settings.get(name) for name in ASKED))
