"""How well a grader agrees with the experts on a calibration set, and the condition for launch that asks for it.

Reads; never writes. The figures are those of `engine/stats/agreement.py`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from statistics import fmean
from typing import Any

from rftstudio.engine.errors import SpecError
from rftstudio.engine.stats import Interval, mean_interval
from rftstudio.engine.stats.agreement import (
    Agreement,
    comparable_pairs,
    kendall,
    krippendorff,
    spearman,
    weighted_kappa,
    wrongly_ordered,
)
from rftstudio.engine.types import Grade
from rftstudio.graders.evidence import CalibrationCase, CalibrationScore, CalibrationSet, KeptAnswer
from rftstudio.graders.marking import Subject, grades_of, version_of
from rftstudio.graders.models import GraderVersion
from rftstudio.graders.proof import NotProven
from rftstudio.lib import charts

FEW = 10  # scored answers below which no figure is worth a decision
SHOWN_PAIRS = 12
STEPS = 5


@dataclass(frozen=True)
class Scored:
    """An answer with its mean expert score and what the grader gives."""

    answer: KeptAnswer
    expert: float
    by_each: Sequence[CalibrationScore]
    grade: Grade | None

    @property
    def given(self) -> float | None:
        return None if self.grade is None else self.grade.score

    @property
    def error(self) -> float:
        """How much more the grader gives than the experts; only asked for where it gives something."""
        return (self.given or 0.0) - self.expert


@dataclass(frozen=True)
class Length:
    """The mean error on the shorter, middle or longer third."""

    name: str
    words: str
    mean: Interval


@dataclass(frozen=True)
class Agreed:
    """What a calibration set says of one grader. rows: every answer that an expert scored."""

    calibration_set: CalibrationSet
    subject: Subject
    rows: Sequence[Scored]

    @cached_property
    def both(self) -> list[Scored]:
        """With a score from both sides; the grader's is kept within 0 to 1."""
        return [row for row in self.rows if row.given is not None]

    @property
    def n(self) -> int:
        return len(self.both)

    @property
    def n_unmarked(self) -> int:
        return sum(row.grade is None for row in self.rows)

    @property
    def n_no_score(self) -> int:
        return sum(row.grade is not None and row.grade.score is None for row in self.rows)

    @cached_property
    def _expert(self) -> list[float]:
        return [row.expert for row in self.both]

    @cached_property
    def _given(self) -> list[float]:
        return [row.given for row in self.both if row.given is not None]

    @property
    def few(self) -> str:
        """Why the figures do not say much yet, "" where they do."""
        if self.n >= FEW:
            return ""
        return (
            f"{self.n} scored answer{'' if self.n == 1 else 's'} are too few to say anything: "
            f"from {FEW} on the figures mean something, with 20 to 30 they can be relied on."
        ).replace("answer are", "answer is")

    @cached_property
    def spearman(self) -> Agreement | None:
        return spearman(self._expert, self._given)

    @cached_property
    def kendall(self) -> Agreement | None:
        return kendall(self._expert, self._given)

    @cached_property
    def kappa(self) -> Agreement | None:
        """Over the five steps; the grader's score and the experts' mean go to the nearest."""
        expert, given = ([_step(value) for value in row] for row in (self._expert, self._given))
        return weighted_kappa(expert, given, categories=STEPS)

    @cached_property
    def mean_error(self) -> Interval | None:
        errors = [min(1.0, abs(row.error)) for row in self.both]
        return mean_interval(errors)

    @cached_property
    def bias(self) -> Interval | None:
        """Mean of grader less expert: above 0 it is more generous."""
        return mean_interval([_within(row.error) for row in self.both], bounds=(-1.0, 1.0))

    @cached_property
    def by_length(self) -> list[Length]:
        """Mean error of the shorter, middle and longer third. Empty for fewer than three times five answers."""
        rows = sorted(self.both, key=lambda row: row.answer.words)
        if len(rows) < 15:
            return []
        third = len(rows) / 3
        cuts = [rows[round(third * place) : round(third * (place + 1))] for place in range(3)]
        found = []
        for name, cut in zip(("shorter", "middle", "longer"), cuts, strict=True):
            mean = mean_interval([_within(row.error) for row in cut], bounds=(-1.0, 1.0))
            assert mean is not None
            found.append(Length(name, _words(cut[0].answer.words, cut[-1].answer.words), mean))
        return found

    @cached_property
    def with_length(self) -> Agreement | None:
        """Rank correlation of the error with the length: above 0, longer answers get more than they deserve."""
        return spearman([float(row.answer.words) for row in self.both], [row.error for row in self.both])

    @property
    def length_verdict(self) -> str:
        """A sentence on whether length is paid, "" where it cannot be told."""
        found = self.with_length
        if found is None or found.low is None or found.high is None:
            return ""
        if found.low > 0:
            return "Longer answers get more than the experts give them. In training, answers would grow."
        if found.high < 0:
            return "Longer answers get less than the experts give them. In training, answers would shrink."
        return "No sign that the length of an answer is paid or punished."

    @cached_property
    def _wrong(self) -> list[tuple[int, int, float]]:
        return wrongly_ordered(self._expert, self._given)

    @property
    def n_wrong(self) -> int:
        return len(self._wrong)

    @cached_property
    def n_comparable(self) -> int:
        return comparable_pairs(self._expert)

    @property
    def wrong_pairs(self) -> list[tuple[Scored, Scored]]:
        """(the better one, the worse one) by the experts, which the grader puts the other way round."""
        return [(self.both[better], self.both[worse]) for better, worse, _ in self._wrong[:SHOWN_PAIRS]]

    @cached_property
    def n_experts(self) -> int:
        return len({score.by_id for row in self.rows for score in row.by_each})

    @cached_property
    def alpha(self) -> float | None:
        """Krippendorff's alpha between the experts."""
        return krippendorff([[score.score for score in row.by_each] for row in self.rows])

    @property
    def n_shared(self) -> int:
        """Answers that more than one expert scored."""
        return sum(len(row.by_each) > 1 for row in self.rows)

    @property
    def verdict(self) -> tuple[str, str]:
        """(level, sentence)."""
        if self.few:
            return "warn", self.few
        found = self.spearman
        if found is None:
            alike = "The grader gives" if len(set(self._given)) < 2 else "The experts give"
            return "bad", f"{alike} every answer the same score, so there is no order to compare."
        low = "" if found.low is None else f", somewhere from {found.low:.2f} to {found.high:.2f}"
        words = f"Spearman’s correlation with the experts is {found.value:.2f}{low}."
        if found.value >= 0.8:
            return "good", f"It orders answers much as the experts do. {words}"
        if found.value >= 0.6:
            return "good", f"It mostly orders answers as the experts do. {words}"
        if found.value >= 0.3:
            return "warn", f"It agrees with the experts only in part. {words}"
        return "bad", f"It does not order answers as the experts do. {words}"

    @property
    def figure(self) -> charts.Figure:
        """Expert score across, grader score up; a larger dot is several answers in one place."""
        places: dict[tuple[float, float], int] = {}
        for row in self.both:
            place = (round(row.expert, 3), round(row.given or 0.0, 3))
            places[place] = places.get(place, 0) + 1
        dots = {
            "type": "scatter",
            "mode": "markers",
            "name": "grader",
            "x": [x for x, _ in places],
            "y": [y for _, y in places],
            "text": [f"{count} answer{'' if count == 1 else 's'}" for count in places.values()],
            "marker": {"color": "--chart-1/0.6", "size": [8 + 3 * min(count, 8) for count in places.values()]},
            "hovertemplate": "experts %{x:.2f}, grader %{y:.2f}: %{text}<extra></extra>",
        }
        alike = charts.line("the same score", [0, 1], [0, 1], colour="--chart-faint", dash="dash", width=1)
        axis = {"range": [-0.06, 1.06], "tickformat": ".2f", "tickvals": [0, 0.25, 0.5, 0.75, 1]}
        return charts.figure(
            [alike | {"meta": {"table": False}}, dots],
            x="experts",
            y="grader",
            height=340,
            xaxis=axis,
            yaxis=axis | {"range": _reach([row.given or 0.0 for row in self.both])},
            showlegend=False,
        )


def agreement_of(calibration_set: CalibrationSet, subject: Subject) -> Agreed:
    """Every answer of the set that somebody scored, with what the grader gives as far as that is known or free."""
    cases = list(calibration_set.cases.select_related("answer").prefetch_related("scores"))
    scored = [(case, list(case.scores.all())) for case in cases]
    grades = grades_of(subject, [case.answer for case, scores in scored if scores])
    rows = [
        Scored(case.answer, fmean(each.score for each in scores), scores, grades.get(case.answer_id))
        for case, scores in scored
        if scores
    ]
    return Agreed(calibration_set, subject, rows)


def scored_cases(calibration_set: CalibrationSet) -> list[CalibrationCase]:
    """Those that at least one expert has scored."""
    return list(calibration_set.cases.filter(scores__isnull=False).distinct().select_related("answer"))


def require_agreement(version: GraderVersion) -> None:
    """Raises `NotProven` where the task set asks for an agreement that this version does not reach."""
    for asked in version.grader.taskset.calibration_sets.exclude(required=None):
        assert asked.required is not None
        try:
            found = agreement_of(asked, version_of(version))
        except SpecError as error:
            raise _refusal(asked, version, str(error)) from None
        wanted = f"at least {asked.required:.2f} on at least {asked.required_n} scored answers of “{asked.name}”"
        if found.n < asked.required_n:
            left = f", and {found.n_unmarked} are not marked by it yet" if found.n_unmarked else ""
            got = f"{found.n} answer{' has' if found.n == 1 else 's have'} a score from experts and grader{left}"
        elif found.spearman is None:
            got = found.verdict[1].rstrip(".")
        elif found.spearman.value < asked.required - 1e-9:
            got = f"version {version.number} reaches {found.spearman.value:.2f} on {found.n}"
        else:
            continue
        raise _refusal(
            asked, version, f"This task set asks for a Spearman correlation with experts of {wanted}; {got}."
        )


def _refusal(asked: CalibrationSet, version: GraderVersion, message: str) -> NotProven:
    arguments = (version.grader_id, asked.pk)
    return NotProven(message, page="graders:calibration", arguments=arguments, link="Look at the calibration")


def summary_of(found: Agreed) -> dict[str, Any]:
    """The headline figures for a list of sets."""
    return {"n": found.n, "spearman": found.spearman, "level": found.verdict[0]}


def _step(value: float) -> int:
    return round((STEPS - 1) * min(1.0, max(0.0, value)))


def _words(least: int, most: int) -> str:
    if least != most:
        return f"{least} to {most} words"
    return "1 word" if most == 1 else f"{most} words"


def _within(value: float) -> float:
    return min(1.0, max(-1.0, value))


def _reach(values: Sequence[float]) -> list[float]:
    """Scores outside 0 to 1, which formulas may give, stay visible."""
    low, high = min([0.0, *values]), max([1.0, *values])
    room = 0.06 * (high - low)
    return [low - room, high + room]
