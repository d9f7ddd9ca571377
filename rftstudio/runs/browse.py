"""A step's answers as people look at them: task by task, the best first, with the task and its reference beside."""

from dataclasses import dataclass
from typing import Any

from rftstudio.runs.models import Rollout, Run
from rftstudio.tasksets.answers import shown_answer
from rftstudio.tasksets.models import VersionItem
from rftstudio.tasksets.rows import to_items

WHY_DISCARDED = {
    "no spread": "All answers got the same mark, so there was nothing to learn from this task at this step.",
    "no score": "The grader could not mark this answer, so it was left out.",
    "truncated": "This answer was cut off at the length limit, so it was left out.",
}


@dataclass(frozen=True)
class Alike:
    """Answers of one task that say the same and got the same mark: the first of them, and how many there are."""

    rollout: Rollout
    count: int


@dataclass(frozen=True)
class Group:
    """All answers to one task at one step. prompt: the last message of what the model was asked."""

    number: int
    item_key: str
    prompt: str
    reference: str
    rollouts: list[Rollout]

    @property
    def alike(self) -> list[Alike]:
        """The answers, the best first, each wording once."""
        found: dict[tuple[str, float | None, str], list[Rollout]] = {}
        for rollout in self.rollouts:
            found.setdefault((rollout.text, rollout.reward, rollout.discard), []).append(rollout)
        return [Alike(rollouts[0], len(rollouts)) for rollouts in found.values()]

    @property
    def scores(self) -> list[float]:
        return [rollout.reward for rollout in self.rollouts if rollout.reward is not None]

    @property
    def mean(self) -> float | None:
        return sum(self.scores) / len(self.scores) if self.scores else None

    @property
    def low(self) -> float | None:
        return min(self.scores, default=None)

    @property
    def high(self) -> float | None:
        return max(self.scores, default=None)

    @property
    def note(self) -> str:
        """Why nothing was learned from this task, "" where something was."""
        reasons = {rollout.discard for rollout in self.rollouts}
        return WHY_DISCARDED.get(next(iter(reasons)), "") if len(reasons) == 1 else ""


def steps_of(run: Run, phase: str) -> list[int]:
    """The steps of which there are answers, in order."""
    return list(run.rollouts.filter(phase=phase).order_by("step").values_list("step", flat=True).distinct())


def group_numbers(run: Run, step: int, phase: str) -> list[int]:
    return list(
        run.rollouts.filter(step=step, phase=phase).order_by("group").values_list("group", flat=True).distinct()
    )


def groups(run: Run, step: int, phase: str, numbers: list[int]) -> list[Group]:
    """The groups with these numbers. Three queries, however many there are."""
    found: dict[int, list[Rollout]] = {}
    for rollout in run.rollouts.filter(step=step, phase=phase, group__in=numbers).order_by("group", "index"):
        found.setdefault(rollout.group, []).append(rollout)
    found_tasks = asked(run, {rollouts[0].item_key for rollouts in found.values()})
    return [
        Group(
            number=number,
            item_key=rollouts[0].item_key,
            prompt=found_tasks.get(rollouts[0].item_key, ("", ""))[0],
            reference=found_tasks.get(rollouts[0].item_key, ("", ""))[1],
            rollouts=sorted(rollouts, key=best_first),
        )
        for number, rollouts in found.items()
    ]


def best_first(rollout: Rollout) -> tuple[bool, float, int]:
    """A key to sort answers by."""
    return (rollout.reward is None, -(rollout.reward or 0.0), rollout.index)


def asked(run: Run, keys: set[str]) -> dict[str, tuple[str, str]]:
    """By key, the last message of what the model was asked, and the reference."""
    version = run.taskset_version
    answer_type: str = version.definition["answer_type"]
    rows: Any = VersionItem.objects.filter(version=version, key__in=keys)
    return {
        item.id: (item.messages[-1].content, shown_answer(item.fields.get("reference_answer"), answer_type))
        for item in to_items(version, rows)
    }
