"""Why a run ends, or pauses, before its last step: a wish, a judge's budget, the time, no improvement.

Asked at the end of every step and answered from what is there; it stops nothing itself.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from rftstudio.engine.judging import used_up
from rftstudio.engine.presets import TrainingSettings
from rftstudio.engine.process import Stop
from rftstudio.engine.training.journal import Progress


@dataclass(frozen=True, slots=True)
class End:
    """kind: `early` is a success with the best checkpoint until then; `ended`, by SIGTERM, is to be gone on with.

    reason: a sentence for a person.

    evaluates: whether the validation tasks are still answered: as planned, in any case, or not.
    """

    kind: Literal["cancelled", "paused", "early", "ended"]
    reason: str = ""
    finding: str = ""
    evaluates: Literal["as planned", "yes", "no"] = "no"


class Endings:
    """progress: called, since a run that goes on takes that of its checkpoint."""

    def __init__(self, settings: TrainingSettings, stop: Stop, progress: Callable[[], Progress]) -> None:
        self.settings = settings
        self.stop = stop
        self.progress = progress

    def due(self, *, seconds: float) -> End | None:
        """What ends the run now, if anything. seconds: of the step under way, which are in no progress yet."""
        if self.stop.for_now:
            return End("ended", evaluates="as planned")
        if self.stop():
            return End("cancelled")
        if reason := used_up():
            return End("early", reason)
        most = self.settings.max_minutes
        if most and self.progress().seconds + seconds >= 60 * most:
            return End("early", f"The time allowed, {_minutes(most)}, is used up.", evaluates="yes")
        settings = self.settings
        warm = settings.copying_steps if settings.way.reinforces else 0
        patience, waited = settings.patience, self.progress().without_improvement(after=warm)
        if patience and waited >= patience:
            return End("early", f"There was no new best validation reward in the last {_evaluations(waited)}.")
        if self.stop.pausing:
            return End("paused", evaluates="as planned")
        return None


def _minutes(count: float) -> str:
    return "1 minute" if count == 1 else f"{count:g} minutes"


def _evaluations(count: int) -> str:
    return "evaluation" if count == 1 else f"{count} evaluations"
