"""What the steps of a finished training teach about the speed of its base model, for the next estimate.

A real step is a better witness than the timed one: its answers are as long as they are, and it ran for minutes. What
learning costs is told only by steps that learned: groups whose answers all got the same reward are left out of it.
"""

from statistics import median

from django.utils import timezone

from rftstudio.engine.errors import SpecError
from rftstudio.engine.estimate import as_seen
from rftstudio.engine.presets import TrainingSettings
from rftstudio.registry.models import BaseModel
from rftstudio.registry.speed import timing_of
from rftstudio.runs.curves import points_of
from rftstudio.runs.expect import workload_of_run
from rftstudio.runs.jobs import Status
from rftstudio.runs.models import Run

ENOUGH = 5  # steps; fewer say little
MOSTLY = 0.5  # share of groups with a spread; a step with fewer says little of what learning costs


def learn_paces() -> list[Run]:
    """Look at the newest finished training of every timed model; those that ended since and taught something."""
    taught = []
    for model in BaseModel.objects.all():
        if model.is_timed:
            since = Run.objects.filter(base_model=model, status=Status.SUCCEEDED, finished_at__gt=model.timed_at)
            taught += [run for run in since.order_by("-finished_at")[:1] if learn_pace(run)]
    return taught


def learn_pace(run: Run) -> bool:
    """Correct the timing of its base model by its steps of reinforcement; False where that teaches nothing."""
    model = BaseModel.objects.get(pk=run.base_model_id)
    timing = timing_of(model)
    steps = [point for point in points_of(run) if point.get("completion_length_mean") and point.get("timing")]
    if timing is None or len(steps) < ENOUGH:
        return False
    try:
        settings = TrainingSettings.read(run.settings)
    except SpecError:
        return False
    spreads = [(point["timing"]["training"], 1.0 - point.get("frac_reward_zero_std", 1.0)) for point in steps]
    updates = [(took, spread) for took, spread in spreads if spread >= MOSTLY]
    seen = as_seen(
        timing,
        workload_of_run(run, answer_tokens=median(point["completion_length_mean"] for point in steps)),
        settings,
        sampling_s=median(point["timing"]["sampling"] for point in steps),
        updates=updates if len(updates) >= ENOUGH else [],
    )
    record = {"record": seen.to_json(), "timed_at": timezone.now().isoformat(), "steps": len(steps)}
    # Whoever times it anew meanwhile, say since the machine has changed, knows better.
    return bool(BaseModel.objects.filter(pk=model.pk, timing=model.timing).update(timing=record))
