"""How fast a base model is on this machine, as its record says. Measuring it is the business of `runs/timing.py`."""

from dataclasses import dataclass

from rftstudio.engine.errors import SpecError
from rftstudio.engine.estimate import Timing, Workload, estimate_training
from rftstudio.engine.presets import DEFAULT_PRESET, PRESETS, TrainingSettings, resolve
from rftstudio.registry.models import BaseModel

PROMPT, ANSWER = 100, 20  # tokens of the step that a page tells: a short message, a short answer


@dataclass(frozen=True, slots=True)
class Speed:
    """step_s: seconds of one step of the preset `label`: `answers` answers to `tasks` tasks, of so many tokens each."""

    step_s: float
    label: str
    answers: int
    tasks: int
    prompt: int = PROMPT
    answer: int = ANSWER


def timing_of(model: BaseModel) -> Timing | None:
    """The model's timing on this machine; None where there is none that can be read."""
    if not model.is_timed:
        return None
    try:
        return Timing.from_json(model.timing["record"])
    except (SpecError, KeyError):
        return None


def speed_of(model: BaseModel) -> Speed | None:
    """None where it is not known."""
    timing = timing_of(model)
    if timing is None:
        return None
    settings = TrainingSettings.read(resolve(DEFAULT_PRESET, {"max_completion_length": 2 * ANSWER}))
    work = Workload(n_train=1, n_validation=0, prompt_tokens=PROMPT, shared_tokens=0, answer_tokens=ANSWER)
    step = estimate_training(timing, work, settings).step_s
    return Speed(step, PRESETS[DEFAULT_PRESET].label, settings.batch_size, settings.prompts_per_step)
