"""Answers to items, graded: what validation during training, readiness and comparison have in common."""

import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from time import perf_counter
from typing import Any

from rftstudio.engine.grading import Spec
from rftstudio.engine.grading.ahead import GradingAhead
from rftstudio.engine.inference.loading import Prompt
from rftstudio.engine.inference.sampler import Completion, Sampler, seed_for
from rftstudio.engine.types import Grade, Sample


@dataclass(frozen=True, slots=True)
class Answer:
    """One graded answer. seconds: its share of the sampling time of its batch."""

    prompt: Prompt
    index: int
    text: str
    completion: Completion
    grade: Grade
    seconds: float


def read_text(tokenizer: Any, tokens: Sequence[int]) -> str:
    """The text of an answer, without the template's own tokens."""
    return str(tokenizer.decode(tokens, skip_special_tokens=True))


def answer(
    sampler: Sampler,
    tokenizer: Any,
    spec: Spec,
    prompts: Sequence[Prompt],
    *,
    samples: int,
    max_new_tokens: int,
    temperature: float,
    seed: int,
) -> Iterator[Answer]:
    """Answer and grade `prompts`, `samples` times each, in batches the sampler can take at once.

    The random numbers of an answer depend on (seed, item id, index) alone: two models, or one model at
    two times, are compared on the same ones.
    """
    order = sorted(range(len(prompts)), key=lambda i: len(prompts[i].tokens))
    size = max(1, sampler.max_rows // samples)
    grading = GradingAhead(spec)
    try:
        for start in range(0, len(order), size):
            batch = [prompts[i] for i in order[start : start + size]]
            seeds = [[seed_for(seed, "answer", prompt.item.id, index) for index in range(samples)] for prompt in batch]
            texts: dict[tuple[int, int], str] = {}

            def take(place: int, index: int, completion: Completion, batch: Any = batch, texts: Any = texts) -> None:
                text = texts[place, index] = read_text(tokenizer, completion.tokens)
                sample = Sample.from_text(text, truncated=completion.truncated)
                grading.add(place * samples + index, batch[place].item, sample)

            began = perf_counter()
            completions = sampler.sample(
                [prompt.tokens for prompt in batch],
                seeds,
                max_new_tokens=max_new_tokens,
                temperature=temperature,
                on_done=take,
            )
            each = (perf_counter() - began) / (len(batch) * samples)
            for number, grade in enumerate(grading.grades()):
                place, index = divmod(number, samples)
                yield Answer(batch[place], index, texts[place, index], completions[place][index], grade, each)
    finally:
        grading.close()


def parts(grade: Grade) -> dict[str, float]:
    """Scores of every named part below the top of a grade tree, and its further metrics, by name.

    A name that occurs twice is told apart by its parent's.
    """
    found: dict[str, float] = dict(grade.metrics)
    _walk(grade, "", found)
    return found


def _walk(grade: Grade, prefix: str, found: dict[str, float]) -> None:
    for child in grade.children:
        name = child.name if child.name not in found else f"{prefix}{child.name}"
        if child.score is not None:
            found[name] = child.score
        for metric, value in child.metrics.items():
            found.setdefault(metric, value)
        _walk(child, f"{name} / ", found)


def mean_parts(grades: Sequence[Grade]) -> dict[str, float]:
    """Mean of each part over the grades that have it."""
    sums: Counter[str] = Counter()
    counts: Counter[str] = Counter()
    for grade in grades:
        for name, value in parts(grade).items():
            sums[name] += value  # type: ignore[assignment]
            counts[name] += 1
    return {name: round(sums[name] / counts[name], 6) for name in sums}


def mean_by_item(answers: Sequence[Answer]) -> Mapping[str, float]:
    """Mean score of each item over its graded answers."""
    scores: dict[str, list[float]] = {}
    for one in answers:
        if one.grade.score is not None:
            scores.setdefault(one.prompt.item.id, []).append(one.grade.score)
    return {name: sum(values) / len(values) for name, values in scores.items()}


def mean_and_interval(values: Sequence[float]) -> tuple[float | None, list[float] | None]:
    """Mean and its 95 % interval (normal approximation over items); None where there is nothing to average."""
    if not values:
        return None, None
    mean = sum(values) / len(values)
    if len(values) < 2:
        return mean, None
    spread = math.sqrt(sum((value - mean) ** 2 for value in values) / (len(values) - 1))
    half = 1.96 * spread / math.sqrt(len(values))
    return mean, [mean - half, mean + half]


def error_counts(grades: Sequence[Grade]) -> dict[str, int]:
    """How many grades carry each error flag, at the top or in a part."""
    flags: Counter[str] = Counter()
    for grade in grades:
        flags.update(_flags(grade))
    return dict(flags)


def _flags(grade: Grade) -> set[str]:
    flags: set[str] = {grade.error.flag} if grade.error else set()
    for child in grade.children:
        flags |= _flags(child)
    return flags
