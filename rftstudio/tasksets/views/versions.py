"""Publish a version, and look at the published ones."""

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_safe

from rftstudio.accounts.access import Action, fetch, may
from rftstudio.accounts.request import Request
from rftstudio.engine.errors import SpecError
from rftstudio.tasksets import actions
from rftstudio.tasksets.actions.publish import inspect_draft
from rftstudio.tasksets.compare import compare, count_changes
from rftstudio.tasksets.models import TaskSet, TaskSetVersion
from rftstudio.tasksets.table import PAGE, table_row
from rftstudio.tasksets.views.define import person


@require_http_methods(["GET", "POST"])
def publish(request: Request, pk: int) -> HttpResponse:
    """What would be published, what stands in the way, and the button."""
    taskset = fetch(request, TaskSet.objects.select_related("workspace"), Action.EDIT, pk=pk)
    note = request.POST.get("note", "").replace("\0", "").strip()[:300]
    latest = taskset.latest_version
    if request.method == "POST":
        try:
            version = actions.publish_version(taskset=taskset, by=person(request), note=note)
        except SpecError as error:
            messages.error(request, f"Not published. {error.message} {error.fix}")
        else:
            if latest is not None and version.pk == latest.pk:
                messages.success(request, f"Nothing changed since version {version.number}, so it stays the latest.")
            else:
                messages.success(request, f"Published version {version.number}.")
            return redirect("tasksets:detail", pk)
    draft = inspect_draft(taskset)
    context = {
        "workspace": taskset.workspace,
        "taskset": taskset,
        "spine_step": "tasks",
        "draft": draft,
        "latest": latest,
        "comparison": compare(latest, taskset) if latest else None,
        "note": note,
    }
    return render(request, "tasksets/publish.html", context, status=422 if request.method == "POST" else 200)


@require_safe
def version_list(request: Request, pk: int) -> HttpResponse:
    taskset = fetch(request, TaskSet.objects.select_related("workspace"), pk=pk)
    versions = list(taskset.versions.select_related("published_by"))
    context = {
        "workspace": taskset.workspace,
        "taskset": taskset,
        "spine_step": "tasks",
        "versions": versions,
        "changes": count_changes(taskset, versions[0]) if versions else 0,
        "may_edit": may(request, taskset.workspace, Action.EDIT),
    }
    return render(request, "tasksets/versions.html", context)


@require_safe
def version(request: Request, pk: int, number: int) -> HttpResponse:
    """One frozen version: its hash, its definition, its items, and what changed against the one before."""
    versions = TaskSetVersion.objects.select_related("taskset__workspace", "published_by")
    found = fetch(request, versions, taskset=pk, number=number)
    before = found.taskset.versions.filter(number__lt=number).order_by("-number").first()
    page = Paginator(found.items.all(), PAGE).get_page(request.GET.get("page"))
    context = {
        "workspace": found.taskset.workspace,
        "taskset": found.taskset,
        "spine_step": "tasks",
        "version": found,
        "before": before,
        "comparison": compare(before, found) if before else None,
        "page_obj": page,
        "rows": [table_row(item, found.definition) for item in page],
    }
    return render(request, "tasksets/version.html", context)
