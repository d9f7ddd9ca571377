"""What a judge is asked, ready to send, and the asking itself as kinds of graders do it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

from rftstudio.engine.grading.failure import NoScore
from rftstudio.engine.grading.judges.prompt import Chat
from rftstudio.engine.grading.tools import tools

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Question:
    """schema: of the JSON object to answer with. params: the grader's own, by the names the server knows."""

    messages: Chat
    schema: Mapping[str, Any]
    params: Mapping[str, Any] = field(default_factory=dict)


def ask(model: str, question: Question, read: Callable[[str], T]) -> tuple[T, int]:
    """What `read` makes of the reply of the judge of that name, and the tokens paid. Raises `NoScore`."""
    judges = tools().judges
    if judges is None:
        message = f"There is no judge called “{model[:80]}”: no judge is set up here yet."
        raise NoScore("model_grader_server_error", message)
    return judges.ask(model, question, read)


def label(model: str) -> str:
    """What the reasons of a weak judge begin with."""
    judges = tools().judges
    return judges.label(model) if judges is not None else ""
