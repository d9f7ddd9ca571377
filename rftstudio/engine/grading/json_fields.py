"""`json_fields`: a JSON answer compared with a JSON reference, field by field, each by the grader that suits it.

Inside a field's grader, `sample.output_text` and `sample.output_json` are the answer's value at the path and
`item.reference_answer` is the reference's. An answer that is not JSON scores 0: it is a wrong answer, no failure.
"""

from collections.abc import Iterator
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from rftstudio.engine.grading.failure import FieldError, NoScore
from rftstudio.engine.grading.json_compare import ABSENT, MAX_FIELDS, Compared, compare, every_value
from rftstudio.engine.grading.json_schema import SchemaCheck
from rftstudio.engine.grading.json_text import parse_json
from rftstudio.engine.grading.kind import InputField, ReferenceField, Spec, TemplateText, Verdict, weighted_mean
from rftstudio.engine.grading.path import PathError, Step, parse_path
from rftstudio.engine.grading.template import Template, Variable, compile_template
from rftstudio.engine.types import Grade, GradeError, Item, Sample

if TYPE_CHECKING:
    from rftstudio.engine.grading.spec import AnySpec


class JsonField(BaseModel):
    """One field of the answer."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    path: str = Field(title="Field", description="Where it stands in answer and reference: diagnosis[0].code.")
    weight: float = Field(
        default=1.0, ge=0, le=1e6, title="Weight", description="How much it counts beside the others."
    )
    required: bool = Field(
        default=True,
        title="Required",
        description="Missing in the answer: a required field scores 0, another one does not count, "
        "or scores 1 where the reference has none either.",
    )
    grader: "AnySpec" = Field(title="Compared by", description="The grader for this field's value.")

    @field_validator("path")
    @classmethod
    def _readable(cls, path: str) -> str:
        try:
            parse_path(path.removeprefix("$."))
        except PathError as failure:
            raise FieldError(str(failure), fix="Write names with points, list places from 0 in brackets.") from None
        return path

    @property
    def steps(self) -> tuple[Step, ...]:
        return parse_path(self.path.removeprefix("$."))


class JsonFields(Spec):
    """The weighted mean over the fields, and over the validity by schema where there is one.

    Children: `schema` (if any), then one per field, named by its path; weight 0 for one that does not count.
    """

    title: ClassVar[str] = "JSON fields"
    summary: ClassVar[str] = "The answer is JSON; each field is compared in its own way."

    type: Literal["json_fields"] = "json_fields"
    input: TemplateText = InputField
    reference: TemplateText = ReferenceField
    fields: list[JsonField] = Field(
        default_factory=list,
        max_length=MAX_FIELDS,
        title="Fields",
        description="What is compared. Empty: every value of the reference, unless there is a schema only.",
    )
    json_schema: dict[str, Any] | None = Field(
        default=None, title="JSON Schema", description="The answer's validity counts as one more field."
    )
    schema_weight: float = Field(
        default=1.0, ge=0, le=1e6, title="Weight of the schema", description="How much validity counts."
    )

    @field_validator("fields")
    @classmethod
    def _distinct(cls, fields: list[JsonField]) -> list[JsonField]:
        seen: set[tuple[Step, ...]] = set()
        for index, each in enumerate(fields):
            if each.steps in seen:
                fix = "Use a multi grader to check one field in two ways."
                raise FieldError(f"The field {each.path} is there twice.", fix=fix, at=f"[{index}].path")
            seen.add(each.steps)
        return fields

    @field_validator("json_schema")
    @classmethod
    def _valid(cls, schema: dict[str, Any] | None) -> dict[str, Any] | None:
        if schema is not None:
            SchemaCheck(schema)
        return schema

    @model_validator(mode="after")
    def _weighed(self) -> "JsonFields":
        weights = [each.weight for each in self.fields]
        if self.json_schema is not None:
            weights.append(self.schema_weight)
        if weights and not any(weights):
            raise FieldError("Every weight is 0.", fix="Give at least one field a weight.", at=".fields")
        return self

    @cached_property
    def _schema(self) -> SchemaCheck | None:
        return None if self.json_schema is None else SchemaCheck(self.json_schema)

    @cached_property
    def _compared(self) -> list[Compared]:
        return [Compared(each.path, each.steps, each.grader, each.weight, each.required) for each in self.fields]

    @cached_property
    def _templates(self) -> tuple[Template, Template]:
        return compile_template(self.input), compile_template(self.reference)

    @cached_property
    def _uses_reference(self) -> bool:
        return any(each.uses_reference for each in self._compared) or (not self.fields and self.json_schema is None)

    def parts(self) -> Iterator[tuple[str, Spec]]:
        for index, each in enumerate(self.fields):
            yield f"fields[{index}].grader", each.grader

    def templates(self) -> Iterator[tuple[str, str]]:
        yield "input", self.input
        if self._uses_reference:
            yield "reference", self.reference

    def variables(self) -> Iterator[tuple[str, Variable]]:
        for path, variable in super().variables():
            # Inside a field it is the reference's own value, whatever columns there are.
            if not path.startswith("fields[") or (variable.root, variable.name) != ("item", "reference_answer"):
                yield path, variable

    def evaluate(self, item: Item, sample: Sample) -> Verdict:
        reference = self._reference(item, sample) if self._uses_reference else ABSENT
        fields = self._compared or ([] if self.json_schema is not None else every_value(reference))
        if not fields and self.json_schema is None:
            raise NoScore("other_error", "The reference answer has no value to compare.")
        value = self._templates[0].value(item, sample)
        problem = None
        if isinstance(value, str):
            try:
                value = parse_json(value)
            except ValueError as failure:
                problem = f"The answer is not valid JSON: {failure}."
        children = [] if self._schema is None else [self._check_schema(self._schema, value, problem)]
        for field in fields:
            if problem:
                child = Grade(field.path, field.grader.type, 0.0, problem, weight=field.weight)
            else:
                child = compare(field, value, reference, item, sample)
            children.append(child)
        total = sum([child.weight or 0.0 for child in children])
        if total > 0:
            children = [child._replace(weight=(child.weight or 0.0) / total) for child in children]
        for child in children:
            if child.error is not None:
                error = GradeError(child.error.flag, f"{child.name} has no score: {child.error.message}")
                return Verdict(None, children=tuple(children), error=error)
        score = _combine([(child.weight or 0.0, child.score) for child in children])
        counted = [child for child in children if child.weight]
        right = sum(child.score == 1 for child in counted)
        reason = problem or f"{right} of {len(counted)} fields fully right; weighted mean {score:.2f}."
        return Verdict(score, reason if counted else "The answer has none of the fields.", tuple(children))

    def _reference(self, item: Item, sample: Sample) -> Any:
        reference = self._templates[1].value(item, sample)
        if not isinstance(reference, str):
            return reference
        try:
            return parse_json(reference)
        except ValueError as failure:
            raise NoScore("other_error", f"The reference answer is not valid JSON: {failure}.") from None

    def _check_schema(self, schema: SchemaCheck, value: Any, problem: str | None) -> Grade:
        error = None
        try:
            problem = problem or schema.problem(value)
        except NoScore as failure:
            error = failure.error
        reason = error.message if error else problem or "The answer has the shape that the schema asks for."
        score = None if error else 0.0 if problem else 1.0
        return Grade("schema", "json_schema", score, reason, error, weight=self.schema_weight)

    def recompute(self, grade: Grade) -> float | None:
        specs: list[Spec | None] = [None] if self.json_schema is not None else []
        specs += [each.grader for each in self.fields]
        scores: list[tuple[float, float | None]] = []
        for index, child in enumerate(grade.children):
            if child.error is not None:
                return None
            spec = specs[index] if index < len(specs) else None
            score = spec.recompute(child) if spec is not None and child.children else child.score
            scores.append((child.weight or 0.0, score))
        return _combine(scores) if scores else None


def _combine(scores: list[tuple[float, float | None]]) -> float:
    """The weighted mean of what counts; 0 where the answer left everything out."""
    mean = weighted_mean([(weight, score) for weight, score in scores if score is not None])
    return 0.0 if mean is None else mean
