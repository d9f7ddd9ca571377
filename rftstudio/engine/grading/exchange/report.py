"""What became of each part of a grader on its way in or out, so that it can be read before anything is kept."""

from dataclasses import dataclass, field
from typing import Any, Literal

Outcome = Literal["same", "changed", "refused"]


@dataclass(frozen=True, slots=True)
class Step:
    """One part. path: where it stands in what was read; what: its kind there; became: its kind now, "" if refused.

    note: for a changed part what differs, for a refused one why, and what to use instead.
    """

    path: str
    what: str
    became: str
    outcome: Outcome
    note: str = ""


@dataclass(slots=True)
class Report:
    """grader: the JSON that came out, None where nothing usable did. steps: in the order of the source."""

    source: str
    grader: dict[str, Any] | None = None
    steps: list[Step] = field(default_factory=list)

    def same(self, path: str, what: str, note: str = "") -> None:
        self.steps.append(Step(path, what, what, "same", note))

    def changed(self, path: str, what: str, became: str, note: str) -> None:
        self.steps.append(Step(path, what, became, "changed", note))

    def refused(self, path: str, what: str, note: str) -> None:
        self.steps.append(Step(path, what, "", "refused", note))

    @property
    def problems(self) -> list[Step]:
        return [step for step in self.steps if step.outcome == "refused"]

    @property
    def whole(self) -> bool:
        """Whether every part came through."""
        return self.grader is not None and not self.problems
