"""How long a training is expected to take on this machine, from what is known of its base model's speed."""

import dataclasses
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from rftstudio.engine import presets
from rftstudio.engine.approaches import SFT
from rftstudio.engine.errors import SpecError
from rftstudio.engine.estimate import (
    IMPORT_S,
    Timing,
    Workload,
    estimate_evaluation,
    estimate_training,
    tokens_in,
    workload_of,
)
from rftstudio.engine.presets import EvaluationSettings, TrainingSettings
from rftstudio.engine.types import Item
from rftstudio.registry.models import BaseModel
from rftstudio.registry.speed import timing_of
from rftstudio.runs import queue
from rftstudio.runs.models import Run, RunEvent
from rftstudio.runs.progress import coarse
from rftstudio.runs.timing import ask_for_timing
from rftstudio.tasksets.answers import shown_answer
from rftstudio.tasksets.models import Split, TaskSet
from rftstudio.tasksets.rows import draft_item, to_items

LOOKED_AT = 16  # items; an estimate needs no more
VALIDATION_SHARE = 6  # one in so many, where splits have not been dealt yet
ENDING = 2  # tokens that an answer has beside its words


@dataclass(frozen=True)
class Outlook:
    """state: timed; timing (being measured now); busy (measured once nothing else runs); unknown (measuring did not
    work, or is not asked for); none (no model).
    """

    state: str
    seconds: dict[str, float] = field(default_factory=dict)  # by preset
    chosen: float | None = None  # with the changes in the form
    model: BaseModel | None = None  # whose times they are
    baseline: float | None = None  # what an SFT beside it takes, where one is wanted


def expected_seconds(
    model: BaseModel, settings: Mapping[str, Any], items: Mapping[str, Sequence[Item]], *, taskset: TaskSet
) -> float | None:
    """Seconds; None where the model has not been timed here. items: by split ("train", "validation")."""
    timing = timing_of(model)
    if timing is None:
        return None
    train, validation = items[Split.TRAIN.value], items[Split.VALIDATION.value]
    work = _workload(taskset, train[:LOOKED_AT], n_train=len(train), n_validation=len(validation))
    return _seconds(timing, work, settings)


def outlook_of(
    *,
    taskset: TaskSet,
    model: BaseModel | None,
    preset: str,
    settings: Mapping[str, Any],
    answer_tokens: float | None = None,
    may_time: bool = True,
    baseline: bool = False,
) -> Outlook:
    """Expected times of every preset, and of the chosen one with changed settings, for a draft as it stands.

    answer_tokens: how long answers are, where that has been measured.
    may_time: ask for a timing where there is none and nothing runs that would spoil it.
    baseline: whether an SFT is wanted beside it.
    """
    if model is None or not model.is_here:
        return Outlook("none")
    timing = timing_of(model)
    if timing is None:
        return Outlook(_why_unknown(model, may_time=may_time))
    live = taskset.items.live()
    rows = live.filter(split=Split.TRAIN)[:LOOKED_AT] or live[:LOOKED_AT]
    n_items, n_validation = live.count(), validation_tasks(taskset)
    work = _workload(taskset, [draft_item(taskset, row) for row in rows], n_train=n_items, n_validation=n_validation)
    if answer_tokens:
        work = dataclasses.replace(work, answer_tokens=answer_tokens)
    chosen, beside, limit = None, None, taskset.answer_limit
    with suppress(SpecError):  # the form says what is wrong
        chosen = _seconds(timing, work, presets.resolve(preset, settings, answer_limit=limit))
        if baseline and settings.get("approach") != SFT:
            beside = _seconds(timing, work, presets.resolve(preset, {**settings, "approach": SFT}, answer_limit=limit))
    way = {"approach": settings["approach"]} if "approach" in settings else {}
    by_preset = {
        name: _seconds(timing, work, presets.resolve(name, way, answer_limit=limit)) for name in presets.PRESETS
    }
    return Outlook("timed", by_preset, chosen, baseline=beside)


def validation_tasks(taskset: TaskSet) -> int:
    """How many the draft has, or about how many it will be dealt."""
    live = taskset.items.live()
    return live.filter(split=Split.VALIDATION).count() or max(1, live.count() // VALIDATION_SHARE)


def expected_sampling(
    model: BaseModel, settings: Mapping[str, Any], items: Sequence[Item], *, taskset: TaskSet
) -> float | None:
    """Seconds until the base model has answered these items; None where it has not been timed here."""
    timing = timing_of(model)
    if timing is None:
        return None
    work = _workload(taskset, items[:LOOKED_AT], n_train=len(items), n_validation=0)
    read = EvaluationSettings.read(settings)
    return coarse(estimate_evaluation(timing, work, read, n_items=len(items), n_models=1))


def seconds_for_answers(run: Run, count: int) -> float | None:
    """Seconds until so many answers are sampled and graded, by the run's last validation; None where it had none."""
    validated = RunEvent.objects.filter(run=run, type="metrics", data__timing__evaluation__gt=0).order_by("-step")
    settings, n_validation = run.settings, run.taskset_version.counts.get(Split.VALIDATION, 0)
    answered = min(settings.get("eval_items", 0), n_validation) * settings.get("eval_samples", 0)
    for data in validated.values_list("data", flat=True)[:1]:
        if answered:
            return coarse(IMPORT_S + count * float(data["timing"]["evaluation"]) / answered)
    return None


def workload_of_run(run: Run, *, answer_tokens: float) -> Workload:
    """What a training was made of, with its answers as long as they were. Its time is that of its training tasks."""
    rows = run.taskset_version.items.filter(split=Split.TRAIN).order_by("position")[:LOOKED_AT]
    work = _workload(run.taskset, to_items(run.taskset_version, rows), n_train=0, n_validation=0)
    return dataclasses.replace(work, answer_tokens=answer_tokens)


def _why_unknown(model: BaseModel, *, may_time: bool) -> str:
    if (may_time and ask_for_timing(model=model)) or ("asked_at" in model.timing and "error" not in model.timing):
        return "timing"
    waits = model.timing.get("waits") or (not queue.is_idle() and "error" not in model.timing)
    return "busy" if waits else "unknown"


def _workload(taskset: TaskSet, items: Sequence[Item], *, n_train: int, n_validation: int) -> Workload:
    prompts = ["\n".join(message.content for message in item.messages) for item in items]
    length = _answer_tokens(taskset, items)
    return workload_of(prompts, n_train=n_train, n_validation=n_validation, answer_tokens=length)


def _answer_tokens(taskset: TaskSet, items: Sequence[Item]) -> float:
    """Mean length of an answer: as in the last training of these tasks, else as long as the references.

    A model that has not been shown how to answer (no worked examples) says about twice as much.
    """
    last = RunEvent.objects.filter(run__taskset_version__taskset=taskset, type="metrics", step__gt=0)
    last = last.filter(data__completion_length_mean__gt=0).order_by("-pk")  # SFT samples none
    for data in last.values_list("data", flat=True)[:1]:
        if data.get("completion_length_mean"):
            return float(data["completion_length_mean"])
    answers = [shown_answer(item.fields.get("reference_answer"), taskset.answer_type) for item in items]
    mean = sum(map(len, answers)) / len(answers) if answers else 40.0
    return (tokens_in(round(mean)) + ENDING) * (1 if taskset.worked_examples.exists() else 2)


def _seconds(timing: Timing, work: Workload, settings: Mapping[str, Any]) -> float:
    read = TrainingSettings.read(settings)
    total = estimate_training(timing, work, read).total_s
    return coarse(min(total, 60 * read.max_minutes) if read.max_minutes else total)
