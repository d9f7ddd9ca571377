"""The graders of a task set: which there are, which is used, and the small things one does to one."""

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from rftstudio.accounts.access import Action, fetch, may
from rftstudio.accounts.request import Request
from rftstudio.engine.errors import SpecError
from rftstudio.graders import actions
from rftstudio.graders.chooser import choices
from rftstudio.graders.models import Grader
from rftstudio.graders.named import named_judges
from rftstudio.graders.starts import starting_specs
from rftstudio.graders.views.builder import GRADERS
from rftstudio.graders.words import describe
from rftstudio.tasksets.models import TaskSet

TASKSETS = TaskSet.objects.select_related("workspace")


@require_http_methods(["GET", "POST"])
def open_grader(request: Request, pk: int) -> HttpResponse:
    """To the builder of the grader in use. Without one: GET says so, POST makes one that already works."""
    taskset = fetch(request, TASKSETS, Action.EDIT if request.method == "POST" else Action.VIEW, pk=pk)
    grader = Grader.objects.used_by(taskset) or taskset.graders.active().first()
    if grader is None and request.method == "POST":
        try:
            grader = actions.create_grader(taskset=taskset, by=request.user)
        except SpecError as error:
            messages.error(request, f"No grader could be made for this task set. {error}")
    if grader is not None:
        return redirect("graders:builder", grader.pk)
    context = {
        "workspace": taskset.workspace,
        "taskset": taskset,
        "spine_step": "grader",
        "may_edit": may(request, taskset.workspace, Action.EDIT),
    }
    return render(request, "graders/empty.html", context)


@require_safe
def grader_list(request: Request, pk: int) -> HttpResponse:
    taskset = fetch(request, TASKSETS, pk=pk)
    archived = request.GET.get("show") == "archived"
    graders = taskset.graders.filter(archived_at__isnull=not archived).order_by("-in_use", "-updated_at")
    rows = [
        {"grader": grader, "latest": (latest := grader.latest_version), "words": describe(grader.spec)}
        | {"changed": latest is not None and latest.content_hash != grader.content_hash}
        for grader in graders
    ]
    context = {
        "workspace": taskset.workspace,
        "taskset": taskset,
        "spine_step": "grader",
        "rows": rows,
        "archived": archived,
        "n_archived": taskset.graders.exclude(archived_at=None).count(),
        "may_edit": may(request, taskset.workspace, Action.EDIT),
    }
    return render(request, "graders/list.html", context)


@require_http_methods(["GET", "POST"])
def create(request: Request, pk: int) -> HttpResponse:
    """GET asks how answers are marked. POST makes a grader of that kind, the usual one where none is chosen."""
    taskset = fetch(request, TASKSETS, Action.EDIT, pk=pk)
    starts = starting_specs(taskset)
    name, spec = request.POST.get("name", ""), starts.get(request.POST.get("kind", ""))
    error: SpecError | None = None
    if request.method == "POST":
        try:
            grader = actions.create_grader(taskset=taskset, by=request.user, name=name, spec=spec)
            return redirect("graders:builder", grader.pk)
        except SpecError as found:
            error = found
    context = {
        "workspace": taskset.workspace,
        "taskset": taskset,
        "spine_step": "grader",
        "groups": choices(taskset, starts),
        "no_judge": not taskset.workspace.judges.active().exists(),
        "may_edit": True,
        "name": name,
        "error": error,
        "wants_judge": error is not None and spec is not None and bool(named_judges(spec)),
    }
    return render(request, "graders/new.html", context, status=422 if error else 200)


@require_POST
def rename(request: Request, pk: int) -> HttpResponse:
    grader = fetch(request, GRADERS, Action.EDIT, pk=pk)
    try:
        actions.rename_grader(grader=grader, name=request.POST.get("name", ""), by=request.user)
    except SpecError as error:
        messages.error(request, f"{error.message} {error.fix}")
    return redirect("graders:list" if request.POST.get("back") == "list" else "graders:builder", _back(request, grader))


@require_POST
def use(request: Request, pk: int) -> HttpResponse:
    grader = fetch(request, GRADERS, Action.EDIT, pk=pk)
    try:
        actions.use_grader(grader=grader, by=request.user)
        messages.success(request, f"“{grader.name}” marks this task set's answers from now on.")
    except SpecError as error:
        messages.error(request, str(error))
    return redirect("graders:list", grader.taskset_id)


@require_POST
def clone(request: Request, pk: int) -> HttpResponse:
    grader = fetch(request, GRADERS, Action.EDIT, pk=pk)
    try:
        copy = actions.clone_grader(grader=grader, by=request.user)
    except SpecError as error:
        messages.error(request, f"It could not be copied, since it no longer fits the task set. {error}")
        return redirect("graders:list", grader.taskset_id)
    messages.success(request, f"“{copy.name}” is there, as a draft.")
    return redirect("graders:builder", copy.pk)


@require_POST
def archive(request: Request, pk: int) -> HttpResponse:
    """Archive, or with `restore` bring back."""
    grader = fetch(request, GRADERS, Action.EDIT, pk=pk)
    try:
        if "restore" in request.POST:
            actions.restore_grader(grader=grader, by=request.user)
            messages.success(request, f"“{grader.name}” is back on the list.")
        else:
            actions.archive_grader(grader=grader, by=request.user)
            messages.success(
                request, f"“{grader.name}” is archived. Its versions and trainings stay; it can be restored."
            )
    except SpecError as error:
        messages.error(request, str(error))
    return redirect("graders:list", grader.taskset_id)


def _back(request: Request, grader: Grader) -> int:
    return int(grader.taskset_id if request.POST.get("back") == "list" else grader.pk)
