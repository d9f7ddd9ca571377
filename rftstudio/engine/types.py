"""The frozen values that travel through everything: a message, an item, a sample and its grade.

They carry no behaviour beyond reading and writing their JSON form, which is the form on disk
(`train.jsonl`, `rollouts.jsonl`) and over the wire.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

from rftstudio.engine.errors import SpecError

Role = Literal["system", "user", "assistant", "developer"]
ANSWER = "$answer"  # an item's key of its own: no column of a task set can have this name
ROLES: tuple[Role, ...] = ("system", "user", "assistant", "developer")
NO_METRICS: Mapping[str, float] = {}  # shared; picklable, which a read-only proxy is not


@dataclass(frozen=True, slots=True)
class Message:
    """One chat message."""

    role: Role
    content: str

    def to_json(self) -> dict[str, str]:
        return {"role": self.role, "content": self.content}


@dataclass(frozen=True, slots=True)
class Item:
    """One task: the messages a model sees and every extra field (`reference_answer` among them).

    answer: the reference answer word for word as a model is to write it, where it is to be copied; graders do not see
    it. The JSON form is OpenAI's RFT row: `messages` and any other keys beside it; our `id` and `$answer` are kept.
    """

    id: str
    messages: tuple[Message, ...]
    fields: Mapping[str, Any] = field(default_factory=dict)
    answer: str | None = None

    def to_json(self) -> dict[str, Any]:
        row = {"id": self.id, "messages": [message.to_json() for message in self.messages], **self.fields}
        return row if self.answer is None else {**row, ANSWER: self.answer}

    @classmethod
    def from_json(cls, row: Any, *, where: str = "item") -> "Item":
        """Read one row. Raises `SpecError` naming `where` and the key."""
        if not isinstance(row, dict):
            raise SpecError("This row is not a JSON object.", path=where, fix="Write one {...} per line.")
        raw = row.get("messages")
        if not isinstance(raw, list) or not raw:
            raise SpecError("`messages` is missing or empty.", path=f"{where}.messages", fix="Give a list of messages.")
        messages = []
        for index, message in enumerate(raw):
            path = f"{where}.messages[{index}]"
            if not isinstance(message, dict):
                raise SpecError("A message must be an object.", path=path, fix="Give it a role and a content.")
            role, content = message.get("role"), message.get("content")
            if role not in ROLES:
                raise SpecError(f"Unknown role {role!r}.", path=f"{path}.role", fix=f"Use one of {', '.join(ROLES)}.")
            if not isinstance(content, str):
                raise SpecError("The content must be text.", path=f"{path}.content", fix="Write it as a string.")
            messages.append(Message(role, content))
        if messages[-1].role != "user":
            raise SpecError(
                "The last message must come from the user.",
                path=f"{where}.messages[{len(messages) - 1}].role",
                fix="Remove the model's own answer from the end and keep it as reference_answer.",
            )
        answer = row.get(ANSWER)
        if answer is not None and not isinstance(answer, str):
            raise SpecError("The answer to copy must be text.", path=f"{where}.{ANSWER}", fix="Write it as a string.")
        fields = {key: value for key, value in row.items() if key not in ("id", "messages", ANSWER)}
        return cls(id=str(row.get("id", where)), messages=tuple(messages), fields=fields, answer=answer)


@dataclass(frozen=True, slots=True)
class Sample:
    """One answer of a model. `output_json` is filled from the text where that is valid JSON."""

    output_text: str
    output_json: Any = None
    output_tools: tuple[Mapping[str, Any], ...] = ()
    choices: tuple[Mapping[str, Any], ...] = ()
    truncated: bool = False  # the answer ran into the length limit

    @classmethod
    def from_text(cls, text: str, *, truncated: bool = False) -> "Sample":
        try:
            parsed = json.loads(text)
        except (ValueError, RecursionError):
            parsed = None
        return cls(output_text=text, output_json=parsed, truncated=truncated)

    @classmethod
    def from_json(cls, row: Any, *, where: str = "sample") -> "Sample":
        """A string, or an object with `output_text`. Raises `SpecError`."""
        if isinstance(row, str):
            return cls.from_text(row)
        if not isinstance(row, dict) or not isinstance(row.get("output_text"), str):
            raise SpecError("A sample needs `output_text`.", path=where, fix='Write {"output_text": "..."}.')
        parsed = cls.from_text(row["output_text"], truncated=bool(row.get("truncated", False)))
        return cls(
            output_text=parsed.output_text,
            output_json=row.get("output_json", parsed.output_json),
            output_tools=tuple(row.get("output_tools") or ()),
            choices=tuple(row.get("choices") or ()),
            truncated=parsed.truncated,
        )


ErrorFlag = Literal[
    "sample_parse_error",
    "invalid_variable_error",
    "formula_parse_error",
    "other_error",
    "python_grader_runtime_error",
    "python_grader_server_error",
    "model_grader_server_error",
    "model_grader_parse_error",
    "model_grader_refusal_error",
    "truncated_observation_error",
    "unresponsive_reward_error",
]


@dataclass(frozen=True, slots=True)
class GradeError:
    """Why there is no score: OpenAI's flag and a sentence."""

    flag: ErrorFlag
    message: str

    def to_json(self) -> dict[str, str]:
        return {"flag": self.flag, "message": self.message}


class Grade(NamedTuple):
    """What a grader says of one sample: a tree whose leaves suffice to recompute the score.

    A tuple, since it is made six times for every answer to a small rubric, and a frozen dataclass takes four times
    as long to make.

    score: in 0..1 for our kinds (OpenAI's may set another range); None when there is an error.
    reason: a sentence for the expert. weight: this child's share in its parent, None at the top.
    metrics: further numbers by name (`top@1`), never used for training.
    latency_s: seconds. tokens: judge tokens spent.
    """

    name: str
    type: str
    score: float | None
    reason: str = ""
    error: GradeError | None = None
    children: tuple["Grade", ...] = ()
    weight: float | None = None
    metrics: Mapping[str, float] = NO_METRICS
    latency_s: float = 0.0
    tokens: int = 0

    def to_json(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "type": self.type,
            "score": self.score,
            "reason": self.reason,
            "error": self.error.to_json() if self.error else None,
            "children": [child.to_json() for child in self.children],
            "weight": self.weight,
            "metrics": dict(self.metrics),
            "latency_s": self.latency_s,
            "tokens": self.tokens,
        }

    @classmethod
    def from_json(cls, row: Mapping[str, Any]) -> "Grade":
        error = row.get("error")
        return cls(
            name=row["name"],
            type=row["type"],
            score=row["score"],
            reason=row.get("reason", ""),
            error=GradeError(error["flag"], error["message"]) if error else None,
            children=tuple(cls.from_json(child) for child in row.get("children", ())),
            weight=row.get("weight"),
            metrics=row.get("metrics") or {},
            latency_s=row.get("latency_s", 0.0),
            tokens=row.get("tokens", 0),
        )
