"""How long a training is expected to take on this machine, from a timed step of its base model."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from rftstudio.engine import presets
from rftstudio.engine.errors import SpecError
from rftstudio.engine.types import Item
from rftstudio.registry.actions import ask_for_timing
from rftstudio.registry.models import BaseModel
from rftstudio.runs import queue
from rftstudio.tasksets.models import Split, TaskSet
from rftstudio.tasksets.rows import draft_item

BYTES_A_TOKEN = 4.0  # of English; an estimate of time needs no better, and no tokenizer in the web process
LOOKED_AT = 16  # items


@dataclass(frozen=True)
class Outlook:
    """state: timed; timing (being measured now); busy (not while a job runs); unknown (measuring
    did not work); none (no model).
    """

    state: str
    seconds: dict[str, float] = field(default_factory=dict)  # by preset
    chosen: float | None = None  # with the changes in the form


def expected_seconds(
    model: BaseModel, settings: Mapping[str, Any], items: Mapping[str, Sequence[Item]]
) -> float | None:
    """Seconds; None where the model has not been timed here. items: by split ("train", "validation")."""
    if not model.is_timed:
        return None
    train = items[Split.TRAIN.value]
    return _seconds(model, settings, _tokens(train[:LOOKED_AT]), len(items[Split.VALIDATION.value]))


def outlook_of(*, taskset: TaskSet, model: BaseModel | None, preset: str, settings: Mapping[str, Any]) -> Outlook:
    """Expected times of every preset, and of the chosen one with changed settings, for a draft as it stands.

    Asks for a timing where there is none and nothing runs that would spoil it.
    """
    if model is None or not model.is_here:
        return Outlook("none")
    if not model.is_timed:
        if queue.running():
            return Outlook("busy")
        if ask_for_timing(model=model):
            queue.wake("registry.time_model", [model.pk])
            return Outlook("timing")
        return Outlook("unknown" if model.timing.get("error") else "timing")
    rows = taskset.items.live().filter(split=Split.TRAIN)[:LOOKED_AT] or taskset.items.live()[:LOOKED_AT]
    length = _tokens([draft_item(taskset, row) for row in rows])
    n_items = taskset.items.live().count()
    n_validation = taskset.items.live().filter(split=Split.VALIDATION).count() or max(1, n_items // 6)
    chosen = None
    with suppress(SpecError):  # the form says what is wrong
        chosen = _seconds(model, presets.resolve(preset, settings), length, n_validation)
    return Outlook(
        "timed",
        {name: _seconds(model, presets.resolve(name), length, n_validation) for name in presets.PRESETS},
        chosen,
    )


def _tokens(items: Sequence[Item]) -> int:
    """About how many tokens a prompt has."""
    if not items:
        return 100
    sizes = [sum(len(message.content.encode()) for message in item.messages) for item in items]
    return max(1, round(sum(sizes) / len(sizes) / BYTES_A_TOKEN))


def _seconds(model: BaseModel, settings: Mapping[str, Any], prompt_tokens: int, n_validation: int) -> float:
    return 0.0
