"""How long a run or an evaluation will take, from what a token was measured to cost on this machine.

Pure arithmetic, no torch: the launch form calls it for every preset. The record comes from
`python -m rftstudio.engine.training time --model M --out F.json`, and the steps of a real training correct it.
"""

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

from rftstudio.engine.errors import SpecError
from rftstudio.engine.presets import EvaluationSettings, TrainingSettings

IMPORT_S = 9.0  # libraries, once per process
CHECKPOINT_S = 0.3
ROWS_AT_ONCE = 128  # answers that a sampler decodes together
CHARACTERS_PER_TOKEN = 3.5  # of English text, for prompts that have not been through a tokenizer


@dataclass(frozen=True, slots=True)
class Timing:
    """Seconds on this machine. A decoding step of n answers takes decode_step_s + n * decode_row_s.

    train_token_s: forward and backward pass, per distinct token.
    """

    load_s: float
    prefill_token_s: float
    decode_step_s: float
    decode_row_s: float
    train_token_s: float
    device: str = "cpu"
    threads: int = 1
    model: str = ""

    def to_json(self) -> dict[str, Any]:
        return dataclasses.asdict(self)

    @classmethod
    def from_json(cls, row: Any) -> "Timing":
        """Raises `SpecError` where a figure is missing."""
        try:
            return cls(**row)
        except TypeError as error:
            raise SpecError(
                f"The timing record cannot be read: {error}.", path="timing", fix="Measure the machine anew."
            ) from error


@dataclass(frozen=True, slots=True)
class Workload:
    """What is to be trained or evaluated on.

    prompt_tokens: mean length of a prompt; shared_tokens: how much of it all prompts have in common
    (instructions, worked examples). answer_tokens: mean length of an answer.
    """

    n_train: int
    n_validation: int
    prompt_tokens: float
    shared_tokens: float
    answer_tokens: float


@dataclass(frozen=True, slots=True)
class Estimate:
    """Seconds: of one step, of one evaluation, until the first point of the curve, and in all."""

    step_s: float
    evaluation_s: float
    first_point_s: float
    total_s: float


def tokens_in(text_length: int) -> float:
    """A guess at the tokens in so many characters of English."""
    return text_length / CHARACTERS_PER_TOKEN


def workload_of(
    prompts: Sequence[str], *, n_train: int, n_validation: int, answer_tokens: float, template_tokens: int = 12
) -> Workload:
    """A workload from prompts as text (whole conversations), by counting characters."""
    if not prompts:
        return Workload(n_train, n_validation, 0.0, 0.0, answer_tokens)
    first, last = min(prompts), max(prompts)
    shared = 0
    while shared < min(len(first), len(last)) and first[shared] == last[shared]:
        shared += 1
    mean = sum(map(len, prompts)) / len(prompts)
    return Workload(n_train, n_validation, tokens_in(int(mean)) + template_tokens, tokens_in(shared), answer_tokens)


def sampling_seconds(timing: Timing, work: Workload, *, prompts: int, samples: int, longest: int) -> float:
    """Seconds to sample `samples` answers to each of `prompts` prompts.

    Decoding lasts as long as the longest answer of a batch, taken as twice the mean up to the limit;
    rows are dropped as they end, so on average half of them are there.
    """
    rows = prompts * samples
    if not rows:
        return 0.0
    batches = -(-rows // ROWS_AT_ONCE)
    mean = min(work.answer_tokens, float(longest))
    steps = min(float(longest), 2.0 * mean)
    prefill = batches * work.shared_tokens + prompts * (work.prompt_tokens - work.shared_tokens)
    return timing.prefill_token_s * prefill + timing.decode_step_s * batches * steps + timing.decode_row_s * rows * mean


def training_seconds(timing: Timing, work: Workload, settings: TrainingSettings, *, with_spread: float = 1.0) -> float:
    """Seconds of the updates of one step of reinforcement.

    with_spread: share of its groups whose rewards differ. The others need no update, unless KL or entropy counts too.
    """
    mean = min(work.answer_tokens, float(settings.max_completion_length))
    own = work.prompt_tokens - work.shared_tokens
    in_groups = settings.prompts_per_step * own + settings.batch_size * mean
    needed = 1.0 if settings.beta > 0 or settings.entropy_coef > 0 else with_spread
    updates = settings.updates_per_batch * (work.shared_tokens + needed * in_groups)
    forward_only = ((settings.updates_per_batch > 1) + (settings.beta > 0)) / 3.0  # of a forward and backward pass
    return timing.train_token_s * (updates + forward_only * (work.shared_tokens + in_groups))


def copying_seconds(timing: Timing, work: Workload, settings: TrainingSettings) -> float:
    """Seconds of one step that copies reference answers, which are as long as answers are."""
    mean = min(work.answer_tokens, float(settings.max_completion_length))
    own = work.prompt_tokens - work.shared_tokens
    return timing.train_token_s * (work.shared_tokens + settings.sft_batch_size * (own + mean))


def step_seconds(timing: Timing, work: Workload, settings: TrainingSettings) -> tuple[float, float]:
    """Seconds of sampling and of the updates of one step of reinforcement."""
    longest = settings.max_completion_length
    sampling = sampling_seconds(
        timing, work, prompts=settings.prompts_per_step, samples=settings.group_size, longest=longest
    )
    return sampling, training_seconds(timing, work, settings)


def as_seen(
    timing: Timing,
    work: Workload,
    settings: TrainingSettings,
    *,
    sampling_s: float,
    updates: Sequence[tuple[float, float]],
) -> Timing:
    """The timing that gives real steps of reinforcement the seconds they took. How sampling divides stays as timed.

    work, settings: of that training, with the answers as long as they were. updates: seconds, and share of groups with
    a spread, of every step that tells of learning; where none does, that stays as it is. So does what took no time.
    """
    sampling, _ = step_seconds(timing, work, settings)
    slower = sampling_s / sampling if sampling > 0 and sampling_s > 0 else 1.0
    expected = [(took, training_seconds(timing, work, settings, with_spread=spread)) for took, spread in updates]
    ratios = [took / seconds for took, seconds in expected if took > 0 and seconds > 0]
    return dataclasses.replace(
        timing,
        prefill_token_s=timing.prefill_token_s * slower,
        decode_step_s=timing.decode_step_s * slower,
        decode_row_s=timing.decode_row_s * slower,
        train_token_s=timing.train_token_s * (median(ratios) if ratios else 1.0),
    )


def estimate_training(timing: Timing, work: Workload, settings: TrainingSettings) -> Estimate:
    """Expected seconds of a run with these settings. Its step is the mean over all, whichever way each learns."""
    longest = settings.max_completion_length
    copying = settings.copying_steps
    learning = copying * copying_seconds(timing, work, settings)
    if settings.steps > copying:
        learning += (settings.steps - copying) * sum(step_seconds(timing, work, settings))
    step = learning / settings.steps
    items = min(settings.eval_items, work.n_validation)
    evaluation = sampling_seconds(timing, work, prompts=items, samples=settings.eval_samples, longest=longest)
    evaluations = -(-settings.steps // settings.eval_interval)
    first = IMPORT_S * 0.5 + timing.load_s + evaluation
    total = IMPORT_S + timing.load_s + evaluation + settings.steps * step + evaluations * (evaluation + CHECKPOINT_S)
    return Estimate(step, evaluation, first, total)


def estimate_evaluation(
    timing: Timing, work: Workload, settings: EvaluationSettings, *, n_items: int, n_models: int = 2
) -> float:
    """Expected seconds of an evaluation job."""
    each = sampling_seconds(
        timing, work, prompts=n_items, samples=settings.samples, longest=settings.max_completion_length
    )
    return IMPORT_S + timing.load_s + n_models * each


def remaining_seconds(step: int, total_steps: int, recent: Sequence[Mapping[str, Any]]) -> float | None:
    """Time left of a running job from the `timing` of its last steps; None before the first."""
    seconds = [float(row["step"]) for row in recent if "step" in row]
    if not seconds:
        return None
    return (total_steps - step) * sum(seconds) / len(seconds)
