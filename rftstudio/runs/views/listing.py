"""A workspace's trainings in a table."""

from django.core.paginator import Paginator
from django.db.models import FloatField, Max, OuterRef, Subquery
from django.db.models.fields.json import KT
from django.db.models.functions import Cast
from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from rftstudio.accounts.access import Action, fetch, may
from rftstudio.accounts.models import Workspace
from rftstudio.accounts.request import Request
from rftstudio.runs.jobs import Status
from rftstudio.runs.models import Run, RunEvent
from rftstudio.runs.standing import standings
from rftstudio.tasksets.models import TaskSet

PAGE = 25


@require_safe
def run_list(request: Request, slug: str) -> HttpResponse:
    workspace = fetch(request, Workspace.objects.all(), slug=slug)
    before = RunEvent.objects.filter(run=OuterRef("pk"), type="metrics", step=0).annotate(
        reward=Cast(KT("data__valid_reward_mean"), FloatField())
    )
    runs = (
        Run.objects.filter(workspace=workspace)
        .select_related("taskset_version__taskset", "grader_version__grader", "base_model", "created_by")
        .annotate(before=Subquery(before.values("reward")[:1]), best=Max("checkpoints__valid_reward_mean"))
        .order_by("-created_at", "-pk")
    )
    if (status := request.GET.get("status", "")) in Status.values:
        runs = runs.filter(status=status)
    if (taskset := request.GET.get("taskset", "")).isdecimal():
        runs = runs.filter(taskset_version__taskset=int(taskset))
    page = Paginator(runs, PAGE).get_page(request.GET.get("page"))
    places = standings() if any(run.status == Status.QUEUED for run in page) else {}
    context = {
        "workspace": workspace,
        "page": page,
        "any_runs": bool(page.paginator.count) or Run.objects.filter(workspace=workspace).exists(),
        "places": {pk: one for (label, pk), one in places.items() if label == Run._meta.label_lower},
        "live": any(run.is_open for run in page),
        "statuses": [choice for choice in Status.choices if choice[0] != Status.VALIDATING_FILES],
        "tasksets": TaskSet.objects.filter(workspace=workspace, versions__runs__isnull=False).distinct(),
        "ready": TaskSet.objects.for_workspace(workspace).active()[:6],
        "may_edit": may(request, workspace, Action.EDIT),
    }
    return render(request, "runs/list.html#rows" if request.htmx else "runs/list.html", context)
