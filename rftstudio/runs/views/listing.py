"""A workspace's trainings in a table: found, filtered, ticked for a comparison."""

from typing import Any

from django.core.paginator import Page, Paginator
from django.db.models import FloatField, Max, OuterRef, Q, QuerySet, Subquery
from django.db.models.fields.json import KT
from django.db.models.functions import Cast
from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from rftstudio.accounts.access import Action, fetch, may
from rftstudio.accounts.models import Workspace
from rftstudio.accounts.request import Request
from rftstudio.engine.presets import PRESETS
from rftstudio.graders.models import Grader
from rftstudio.runs.jobs import Status
from rftstudio.runs.models import Checkpoint, Run, RunEvent
from rftstudio.runs.standing import standings
from rftstudio.tasksets.models import TaskSet

PAGE = 25
BY_NUMBER = {"taskset": "taskset_version__taskset", "grader": "grader_version__grader"}
FILTERS = ("q", "status", "preset", *BY_NUMBER)


@require_safe
def run_list(request: Request, slug: str) -> HttpResponse:
    workspace = fetch(request, Workspace.objects.all(), slug=slug)
    everything = Run.objects.filter(workspace=workspace)
    page = Paginator(_rows(_filtered(request, everything)), PAGE).get_page(request.GET.get("page"))
    _add_curves(page)
    ticked = list(dict.fromkeys(one for one in request.GET.getlist("run") if one.isdecimal()))
    shown = {str(run.pk) for run in page}
    places = standings() if any(run.status == Status.QUEUED for run in page) else {}
    context = {
        "workspace": workspace,
        "page": page,
        "any_runs": bool(page.paginator.count) or everything.exists(),
        "filtered": any(request.GET.get(name) for name in FILTERS),
        "places": {pk: one for (label, pk), one in places.items() if label == Run._meta.label_lower},
        "live": any(run.is_open for run in page),
        "ticked": ticked,
        "ticked_elsewhere": [one for one in ticked if one not in shown],
        "ready": TaskSet.objects.for_workspace(workspace).active()[:6],
        "may_edit": may(request, workspace, Action.EDIT),
    }
    if request.htmx:
        return render(request, "runs/list.html#rows", context)
    return render(request, "runs/list.html", context | _choices(workspace))


def _filtered(request: Request, runs: "QuerySet[Run]") -> "QuerySet[Run]":
    if (status := request.GET.get("status", "")) in Status.values:
        runs = runs.filter(status=status)
    if (preset := request.GET.get("preset", "")) in PRESETS:
        runs = runs.filter(preset=preset)
    for name, path in BY_NUMBER.items():
        if (number := request.GET.get(name, "")).isdecimal() and len(number) < 18:
            runs = runs.filter(**{path: int(number)})
    for word in request.GET.get("q", "").replace("\x00", "").split()[:8]:
        found = Q(name__icontains=word) | Q(taskset_version__taskset__name__icontains=word)
        found |= Q(grader_version__grader__name__icontains=word) | Q(base_model__name__icontains=word)
        if word.isdecimal() and len(word) < 18:
            found |= Q(pk=int(word))
        runs = runs.filter(found)
    return runs


def _rows(runs: "QuerySet[Run]") -> "QuerySet[Run, Any]":
    before = RunEvent.objects.filter(run=OuterRef("pk"), type="metrics", step=0).annotate(
        reward=Cast(KT("data__valid_reward_mean"), FloatField())
    )
    return (
        runs.select_related("taskset_version__taskset", "grader_version__grader", "base_model", "created_by")
        .annotate(before=Subquery(before.values("reward")[:1]), best=Max("checkpoints__valid_reward_mean"))
        .order_by("-created_at", "-pk")
    )


def _add_curves(page: "Page[Any]") -> None:
    """`curve`: validation rewards in order, the untrained model's first; `gain`: the best above it.

    From checkpoints, of which there is one for every evaluation: a step's metrics are many times as much to read.
    """
    known: dict[int, list[float]] = {}
    rows = Checkpoint.objects.filter(run__in=[run.pk for run in page]).exclude(valid_reward_mean=None)
    for run, reward in rows.order_by("run", "step").values_list("run", "valid_reward_mean"):
        known.setdefault(run, []).append(float(reward or 0.0))
    for run in page:
        run.curve = [*([run.before] if run.before is not None else []), *known.get(run.pk, [])]
        run.gain = run.best - run.before if run.best is not None and run.before is not None else None


def _choices(workspace: Workspace) -> dict[str, Any]:
    """What can be chosen in the filters: only what there is."""
    of_workspace = Run.objects.filter(workspace=workspace)
    presets = set(of_workspace.order_by().values_list("preset", flat=True).distinct())
    return {
        "statuses": [choice for choice in Status.choices if choice[0] != Status.VALIDATING_FILES],
        "tasksets": TaskSet.objects.filter(workspace=workspace, versions__runs__isnull=False).distinct(),
        "graders": Grader.objects.filter(taskset__workspace=workspace, versions__runs__isnull=False).distinct(),
        "presets": [preset for preset in PRESETS.values() if preset.name in presets],
    }
