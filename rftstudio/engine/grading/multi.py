"""`multi`: several graders and a formula over their scores.

The graders may come as an object or as an array; they are kept as an object. A grader that gives no score leaves the
whole without one, unless the formula does not use it.
"""

from collections.abc import Iterator
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from pydantic import Field, ValidationInfo, field_validator

from rftstudio.engine.grading.failure import FieldError
from rftstudio.engine.grading.formula import FUNCTIONS, Formula, FormulaError
from rftstudio.engine.grading.grade import grade_part
from rftstudio.engine.grading.kind import Spec, Verdict
from rftstudio.engine.types import Grade, GradeError, Item, Sample

if TYPE_CHECKING:
    from rftstudio.engine.grading.spec import AnySpec

MAX_GRADERS = 50


class Multi(Spec):
    """The value of `calculate_output` over the children's scores. Not clipped: the formula says what it may be."""

    title: ClassVar[str] = "Formula over graders"
    summary: ClassVar[str] = "Several graders, combined by a formula of your own."

    type: Literal["multi"] = "multi"
    graders: dict[str, "AnySpec"] = Field(
        title="Graders", description="Graders by name; the names are what the formula uses.", min_length=1
    )
    calculate_output: str = Field(
        title="Formula",
        description="Such as 0.7 * style + 0.3 * facts. + - * / ^, parentheses, min max abs floor ceil exp sqrt log.",
    )

    @field_validator("graders", mode="before")
    @classmethod
    def _by_name(cls, graders: Any) -> Any:
        if isinstance(graders, list):
            named: dict[str, Any] = {}
            for index, grader in enumerate(graders):
                name = grader.get("name") if isinstance(grader, dict) else getattr(grader, "name", None)
                if not isinstance(name, str) or not name:
                    raise FieldError("This grader has no name.", fix="The formula needs one.", at=f"[{index}]")
                if name in named:
                    fix = "Give each grader its own name."
                    raise FieldError(f"Two graders are called “{name}”.", fix=fix, at=f"[{index}].name")
                named[name] = grader
            graders = named
        if not isinstance(graders, dict):
            return graders
        if len(graders) > MAX_GRADERS:
            raise FieldError(f"{len(graders)} graders are more than {MAX_GRADERS}.", fix="Use fewer.")
        for name in graders:
            if not str(name).isidentifier() or name in FUNCTIONS:
                message = f"“{str(name)[:80]}” cannot be used in a formula."
                fix = "Name it with letters, digits and _, unlike any function."
                raise FieldError(message, fix=fix, at=f".{str(name)[:80]}")
        return {
            name: {**grader, "name": name} if isinstance(grader, dict) and not grader.get("name") else grader
            for name, grader in graders.items()
        }

    @field_validator("calculate_output")
    @classmethod
    def _readable(cls, text: str, info: ValidationInfo) -> str:
        if "graders" in info.data:
            try:
                Formula(text, frozenset(info.data["graders"]))
            except FormulaError as failure:
                raise FieldError(str(failure), fix="Correct the formula.") from None
        return text

    @cached_property
    def _formula(self) -> Formula:
        return Formula(self.calculate_output, frozenset(self.graders))

    @cached_property
    def _weights(self) -> dict[str, float]:
        return self._formula.coefficients() or {}

    def parts(self) -> Iterator[tuple[str, Spec]]:
        for name, grader in self.graders.items():
            yield f"graders.{name}", grader

    def evaluate(self, item: Item, sample: Sample) -> Verdict:
        weights = self._weights
        children = tuple(
            grade_part(grader, item, sample, name=name, weight=weights.get(name))
            for name, grader in self.graders.items()
        )
        for child in children:
            if child.error is not None and child.name in self._formula.names:
                error = GradeError(child.error.flag, f"“{child.name}” has no score: {child.error.message}")
                return Verdict(None, children=children, error=error)
        scores = {child.name: child.score for child in children if child.score is not None}
        try:
            score = self._formula.value(scores)
        except FormulaError as failure:
            message = f"The formula {self.calculate_output[:200]} has no value here: {failure}"
            return Verdict(None, children=children, error=GradeError("formula_parse_error", message))
        shown = ", ".join(f"{child.name} {child.score:.3g}" for child in children if child.score is not None)
        return Verdict(score, f"{self.calculate_output.strip()[:200]} = {score:.3g} with {shown}.", children)

    def recompute(self, grade: Grade) -> float | None:
        found = {child.name: self.graders[child.name].recompute(child) for child in grade.children}
        scores = {name: score for name, score in found.items() if score is not None}
        if not self._formula.names <= scores.keys():
            return None
        try:
            return self._formula.value(scores)
        except FormulaError:
            return None
