"""A task through a whole training: how its answers were marked at every step where it was asked.

What is said of all tasks comes from one grouped query over an index; texts are read for what is shown only.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean

from django.db.models import Avg, Count, Max

from rftstudio.lib.charts import Figure
from rftstudio.lib.charts_answers import Dot, answers_by_step
from rftstudio.runs import browse, curves
from rftstudio.runs.models import Rollout, Run

RIGHT = 0.999  # full marks, but for rounding
FEW = 2  # visits that are told in words: there is no course to draw between so few
WORDS = 90  # letters of an answer beside its dot
ORDERS = {"improved": "Improved most", "worse": "Got worse", "never": "Never right", "all": "All tasks"}


@dataclass(frozen=True)
class Visit:
    """The answers to a task at one step. mean, best: None where none could be marked."""

    step: int
    phase: str
    count: int
    mean: float | None
    best: float | None


@dataclass(frozen=True)
class Course:
    """A task with its visits in order of steps."""

    key: str
    visits: tuple[Visit, ...]

    @property
    def means(self) -> list[float]:
        return [visit.mean for visit in self.visits if visit.mean is not None]

    @property
    def early(self) -> float | None:
        """Mean over the first quarter of its visits, at least one."""
        return fmean(self.means[: self._edge]) if self.means else None

    @property
    def late(self) -> float | None:
        return fmean(self.means[-self._edge :]) if self.means else None

    @property
    def change(self) -> float | None:
        """From early to late; None for a task that was asked once only."""
        if len(self.means) < 2 or self.early is None or self.late is None:
            return None
        return self.late - self.early

    @property
    def best(self) -> float | None:
        return max((visit.best for visit in self.visits if visit.best is not None), default=None)

    @property
    def never_right(self) -> bool:
        return self.best is None or self.best < RIGHT

    @property
    def count(self) -> int:
        return sum(visit.count for visit in self.visits)

    @property
    def seldom(self) -> str:
        """`Seen once, in step 12`, of a task that was asked too seldom for a picture; "" for any other."""
        steps = [str(visit.step) for visit in self.visits]
        if not 0 < len(steps) <= FEW:
            return ""
        return f"Seen once, in step {steps[0]}" if len(steps) == 1 else f"Seen twice, in steps {' and '.join(steps)}"

    @property
    def validation(self) -> bool:
        return any(visit.phase == "valid" for visit in self.visits)

    @property
    def _edge(self) -> int:
        return max(1, len(self.means) // 4)


def courses(run: Run) -> list[Course]:
    """Every task that was asked, in the order of the task set's version."""
    rows = (
        run.rollouts.order_by("item_key", "step", "phase")
        .values_list("item_key", "step", "phase")
        .annotate(Count("pk"), Avg("reward"), Max("reward"))
    )
    found: dict[str, list[Visit]] = {}
    for key, step, phase, count, mean, best in rows:
        found.setdefault(key, []).append(Visit(step, phase, count, mean, best))
    places = {key: place for place, key in enumerate(run.taskset_version.items.values_list("key", flat=True))}
    keys = sorted(found, key=lambda key: (places.get(key, len(places)), key))
    return [Course(key, tuple(found[key])) for key in keys]


def ordered(all_of_them: Sequence[Course], order: str) -> list[Course]:
    """Those that belong to an order of `ORDERS`, what matters most first."""
    moved = [(course.change, course) for course in all_of_them if course.change]
    if order == "improved":
        return [course for change, course in sorted(moved, key=lambda pair: -pair[0]) if change > 0]
    if order == "worse":
        return [course for change, course in sorted(moved, key=lambda pair: pair[0]) if change < 0]
    if order == "never":
        never = [course for course in all_of_them if course.never_right]
        return sorted(never, key=lambda course: course.best if course.best is not None else -1.0)
    return list(all_of_them)


def matching(run: Run, chosen: Sequence[Course], words: str) -> list[Course]:
    """Those whose key or task has all these words."""
    wanted = words.casefold().split()
    if not wanted:
        return list(chosen)
    asked = browse.asked(run, {course.key for course in chosen})
    texts = {course.key: f"{course.key} {asked.get(course.key, ('', ''))[0]}".casefold() for course in chosen}
    return [course for course in chosen if all(word in texts[course.key] for word in wanted)]


def neighbours(chosen: Sequence[Course], key: str) -> tuple[str | None, str | None]:
    """The keys before and after one in a list; of one that is not in it, nothing before and the first after."""
    keys = [course.key for course in chosen]
    if key not in keys:
        return None, keys[0] if keys else None
    place = keys.index(key)
    return keys[place - 1] if place else None, keys[place + 1] if place + 1 < len(keys) else None


def figure(run: Run, course: Course, rollouts: Sequence[Rollout], address: str) -> Figure:
    """A dot per answer. address: of the task's page; a dot adds which answer it stands for."""
    dots = [
        Dot(
            rollout.step,
            rollout.reward,
            f"{address}&answer={rollout.seq}",
            " ".join(rollout.text[: 2 * WORDS].split())[:WORDS] or "an empty answer",
            rollout.phase == "valid",
        )
        for rollout in rollouts
    ]
    means = [(visit.step, round(visit.mean, 5)) for visit in course.visits if visit.mean is not None]
    return answers_by_step(dots, means, total_steps=curves.total_steps(run))


@dataclass(frozen=True)
class Told:
    """A visit with its answers, the best first, each wording once."""

    visit: Visit
    alike: list[browse.Alike]


def told(run: Run, key: str, visits: Sequence[Visit]) -> list[Told]:
    """Visits with their answers. One query."""
    steps = {visit.step for visit in visits}
    found: dict[tuple[int, str], list[Rollout]] = {}
    for rollout in run.rollouts.filter(item_key=key, step__in=steps).order_by("group", "index"):
        found.setdefault((rollout.step, rollout.phase), []).append(rollout)
    groups = (
        browse.Group(0, key, "", "", sorted(found.get((visit.step, visit.phase), []), key=browse.best_first))
        for visit in visits
    )
    return [Told(visit, group.alike) for visit, group in zip(visits, groups, strict=True)]
