"""`rubric`: criteria in the expert's words, each weighed and each checked by a grader.

Score = Σ weight·score / Σ weight over the criteria that apply to the item, then vetoes: a failed critical criterion
makes the whole 0 or caps it. A criterion whose check gives no score leaves the whole rubric without one.

Checks by the same judge are asked in one call; each still gets its own child with its own reason.
"""

from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

from rftstudio.engine.grading.failure import FieldError, NoScore
from rftstudio.engine.grading.grade import as_grade, grade_part, grade_verdict
from rftstudio.engine.grading.judge import MAX_TOGETHER, Judge, judge_all
from rftstudio.engine.grading.kind import Spec, TemplateText, Verdict, weighted_mean
from rftstudio.engine.grading.template import compile_template
from rftstudio.engine.grading.text import as_text, normalise, quote
from rftstudio.engine.types import Grade, GradeError, Item, Sample

if TYPE_CHECKING:
    from rftstudio.engine.grading.spec import AnySpec

MAX_CRITERIA = 100
MAX_PLANS = 256  # combinations of criteria that apply, remembered


class AppliesIf(BaseModel):
    """A condition on the item: its value is one of `equals`, or, where that is empty, it is not empty."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    value: TemplateText = Field(title="Value", description="Usually a column, such as {{ item.pregnant }}.")
    equals: list[str] = Field(
        default_factory=list,
        title="Is one of",
        description="Texts, compared ignoring case and space. Empty: applies when the value is not empty.",
    )
    negate: bool = Field(default=False, title="Turn round", description="Apply when the condition does not hold.")

    @field_validator("equals", mode="before")
    @classmethod
    def _one_or_many(cls, equals: Any) -> Any:
        values = equals if isinstance(equals, list) else [equals]
        return [value if isinstance(value, str) else as_text(value) for value in values if value is not None]

    def holds(self, item: Item, sample: Sample) -> bool:
        """A column that the item lacks counts as empty."""
        try:
            value = compile_template(self.value).value(item, sample)
        except NoScore:
            value = None
        if self.equals:
            held = normalise(as_text(value)) in {normalise(each) for each in self.equals}
        else:
            held = value is not None and value not in ([], {}) and bool(as_text(value).strip())
        return held != self.negate


class Criterion(BaseModel):
    """One sentence of the rubric and how it is checked."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    name: str = Field(min_length=1, max_length=200, title="Short name", description="Shown on charts; unique.")
    sentence: str = Field(
        default="", max_length=2000, title="Criterion", description="What a good answer does, in one sentence."
    )
    weight: float = Field(
        default=1.0,
        ge=0,
        le=1e6,
        title="Weight",
        description="How much it counts beside the others; 0 for a pure veto.",
    )
    polarity: Literal["must", "must_not"] = Field(
        default="must",
        title="Must or must not",
        description="must_not turns the check round: what it rewards is what the answer must not do.",
    )
    critical: Literal["none", "zero", "cap"] = Field(
        default="none",
        title="If it fails",
        description="none: it loses only its own weight; zero: the whole score is 0; cap: the whole is at most cap.",
    )
    cap: float = Field(
        default=0.5, ge=0, le=1, title="Cap", description="The most that the whole can score when a capping one fails."
    )
    threshold: float = Field(
        default=0.5,
        ge=0,
        le=1,
        title="Fails below",
        description="A critical criterion fails when its score is below this.",
    )
    applies_if: AppliesIf | None = Field(
        default=None, title="Applies when", description="A condition on the item. Empty: always applies."
    )
    check: "AnySpec" = Field(title="Checked by", description="The grader that decides how far the criterion is met.")


class Rubric(Spec):
    """Each child is a criterion (its score after must / must not) that holds its check as its own child."""

    title: ClassVar[str] = "Rubric"
    summary: ClassVar[str] = "Several criteria in your own words, weighed, some of them decisive."

    type: Literal["rubric"] = "rubric"
    criteria: list[Criterion] = Field(
        title="Criteria", description="What is looked at, one by one.", min_length=1, max_length=MAX_CRITERIA
    )

    @field_validator("criteria")
    @classmethod
    def _weighed(cls, criteria: list[Criterion]) -> list[Criterion]:
        seen: set[str] = set()
        for index, criterion in enumerate(criteria):
            if criterion.name in seen:
                message = f"Two criteria are called “{criterion.name}”."
                raise FieldError(message, fix="Give each its own name.", at=f"[{index}].name")
            seen.add(criterion.name)
        if not any(criterion.weight for criterion in criteria):
            raise FieldError("Every weight is 0.", fix="Give at least one criterion a weight.")
        return criteria

    @cached_property
    def _by_name(self) -> dict[str, Criterion]:
        return {criterion.name: criterion for criterion in self.criteria}

    @cached_property
    def _plans(self) -> dict[tuple[bool, ...], tuple[float, list[list[Criterion]]]]:
        return {}

    def templates(self) -> Iterator[tuple[str, str]]:
        for index, criterion in enumerate(self.criteria):
            if criterion.applies_if is not None:
                yield f"criteria[{index}].applies_if.value", criterion.applies_if.value

    def parts(self) -> Iterator[tuple[str, Spec]]:
        for index, criterion in enumerate(self.criteria):
            yield f"criteria[{index}].check", criterion.check

    def evaluate(self, item: Item, sample: Sample) -> Verdict:
        applies = tuple([each.applies_if is None or each.applies_if.holds(item, sample) for each in self.criteria])
        total, groups = self._plan(applies)
        if total == 0:
            raise NoScore("other_error", "No criterion with a weight applies to this item.")
        checks: dict[str, Grade] = {}
        for group in groups:
            checks.update(zip((each.name for each in group), _ask_group(group, item, sample), strict=True))
        children = tuple(
            _grade_criterion(
                criterion,
                criterion.weight / total,
                checks.get(criterion.name) or grade_part(criterion.check, item, sample),
            )
            if counts
            else Grade(criterion.name, "criterion", None, "Does not apply to this item.", weight=0.0)
            for criterion, counts in zip(self.criteria, applies, strict=True)
        )
        for child in children:
            if child.error is not None:
                error = GradeError(child.error.flag, f"“{child.name}” has no score: {child.error.message}")
                return Verdict(None, children=children, error=error)
        score, reason = self._combine([(child.name, child.score) for child in children if child.score is not None])
        return Verdict(score, reason, children)

    def _plan(self, applies: tuple[bool, ...]) -> tuple[float, list[list[Criterion]]]:
        """The sum of the weights that count, and the calls to judges. Remembered: it is mostly the same ones."""
        plan = self._plans.get(applies)
        if plan is None:
            if len(self._plans) >= MAX_PLANS:
                self._plans.clear()
            counting = [each for each, counts in zip(self.criteria, applies, strict=True) if counts]
            plan = self._plans[applies] = (sum(each.weight for each in counting), self._judged(counting))
        return plan

    def _judged(self, criteria: Sequence[Criterion]) -> list[list[Criterion]]:
        """The criteria that a judge checks, in groups that go into one call each."""
        groups: dict[tuple[str, str, str], list[list[Criterion]]] = {}
        for criterion in criteria:
            if isinstance(criterion.check, Judge):
                of_this_judge = groups.setdefault(criterion.check.together, [[]])
                if len(of_this_judge[-1]) == MAX_TOGETHER:
                    of_this_judge.append([])
                of_this_judge[-1].append(criterion)
        return [group for of_one_judge in groups.values() for group in of_one_judge]

    def _combine(self, scores: Sequence[tuple[str, float]]) -> tuple[float | None, str]:
        """The whole from (name, score) of the criteria that apply, and why."""
        scored = [(self._by_name[name], score) for name, score in scores]
        mean = weighted_mean([(criterion.weight, score) for criterion, score in scored])
        if mean is None:
            return None, ""
        failed = [criterion for criterion, score in scored if score < criterion.threshold]
        for criterion in failed:
            if criterion.critical == "zero":
                return 0.0, f"0 because {quote(criterion.name)} failed, which decides the whole."
        caps = [criterion for criterion in failed if criterion.critical == "cap"]
        lowest = min(caps, key=lambda criterion: criterion.cap, default=None)
        if lowest is not None and lowest.cap < mean:
            return lowest.cap, f"Capped at {lowest.cap:g} because {quote(lowest.name)} failed; {mean:.2f} without it."
        met = len(scored) - len(failed)
        return mean, f"{met} of {len(scored)} criteria met; weighted mean {mean:.2f}."

    def recompute(self, grade: Grade) -> float | None:
        scores: list[tuple[str, float]] = []
        for child in grade.children:
            if child.error is not None:
                return None
            if child.children:
                criterion = self._by_name[child.name]
                score = criterion.check.recompute(child.children[0])
                if score is None:
                    return None
                scores.append((child.name, _turned(criterion, score)))
        return self._combine(scores)[0]


def _ask_group(group: Sequence[Criterion], item: Item, sample: Sample) -> list[Grade]:
    """The grades of these criteria's checks, from one call. The first carries its time and tokens."""
    asked = [(each.check, each.check.instruction or each.sentence) for each in group if isinstance(each.check, Judge)]
    verdicts: list[Verdict] = []

    def ask() -> Verdict:
        verdicts.extend(judge_all(asked, item, sample))
        return verdicts[0]

    first = grade_verdict(group[0].check, ask)
    others = verdicts[1:] or [Verdict(None, error=first.error)] * (len(group) - 1)
    return [first, *(as_grade(each.check, verdict) for each, verdict in zip(group[1:], others, strict=True))]


def _grade_criterion(criterion: Criterion, share: float, check: Grade) -> Grade:
    score = None if check.score is None else _turned(criterion, check.score)
    sentence = criterion.sentence
    if sentence and sentence[-1] not in ".!?:;… ":
        sentence += "."
    return Grade(
        criterion.name,
        "criterion",
        score,
        f"{sentence} {check.reason}".strip(),
        check.error,
        (check,),
        share,
        latency_s=check.latency_s,
        tokens=check.tokens,
    )


def _turned(criterion: Criterion, score: float) -> float:
    """The check's score within 0..1, turned round for a criterion that must not be met."""
    score = min(1.0, max(0.0, score))
    return 1.0 - score if criterion.polarity == "must_not" else score
