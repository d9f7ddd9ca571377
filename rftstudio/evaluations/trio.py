"""Base, SFT and RFT beside each other: the three comparisons that follow a reinforcement and its SFT baseline."""

from dataclasses import dataclass

from rftstudio.evaluations.models import Comparison
from rftstudio.runs.jobs import ENDED_STATUSES
from rftstudio.runs.models import Run


@dataclass(frozen=True, slots=True)
class Duel:
    """Two of the three against each other. names: the one that comes first in the sentence is the better-trained one.

    comparison: None where there is none yet. never: one of its trainings is over and kept no model.
    """

    tuned: str
    base: str
    comparison: Comparison | None
    never: bool = False


def trio_of(comparison: Comparison) -> list[Duel]:
    """All three, where the comparison is of one of two trainings that were launched together; else []."""
    run = comparison.run
    sft = run if run.baseline_for_id else Run.objects.filter(baseline_for=run).first()
    if sft is None or sft.baseline_for is None:
        return []
    rft = sft.baseline_for
    name = "SFT + RFT" if rft.way.copies else "RFT"
    return [
        Duel(name, "base", _latest(rft, None), _without_model(rft)),
        Duel("SFT", "base", _latest(sft, None), _without_model(sft)),
        Duel(name, "SFT", _latest(rft, sft), _without_model(rft, sft)),
    ]


def _without_model(*runs: Run) -> bool:
    return any(run.status in ENDED_STATUSES and run.tuned_model_id is None for run in runs)


def _latest(run: Run, against: Run | None) -> Comparison | None:
    """The newest that has a result, else the newest."""
    found = Comparison.objects.filter(run=run, against=against).order_by("-pk")
    return found.exclude(summary={}).first() or found.first()
