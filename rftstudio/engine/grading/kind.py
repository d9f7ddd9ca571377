"""What every grader kind is: a pydantic model with a `type`, a `name` and `evaluate(item, sample) -> Verdict`.

A kind says what it thinks of one sample; names, timing and failures are put around that by `grade.py`.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, Any, ClassVar, NamedTuple

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from rftstudio.engine.grading.failure import NoScore
from rftstudio.engine.grading.template import Template, Variable, compile_template
from rftstudio.engine.types import NO_METRICS, Grade, GradeError, Item, Sample


class Verdict(NamedTuple):
    """What a kind found. score is None only together with an error; tokens are judge tokens spent."""

    score: float | None
    reason: str = ""
    children: tuple[Grade, ...] = ()
    metrics: Mapping[str, float] = NO_METRICS
    error: GradeError | None = None
    tokens: int = 0


def _check_template(text: str) -> str:
    compile_template(text)
    return text


TemplateText = Annotated[str, AfterValidator(_check_template)]

InputField = Field(
    default="{{ sample.output_text }}",
    title="What is graded",
    description="Usually the answer's whole text; a part of a JSON answer is {{ sample.output_json.part }}.",
)
ReferenceField = Field(
    default="{{ item.reference_answer }}",
    title="Compared with",
    description="Usually the item's reference answer; another column is {{ item.column }}.",
)


class Spec(BaseModel):
    """A grader as its author wrote it. Immutable; `model_dump(exclude_none=True)` is the stored form."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    title: ClassVar[str]  # the kind's name for a person
    summary: ClassVar[str]  # one sentence on when to use it
    waits: ClassVar[bool] = False  # on something else than this thread: a judge, another machine, a sandbox
    calls: ClassVar[int] = 0  # to a judge or another server for one grade, at the most; each may cost money

    type: str
    name: str = Field(default="", max_length=200, title="Name", description="Shown with the score; free to choose.")
    pass_threshold: float | None = Field(
        default=None,
        title="Pass threshold",
        description="Accepted from other tools and kept; it does not change scores.",
    )

    def evaluate(self, item: Item, sample: Sample) -> Verdict:
        """Grade one sample. Raises `NoScore`; anything else raised is a bug, reported as `other_error`."""
        raise NotImplementedError

    def recompute(self, grade: Grade) -> float | None:
        """The score from the stored leaves of `grade`. A leaf is its own score; composites override this."""
        return grade.score

    def templates(self) -> Iterator[tuple[str, str]]:
        """Every template of this grader itself as (path, text), such as ("input", "{{ … }}")."""
        for field in ("input", "reference", "synonyms_from"):
            if text := getattr(self, field, None):
                yield field, text

    def parts(self) -> Iterator[tuple[str, "Spec"]]:
        """The graders nested directly inside as (path, grader)."""
        return iter(())

    def waits_somewhere(self) -> bool:
        """Whether this grader, or one inside it, waits: then it is worth grading many answers at once."""
        return self.waits or any(part.waits_somewhere() for _, part in self.parts())

    def calls_in_all(self) -> int:
        """How many calls to judges and other servers one grade takes at the most, here and below; 0: it is free."""
        return self.calls + sum(part.calls_in_all() for _, part in self.parts())

    def models(self) -> Iterator[tuple[str, str]]:
        """Every judge that is asked here or below as (path of the field, name)."""
        if isinstance(model := getattr(self, "model", None), str):
            yield "model", model
        for path, part in self.parts():
            for below, model in part.models():
                yield f"{path}.{below}", model

    def variables(self) -> Iterator[tuple[str, Variable]]:
        """Every variable used here or below as (path of the field, variable)."""
        for path, text in self.templates():
            for variable in compile_template(text).variables:
                yield path, variable
        for path, part in self.parts():
            for below, variable in part.variables():
                yield f"{path}.{below}", variable

    # What a kind compiles from its fields lives in cached properties, in `__dict__` beside the fields. It is left out
    # of copies and pickles: a copy may change the fields, and compiled things need not be picklable.
    def __copy__(self) -> "Spec":
        copied = super().__copy__()
        for name in copied.__dict__.keys() - type(self).model_fields.keys():
            del copied.__dict__[name]
        return copied

    def __getstate__(self) -> dict[Any, Any]:
        state = dict(super().__getstate__())
        fields = type(self).model_fields
        state["__dict__"] = {name: value for name, value in state["__dict__"].items() if name in fields}
        return state


def reference_value(template: Template, item: Item, sample: Sample) -> Any:
    """The reference's raw value; an empty one is the item's fault. Raises `NoScore`."""
    value = template.value(item, sample)
    if value is None or (isinstance(value, str) and not value.strip()):
        raise NoScore("other_error", f"The reference is empty: {template.text} gives nothing for this item.")
    return value


def weighted_mean(pairs: Sequence[tuple[float, float]]) -> float | None:
    """Σ weight·score / Σ weight over (weight, score); None where the weights sum to 0."""
    total = whole = 0.0  # added up in one loop: this runs for every answer, and two generators cost twice as much
    for weight, score in pairs:
        total += weight
        whole += weight * score
    return min(1.0, max(0.0, whole / total)) if total > 0 else None
