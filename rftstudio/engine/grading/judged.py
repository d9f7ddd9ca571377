"""What `score_model` and `label_model` share: the author's own messages to a judge, and how it is sampled.

What comes from the answer is wrapped wherever a template puts it, so that it cannot pass for the author's words.
"""

from collections.abc import Iterator
from typing import Any, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

from rftstudio.engine.grading.failure import FieldError
from rftstudio.engine.grading.judges.prompt import Chat, lead, object_schema
from rftstudio.engine.grading.judges.wrapping import ANSWER, neutralise, wrap
from rftstudio.engine.grading.kind import Spec, TemplateText
from rftstudio.engine.grading.template import Variable, compile_template
from rftstudio.engine.types import Item, Sample

MAX_MESSAGES = 50
STEPS: dict[str, Any] = {
    "type": "array",
    "items": object_schema(description={"type": "string"}, conclusion={"type": "string"}),
}
ModelField = Field(min_length=1, max_length=200, title="Judge", description="The name of a judge that is set up here.")


class JudgeMessage(BaseModel):
    """One message to the judge. Content in OpenAI's parts is kept as the text that it is."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    role: Literal["system", "developer", "user", "assistant"] = Field(title="Role", description="Who says it.")
    content: TemplateText = Field(title="Content", description="A template: {{ sample.output_text }}, {{ item.x }}.")
    type: None | Literal["message"] = Field(default=None, exclude=True, title="Type", description="Tolerated.")

    @field_validator("content", mode="before")
    @classmethod
    def _as_text(cls, content: Any) -> Any:
        parts = content if isinstance(content, list) else [content]
        texts = []
        for part in parts:
            if isinstance(part, dict):
                if part.get("type") not in ("input_text", "output_text", "text") or not isinstance(
                    part.get("text"), str
                ):
                    raise FieldError("Only text can be shown to a judge.", fix='Write {"type": "input_text", "text"}.')
                part = part["text"]
            texts.append(part)
        return texts[0] if len(texts) == 1 else "\n".join(map(str, texts))


class SamplingParams(BaseModel):
    """How the judge is sampled. What is left out is the server's own choice."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    temperature: float | None = Field(default=None, ge=0, le=2, title="Temperature", description="0 for the likeliest.")
    top_p: float | None = Field(default=None, gt=0, le=1, title="Top p", description="Of nucleus sampling.")
    seed: int | None = Field(default=None, title="Seed", description="The same seed, the same verdict, where known.")
    max_completions_tokens: int | None = Field(
        default=None, ge=1, le=1_000_000, title="Longest verdict", description="In tokens, thoughts included."
    )
    max_completion_tokens: int | None = Field(
        default=None, ge=1, le=1_000_000, title="Longest verdict", description="The same by its newer name."
    )
    reasoning_effort: Literal["none", "minimal", "low", "medium", "high", "xhigh"] | None = Field(
        default=None, title="Reasoning effort", description="Of judges that think first."
    )

    def to_json(self) -> dict[str, Any]:
        """By the names of chat completions."""
        params = self.model_dump(exclude_none=True)
        if longest := params.pop("max_completions_tokens", None):
            params.setdefault("max_completion_tokens", longest)
        return params


class Judged(Spec):
    """A grader that asks a judge in its author's own words."""

    waits: ClassVar[bool] = True
    calls: ClassVar[int] = 1

    model: str = ModelField
    input: list[JudgeMessage] = Field(
        min_length=1,
        max_length=MAX_MESSAGES,
        title="What the judge is told",
        description="Messages; {{ sample.output_text }} stands for the answer.",
    )
    sampling_params: SamplingParams | None = Field(
        default=None, title="Sampling", description="temperature, top_p, seed, the longest verdict, reasoning effort."
    )

    @field_validator("input")
    @classmethod
    def _shown(cls, messages: list[JudgeMessage]) -> list[JudgeMessage]:
        for message in messages:
            if any(variable.root == "sample" for variable in compile_template(message.content).variables):
                return messages
        fix = "Put {{ sample.output_text }} into one of the messages."
        raise FieldError("The judge is not shown the answer.", fix=fix)

    def templates(self) -> Iterator[tuple[str, str]]:
        for index, message in enumerate(self.input):
            yield f"input[{index}].content", message.content

    def chat(self, system: str, item: Item, sample: Sample) -> Chat:
        """The messages to send, ours first. Raises `NoScore`."""
        return lead(
            system,
            [
                {"role": message.role, "content": compile_template(message.content).render_with(item, sample, _put)}
                for message in self.input
            ],
        )

    @property
    def params(self) -> dict[str, Any]:
        return self.sampling_params.to_json() if self.sampling_params is not None else {}


def _put(variable: Variable, text: str) -> str:
    return wrap(ANSWER, text) if variable.root == "sample" else neutralise(text)


def reason_of(found: dict[str, Any]) -> str:
    """The judge's steps as one text for the expert; "" where it gave none."""
    steps = found.get("steps")
    words = []
    for step in steps if isinstance(steps, list) else []:
        if isinstance(step, dict):
            said = " ".join(str(step.get(name) or "").strip() for name in ("description", "conclusion"))
        else:
            said = str(step)
        words.append(said.strip())
    return " ".join(word for word in words if word)[:2000]
