"""A task set's items: the table with its filters, inline cells, and what a row's buttons do."""

from datetime import datetime
from typing import Any

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.dateparse import parse_datetime
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from rftstudio.accounts.access import Action, fetch, may
from rftstudio.accounts.request import Request
from rftstudio.tasksets import actions
from rftstudio.tasksets.checks import counted
from rftstudio.tasksets.compare import count_changes
from rftstudio.tasksets.definition import definition_of
from rftstudio.tasksets.forms.item import SPLITS, CellForm
from rftstudio.tasksets.models import Split, TaskItem, TaskItemQuerySet, TaskSet
from rftstudio.tasksets.table import COLUMNS, ItemFilter, facets_of, page_of, table_row
from rftstudio.tasksets.views.define import person

CELLS = ("reference_answer", "split", "tags")


@require_safe
def detail(request: Request, pk: int) -> HttpResponse:
    """The task set's own page: version bar, counts, table."""
    taskset = fetch(request, TaskSet.objects.select_related("workspace"), pk=pk)
    chosen = ItemFilter.from_query(request.GET)
    definition = definition_of(taskset)
    facets = facets_of(taskset)
    page = page_of(taskset, chosen, request.GET.get("page"), facets)
    may_edit = may(request, taskset.workspace, Action.EDIT)
    context = {
        "workspace": taskset.workspace,
        "taskset": taskset,
        "spine_step": "tasks",
        "definition": definition,
        "columns": [entry["label"] for entry in definition["input_fields"][:COLUMNS]],
        "hidden_columns": max(0, len(definition["input_fields"]) - COLUMNS),
        "page_obj": page,
        "rows": [table_row(item, definition) for item in page],
        "filter": chosen,
        "facets": facets,
        "splits": SPLITS,
        "may_edit": may_edit,
        "here": request.get_full_path(),
    }
    if request.htmx and not request.htmx.history_restore_request:
        return render(request, "tasksets/detail.html#items", context)
    latest = taskset.latest_version
    context |= {
        "latest": latest,
        "changes": count_changes(taskset, latest, definition=definition),
        "people": facets.people(),
        "undo": _undo(request, taskset) if may_edit else None,
        "n_deleted": taskset.items.deleted().count(),
    }
    return render(request, "tasksets/detail.html", context)


@require_http_methods(["GET", "POST"])
def row(request: Request, pk: int) -> HttpResponse:
    """One row of the table; with `?edit=CELL` the cell is a small form, which posts here."""
    item = fetch_item(request, pk, Action.EDIT)
    cell = request.POST.get("cell") or request.GET.get("edit", "")
    definition = definition_of(item.taskset)
    context: dict[str, Any] = {"taskset": item.taskset, "may_edit": True, "here": _back(request, item.taskset)}
    context["filter"] = ItemFilter.from_query(request.GET)
    status = 200
    if cell in CELLS:
        form = CellForm(request.POST if request.method == "POST" else None, definition=definition, item=item, cell=cell)
        if request.method == "POST" and form.is_valid():
            actions.save_item(item=item, by=person(request), **{cell: form.cleaned_data[cell]})
            context["saved"] = cell
        else:
            context |= {"cell_form": form, "editing": cell}
            status = 422 if request.method == "POST" else 200
    elif request.GET.get("left") in CELLS:
        context["saved"] = request.GET["left"]
    if not request.htmx:
        if status == 422:
            return redirect(f"{reverse('tasksets:item', args=[pk])}?{context['filter'].query}")
        return redirect(context["here"])
    context["row"] = table_row(item, definition)
    return render(request, "tasksets/detail.html#row", context, status=status)


@require_POST
def bulk(request: Request, pk: int) -> HttpResponse:
    """Set the split of the ticked items, or delete them. `all` means every item that the filter shows."""
    taskset = fetch(request, TaskSet.objects.select_related("workspace"), Action.EDIT, pk=pk)
    items = _chosen(request, taskset)
    command = request.POST.get("do", "")
    if command == "delete":
        count, moment = actions.delete_items(taskset=taskset, items=items, by=person(request))
        _offer_undo(request, taskset, count, moment)
    elif command == "restore":
        count = actions.restore_items(taskset=taskset, items=items, by=person(request))
        messages.success(request, f"{counted(count, 'item')} restored.")
    elif command == "split" and (split := request.POST.get("split", "")) in ("", *Split.values):
        count = actions.set_split(taskset=taskset, items=items, split=split, by=person(request))
        where = f"moved to {Split(split).label.lower()}" if split else "will be dealt out again"
        messages.success(request, f"{counted(count, 'item')} {where}.")
    elif command == "deal":
        count = actions.propose_splits(taskset=taskset)
        messages.success(request, f"{counted(count, 'item')} dealt out to training, validation and test.")
    else:
        messages.error(request, "Nothing was done: choose what to do with the ticked items.")
    return redirect(_back(request, taskset))


@require_POST
def undo(request: Request, pk: int) -> HttpResponse:
    """Restore what was deleted at the moment posted as `at`."""
    taskset = fetch(request, TaskSet.objects.select_related("workspace"), Action.EDIT, pk=pk)
    try:
        moment = parse_datetime(request.POST.get("at", ""))
    except ValueError:
        moment = None
    items = taskset.items.filter(deleted_at=moment) if moment else TaskItem.objects.none()
    count = actions.restore_items(taskset=taskset, items=items, by=person(request))
    if count:
        messages.success(request, f"{counted(count, 'item')} restored.")
    else:
        messages.warning(request, "There was nothing left to restore.")
    return redirect(_back(request, taskset))


@require_POST
def duplicate(request: Request, pk: int) -> HttpResponse:
    item = fetch_item(request, pk, Action.EDIT)
    copy = actions.duplicate_item(item=item, by=person(request))
    messages.success(request, "Duplicated. This is the copy: change what should differ.")
    return redirect("tasksets:item", copy.pk)


@require_POST
def delete(request: Request, pk: int) -> HttpResponse:
    item = fetch_item(request, pk, Action.EDIT)
    items = item.taskset.items.filter(pk=pk)
    count, moment = actions.delete_items(taskset=item.taskset, items=items, by=person(request))
    _offer_undo(request, item.taskset, count, moment)
    return redirect(_back(request, item.taskset))


def fetch_item(request: Request, pk: int, action: Action = Action.VIEW) -> TaskItem:
    return fetch(request, TaskItem.objects.live().select_related("taskset__workspace", "author"), action, pk=pk)


def _chosen(request: Request, taskset: TaskSet) -> TaskItemQuerySet:
    if request.POST.get("all"):
        return ItemFilter.from_query(request.GET).items(taskset)
    pks = [int(value) for value in request.POST.getlist("item") if value.isdecimal() and len(value) < 18]
    return taskset.items.filter(pk__in=pks)


def _back(request: Request, taskset: TaskSet) -> str:
    """The table as it was filtered."""
    wanted = request.POST.get("next") or request.GET.get("next") or request.headers.get("HX-Current-URL", "")
    address = reverse("tasksets:detail", args=[taskset.pk])
    if url_has_allowed_host_and_scheme(wanted, {request.get_host()}) and address in wanted:
        return wanted[wanted.index(address) :]
    return address


def offer_undo(request: Request, taskset: TaskSet, text: str, moment: datetime) -> None:
    """Have the task set's page say, once, what was deleted at that moment, with a button that restores it."""
    request.session["undo"] = {"taskset": taskset.pk, "text": text, "at": moment.isoformat()}


def _offer_undo(request: Request, taskset: TaskSet, count: int, moment: datetime) -> None:
    if count:
        offer_undo(request, taskset, f"Deleted {counted(count, 'item')}.", moment)


def _undo(request: Request, taskset: TaskSet) -> dict[str, Any] | None:
    """Shown once, like a message."""
    offer = request.session.get("undo")
    if not offer or offer["taskset"] != taskset.pk:
        return None
    del request.session["undo"]
    return dict(offer)
