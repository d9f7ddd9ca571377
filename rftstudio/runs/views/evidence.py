"""A training's answers as evidence for or against its grader."""

from django.http import Http404, HttpResponse
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_POST

from rftstudio.accounts.access import Action, fetch
from rftstudio.accounts.request import Request
from rftstudio.engine.types import Item
from rftstudio.graders.evidence import KeptAnswer, Source
from rftstudio.graders.keeping import keep_answer
from rftstudio.graders.views.objection import objection, send_to_calibration
from rftstudio.runs.models import Rollout, Run
from rftstudio.tasksets.rows import to_items

MANY = 12  # answers of a step that are sent at once
ROLLOUTS = Rollout.objects.select_related(
    "run__taskset_version__taskset__workspace", "run__grader_version__grader__taskset"
)


@require_http_methods(["GET", "HEAD", "POST"])
def wrong(request: Request, pk: int) -> HttpResponse:
    rollout = fetch(request, ROLLOUTS, Action.REVIEW, pk=pk)
    item = _item(rollout)
    return objection(
        request,
        grader=rollout.run.grader_version.grader,
        item=item,
        text=rollout.text,
        gave=rollout.reward,
        keep=lambda: keep_rollout(rollout, item),
        back=_answers(rollout.run, rollout.step, rollout.phase),
    )


@require_POST
def calibrate(request: Request, pk: int) -> HttpResponse:
    """Send one answer to the task set's newest calibration set."""
    rollout = fetch(request, ROLLOUTS, Action.REVIEW, pk=pk)
    item = _item(rollout)
    return send_to_calibration(
        request,
        taskset=rollout.run.taskset,
        answers=lambda: [keep_rollout(rollout, item)],
        back=_answers(rollout.run, rollout.step, rollout.phase),
    )


@require_POST
def calibrate_step(request: Request, pk: int) -> HttpResponse:
    """Send some answers of a step, from the worst to the best, each wording once."""
    run = fetch(request, Run.objects.select_related("taskset_version__taskset__workspace"), Action.REVIEW, pk=pk)
    step, phase = request.POST.get("step", ""), request.POST.get("phase", "train")
    number = int(step) if step.isdecimal() and len(step) < 10 else -1
    rollouts = spread_by_reward(run, number, phase)
    items = items_of(run, rollouts)
    return send_to_calibration(
        request,
        taskset=run.taskset,
        answers=lambda: [
            keep_rollout(rollout, items[rollout.item_key]) for rollout in rollouts if rollout.item_key in items
        ],
        back=_answers(run, number, phase),
    )


def spread_by_reward(run: Run, step: int, phase: str) -> list[Rollout]:
    """At most a dozen answers of a step, spread over their rewards; the same wording to the same task comes once."""
    different: dict[tuple[str, str], Rollout] = {}
    for rollout in run.rollouts.filter(step=step, phase=phase).order_by("reward", "seq"):
        different.setdefault((rollout.item_key, rollout.text), rollout)
    found = list(different.values())
    if len(found) <= MANY:
        return found
    return [found[round(place * (len(found) - 1) / (MANY - 1))] for place in range(MANY)]


def items_of(run: Run, rollouts: list[Rollout]) -> dict[str, Item]:
    """The tasks of some answers as the training's version has them, by key."""
    version = run.taskset_version
    keys = {rollout.item_key for rollout in rollouts}
    return {item.id: item for item in to_items(version, version.items.filter(key__in=keys))}


def _item(rollout: Rollout) -> Item:
    item = items_of(rollout.run, [rollout]).get(rollout.item_key)
    if item is None:
        raise Http404("The task of this answer is not in the training's version.")
    return item


def keep_rollout(rollout: Rollout, item: Item) -> KeptAnswer:
    origin = f"training {rollout.run_id}, step {rollout.step}"
    return keep_answer(taskset=rollout.run.taskset, item=item, text=rollout.text, source=Source.ROLLOUT, origin=origin)


def _answers(run: Run, step: int, phase: str) -> str:
    phase = "valid" if phase == "valid" else "train"
    return f"{reverse('runs:detail', args=[run.pk])}?tab=answers&phase={phase}&step={max(step, 0)}"
