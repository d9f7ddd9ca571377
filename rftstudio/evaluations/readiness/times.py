"""What a training would take: time for each preset from this machine's timing and the answers' measured length."""

from dataclasses import dataclass

from rftstudio.engine.presets import DEFAULT_PRESET, PRESETS, resolve
from rftstudio.evaluations.models import Readiness
from rftstudio.runs.expect import outlook_of
from rftstudio.runs.judged import answers_of
from rftstudio.tasksets.models import Split


@dataclass(frozen=True, slots=True)
class PresetTime:
    """seconds: None where the model is not timed yet. tokens and cost: of judges, None where none was asked."""

    name: str
    label: str
    steps: int
    limit: int
    seconds: float | None
    tokens: float | None
    cost: float | None


@dataclass(frozen=True, slots=True)
class Times:
    """state: as `Outlook`. took, expected: seconds of the check itself."""

    state: str
    presets: list[PresetTime]
    took: float | None
    expected: float | None

    @property
    def ratio(self) -> float | None:
        """How many times as long as expected the check took; None where that says nothing."""
        if not self.took or not self.expected or self.expected < 5:
            return None
        return self.took / self.expected


def times_of(check: Readiness, *, may_time: bool) -> Times:
    """may_time: ask for a timing where there is none, as the launch page does."""
    outlook = outlook_of(
        taskset=check.taskset,
        model=check.base_model,
        preset=DEFAULT_PRESET,
        settings={},
        answer_tokens=check.summary["tokens_mean"],
        may_time=may_time,
    )
    judges = check.result.get("judges") or {}
    asked = check.summary["n_answers"]
    n_validation = check.taskset_version.counts.get(Split.VALIDATION, 0)
    rows = []
    for name, preset in PRESETS.items():
        settings = resolve(name, answer_limit=check.taskset.answer_limit)
        many = answers_of(settings, n_validation=n_validation) / asked
        tokens, cost = judges.get("tokens") or 0, judges.get("cost") or 0.0
        rows.append(
            PresetTime(
                name=name,
                label=preset.label,
                steps=settings["steps"],
                limit=settings["max_completion_length"],
                seconds=outlook.seconds.get(name),
                tokens=tokens * many if tokens else None,
                cost=cost * many if cost else None,
            )
        )
    return Times(outlook.state, rows, check.seconds_spent, check.expected_seconds)
