"""A workspace's task sets, and the form that defines one, with the exact messages beside it."""

from typing import Any

from django.contrib import messages
from django.db.models import Count, Max, Q
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from rftstudio.accounts.access import Action, fetch, may
from rftstudio.accounts.models import User, Workspace
from rftstudio.accounts.request import Request
from rftstudio.engine.errors import SpecError
from rftstudio.tasksets import actions
from rftstudio.tasksets.checks import counted
from rftstudio.tasksets.definition import definition_of
from rftstudio.tasksets.forms.taskset import TaskSetForm
from rftstudio.tasksets.models import TaskSet
from rftstudio.tasksets.preview import preview_definition


@require_safe
def taskset_list(request: Request, slug: str) -> HttpResponse:
    workspace = fetch(request, Workspace.objects.all(), slug=slug)
    archived = request.GET.get("show") == "archived"
    tasksets = TaskSet.objects.for_workspace(workspace).filter(archived_at__isnull=not archived)
    context = {
        "workspace": workspace,
        "tasksets": tasksets.annotate(
            n_items=Count("items", filter=Q(items__deleted_at=None), distinct=True),
            newest=Max("versions__number"),
        ),
        "archived": archived,
        "n_archived": TaskSet.objects.for_workspace(workspace).exclude(archived_at=None).count(),
        "may_edit": may(request, workspace, Action.EDIT),
    }
    return render(request, "tasksets/list.html", context)


@require_http_methods(["GET", "POST"])
def new(request: Request, slug: str) -> HttpResponse:
    workspace = fetch(request, Workspace.objects.all(), Action.EDIT, slug=slug)
    form = TaskSetForm(request.POST if request.method == "POST" else None)
    preview_url = reverse("tasksets:preview_new", args=[slug])
    if request.method == "POST" and not _row_button(request, form) and form.is_valid():
        try:
            taskset = actions.create_taskset(workspace=workspace, by=person(request), **form.definition())
        except SpecError as error:
            form.add_error(None, str(error))
        else:
            messages.success(request, f"“{taskset.name}” is there. Now add its items, or import them from a file.")
            return redirect("tasksets:detail", taskset.pk)
    return _form_page(request, form, {"workspace": workspace, "preview_url": preview_url})


@require_http_methods(["GET", "POST"])
def edit(request: Request, pk: int) -> HttpResponse:
    taskset = fetch(request, TaskSet.objects.select_related("workspace"), Action.EDIT, pk=pk)
    before = definition_of(taskset)
    form = TaskSetForm(request.POST if request.method == "POST" else None, current=before)
    preview_url = reverse("tasksets:preview", args=[pk])
    if request.method == "POST" and not _row_button(request, form) and form.is_valid():
        definition, renames = form.definition(), form.renames(before)
        try:
            actions.update_taskset(taskset=taskset, by=person(request), definition=definition, renames=renames)
        except SpecError as error:
            form.add_error(None, str(error))
        else:
            _say_saved(request, taskset)
            return redirect("tasksets:detail", pk)
    context = {"workspace": taskset.workspace, "taskset": taskset, "preview_url": preview_url}
    return _form_page(request, form, context)


@require_POST
def preview(request: Request, pk: int | None = None, slug: str = "") -> HttpResponse:
    """The messages the model would see, from the form as it stands, unsaved."""
    taskset = None
    if pk is None:
        fetch(request, Workspace.objects.all(), Action.EDIT, slug=slug)
    else:
        taskset = fetch(request, TaskSet.objects.all(), Action.EDIT, pk=pk)
    form = TaskSetForm(request.POST, current=definition_of(taskset) if taskset else None)
    place = request.POST.get("at", "")
    shown = preview_definition(form, taskset=taskset, place=int(place) if place.isdecimal() and len(place) < 9 else 0)
    return render(request, "tasksets/edit.html#preview", {"preview": shown, "preview_url": request.path})


@require_POST
def archive(request: Request, pk: int) -> HttpResponse:
    """Put away, or fetch back with `restore`."""
    taskset = fetch(request, TaskSet.objects.select_related("workspace"), Action.EDIT, pk=pk)
    if "restore" in request.POST:
        actions.restore_taskset(taskset=taskset, by=person(request))
        messages.success(request, f"“{taskset.name}” is back.")
        return redirect("tasksets:detail", pk)
    actions.archive_taskset(taskset=taskset, by=person(request))
    messages.success(request, f"“{taskset.name}” is put away. You find it under “Archived” and can fetch it back.")
    return redirect("tasksets:list", taskset.workspace.slug)


def person(request: Request) -> User:
    assert isinstance(request.user, User)
    return request.user


def _row_button(request: Request, form: TaskSetForm) -> bool:
    """Whether the form came back only to add, remove or move a row."""
    command = request.POST.get("do", "")
    if command:
        form.apply(command)
    return bool(command)


def _form_page(request: Request, form: TaskSetForm, context: dict[str, Any]) -> HttpResponse:
    changing_rows = bool(request.POST.get("do"))
    taskset = context.get("taskset")
    context |= {
        "form": form,
        "show_errors": form.is_bound and not changing_rows,
        "preview": preview_definition(form, taskset=taskset, place=0),
        "spine_step": "tasks",
    }
    template = "tasksets/edit.html"
    if request.htmx and changing_rows:
        template += "#form"
    return render(request, template, context, status=422 if context["show_errors"] else 200)


def _say_saved(request: Request, taskset: TaskSet) -> None:
    messages.success(request, "Saved.")
    wrong = taskset.items.live().filter(problem="answer").count()
    if wrong:
        text = f"{counted(wrong, 'item')} now {'has' if wrong == 1 else 'have'} a reference answer that does not fit."
        messages.warning(request, f"{text} Filter the table by problem to put that right.")
