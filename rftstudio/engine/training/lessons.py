"""Reference answers as tokens, exactly as the model would have to write them to be marked as right.

A lesson is a prompt as in sampling and the tokens of its answer up to the one that ends it. The answer's words come
with the item (`Item.answer`); nothing is guessed from what graders compare with.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from rftstudio.engine.errors import SpecError
from rftstudio.engine.inference.answers import read_text
from rftstudio.engine.inference.loading import Prompt, Tokens

NAMED = 3  # items, in a complaint


@dataclass(frozen=True, slots=True)
class Lesson:
    """answer: tokens after the prompt's, the last of which ends the answer."""

    prompt: Prompt
    answer: Tokens


def lessons(tokenizer: Any, prompts: Sequence[Prompt], *, longest: int) -> list[Lesson]:
    """One for each prompt whose item has an answer. longest: tokens that an answer may have, its end included.

    Raises `SpecError` where there is none, or an answer is longer than the model may write when it is measured.
    """
    found = [Lesson(prompt, _answer(tokenizer, prompt)) for prompt in prompts if (prompt.item.answer or "").strip()]
    if not found:
        raise SpecError(
            f"None of the {len(prompts)} training tasks has a reference answer, so there is nothing to copy.",
            path="train",
            fix="Give some of them one, or learn from the grader alone (approach: rft).",
        )
    if long := [lesson for lesson in found if len(lesson.answer) > longest]:
        named = ", ".join(f"{lesson.prompt.item.id} ({len(lesson.answer)} tokens)" for lesson in long[:NAMED])
        others = f" and {len(long) - NAMED} more" if len(long) > NAMED else ""
        raise SpecError(
            f"Reference answers are longer than the {longest} tokens that an answer may have: {named}{others}.",
            path="max_completion_length",
            fix=f"Allow {max(len(lesson.answer) for lesson in long)} tokens, or shorten these answers.",
        )
    return found


def _answer(tokenizer: Any, prompt: Prompt) -> Tokens:
    """The tokens that the chat template puts after the prompt, where it puts the answer there and nothing else.

    Templates that add to the answer (an empty train of thought, say) would teach what sampling never asks for: then
    it is the answer alone, and the token that ends a text.
    """
    text = prompt.item.answer or ""
    messages = [message.to_json() for message in prompt.item.messages]
    asked = tokenizer.apply_chat_template(messages, add_generation_prompt=True, tokenize=False)
    told = tokenizer.apply_chat_template([*messages, {"role": "assistant", "content": text}], tokenize=False)
    if told.startswith(asked):
        tokens = _upto_end(tokenizer, tokenizer.encode(told[len(asked) :], add_special_tokens=False))
        if tokens and read_text(tokenizer, tokens).strip() == text.strip():
            return tokens
    if tokenizer.eos_token_id is None:
        raise SpecError(
            "The model's tokenizer has no token that ends a text.", path="model", fix="Train another base model."
        )
    return [*tokenizer.encode(text, add_special_tokens=False), int(tokenizer.eos_token_id)]


def _upto_end(tokenizer: Any, tokens: Tokens) -> Tokens:
    """Up to the first special token, with it; [] where there is none."""
    special = {number for number, token in tokenizer.added_tokens_decoder.items() if token.special}
    for place, token in enumerate(tokens):
        if token in special:
            return list(tokens[: place + 1])
    return []


def ended(found: Sequence[Lesson], *, stop: Sequence[int]) -> list[Lesson]:
    """The same lessons, each ending with a token that sampling stops at."""
    known = set(stop)
    return [
        lesson if lesson.answer[-1] in known else Lesson(lesson.prompt, [*lesson.answer[:-1], stop[0]])
        for lesson in found
    ]
