"""The page of one item, with the exact messages beside it."""

from typing import Any

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_POST

from rftstudio.accounts.access import Action, fetch, may, require
from rftstudio.accounts.request import Request
from rftstudio.engine.errors import SpecError
from rftstudio.tasksets import actions
from rftstudio.tasksets.definition import definition_of
from rftstudio.tasksets.derive import problem_of
from rftstudio.tasksets.forms.item import ROLES, ItemForm
from rftstudio.tasksets.models import TaskItem, TaskSet
from rftstudio.tasksets.preview import preview_item
from rftstudio.tasksets.table import ItemFilter, neighbour
from rftstudio.tasksets.views.define import person
from rftstudio.tasksets.views.items import fetch_item


@require_http_methods(["GET", "POST"])
def item(request: Request, pk: int) -> HttpResponse:
    """Show and change an item. The address keeps the table's filter, so that “next” stays within it."""
    found = fetch_item(request, pk)
    if request.method == "POST":
        require(request, found.taskset.workspace, Action.EDIT)
    form = ItemForm(
        request.POST if request.method == "POST" else None, definition=definition_of(found.taskset), item=found
    )
    chosen = ItemFilter.from_query(request.GET)
    if request.method == "POST" and not _row_button(request, form) and form.is_valid():
        following = neighbour(found, chosen)
        actions.save_item(item=found, by=person(request), **form.values())
        return _after_saving(request, found, following, chosen)
    return _page(request, form, found.taskset, {"item": found, "next": neighbour(found, chosen)})


@require_http_methods(["GET", "POST"])
def item_new(request: Request, pk: int) -> HttpResponse:
    taskset = fetch(request, TaskSet.objects.select_related("workspace"), Action.EDIT, pk=pk)
    form = ItemForm(request.POST if request.method == "POST" else None, definition=definition_of(taskset))
    if request.method == "POST" and not _row_button(request, form) and form.is_valid():
        try:
            [made] = actions.add_items(taskset=taskset, by=person(request), rows=[form.values()])
        except SpecError as error:
            form.add_error(None, str(error))
        else:
            messages.success(request, f"Added item {made.key}.")
            if request.POST.get("then") == "next":
                return redirect("tasksets:item_new", pk)
            return redirect("tasksets:detail", pk)
    return _page(request, form, taskset, {"item": None})


@require_POST
def preview(request: Request, pk: int | None = None, taskset_pk: int | None = None) -> HttpResponse:
    """The messages of an item as it stands in the form, unsaved."""
    if pk is not None:
        found: TaskItem | None = fetch_item(request, pk, Action.EDIT)
        assert found is not None
        taskset = found.taskset
    else:
        found, taskset = None, fetch(request, TaskSet.objects.all(), Action.EDIT, pk=taskset_pk)
    form = ItemForm(request.POST, definition=definition_of(taskset), item=found)
    shown = preview_item(form.definition, form.typed_fields(), messages=form.typed_messages())
    return render(request, "tasksets/item.html#preview", {"preview": shown})


def _row_button(request: Request, form: ItemForm) -> bool:
    command = request.POST.get("do", "")
    if command:
        form.apply(command)
    return bool(command)


def _after_saving(request: Request, found: TaskItem, following: TaskItem | None, chosen: ItemFilter) -> HttpResponse:
    query = f"?{chosen.query}" if chosen.query else ""
    if request.POST.get("then") == "next" and following is not None:
        messages.success(request, f"Saved {found.key}.")
        return redirect(reverse("tasksets:item", args=[following.pk]) + query)
    if request.POST.get("then") == "next":
        messages.success(request, f"Saved {found.key}, the last one here.")
        return redirect(reverse("tasksets:detail", args=[found.taskset_id]) + query)
    messages.success(request, "Saved.")
    return redirect(reverse("tasksets:item", args=[found.pk]) + query)


def _page(request: Request, form: ItemForm, taskset: TaskSet, extra: dict[str, Any]) -> HttpResponse:
    changing_rows = bool(request.POST.get("do"))
    found: TaskItem | None = extra["item"]
    definition = form.definition
    show_errors = form.is_bound and not changing_rows
    names = {entry["name"] for entry in definition["input_fields"]}
    error = problem_of(found, definition)[1] if found else None
    context = {
        "workspace": taskset.workspace,
        "taskset": taskset,
        "spine_step": "tasks",
        "form": form,
        "show_errors": show_errors,
        "roles": ROLES,
        "preview": preview_item(definition, form.typed_fields(), messages=form.typed_messages()),
        "problem": f"{error.message} {error.fix}" if error and not form.is_bound else "",
        "other_columns": {name: value for name, value in found.fields.items() if name not in names} if found else {},
        "filter": ItemFilter.from_query(request.GET),
        "may_edit": may(request, taskset.workspace, Action.EDIT),
        "preview_url": reverse("tasksets:item_preview", args=[found.pk])
        if found
        else reverse("tasksets:item_new_preview", args=[taskset.pk]),
        **extra,
    }
    template = "tasksets/item.html#form" if request.htmx and changing_rows else "tasksets/item.html"
    return render(request, template, context, status=422 if show_errors else 200)
