"""The reference answers of a training that copies them, as the model is to write them. Reads; changes nothing."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from rftstudio.engine.errors import SpecError
from rftstudio.engine.types import Item
from rftstudio.registry.models import BaseModel
from rftstudio.registry.tokens import TokenCounter
from rftstudio.tasksets.answers import shown_answer

NAMED = 3  # items, in a complaint
END = 1  # token that ends an answer


def with_answers(items: Sequence[Item], answer_type: str) -> list[Item]:
    """The same items; those with a reference answer bring it along word for word, as worked examples show theirs.

    Raises `SpecError(path="approach")` where none has one.
    """
    shown = [(item, shown_answer(item.fields.get("reference_answer"), answer_type)) for item in items]
    if not any(text.strip() for _, text in shown):
        raise SpecError(
            "None of the training tasks has a reference answer, so there is nothing to copy.",
            path="approach",
            fix="Give some of them one and publish, or choose to reinforce.",
        )
    return [replace(item, answer=text) if text.strip() else item for item, text in shown]


def check_answers(model: BaseModel, items: Sequence[Item], *, longest: int) -> None:
    """Raises `SpecError(path="max_completion_length")` where a reference is longer than an answer may be."""
    doubtful = [(item, item.answer) for item in items if item.answer and len(item.answer.encode()) + END > longest]
    counts = TokenCounter(Path(model.location)).count_texts([text for _, text in doubtful])
    long = [(item, count + END) for (item, _), count in zip(doubtful, counts, strict=True) if count + END > longest]
    if not long:
        return
    named = ", ".join(f"{item.id} ({count:,} tokens)" for item, count in long[:NAMED])
    others = f" and {len(long) - NAMED} more" if len(long) > NAMED else ""
    raise SpecError(
        f"Reference answers are longer than the {longest:,} tokens that an answer may have: {named}{others}.",
        path="max_completion_length",
        fix=f"Allow {max(count for _, count in long):,} tokens, or shorten these answers.",
    )
