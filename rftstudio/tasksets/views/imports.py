"""Bring a file in: upload, map the columns, watch the check, read its report, import."""

from typing import Any

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.csrf import csrf_exempt, csrf_protect
from django.views.decorators.http import require_http_methods, require_POST

from rftstudio.accounts.access import Action, fetch
from rftstudio.accounts.request import Request
from rftstudio.engine.errors import SpecError
from rftstudio.tasksets import actions, queue
from rftstudio.tasksets.actions.imports import STALE, too_large
from rftstudio.tasksets.checks import counted
from rftstudio.tasksets.definition import definition_of
from rftstudio.tasksets.forms.upload import MappingForm, UploadForm
from rftstudio.tasksets.models import ItemImport, TaskSet
from rftstudio.tasksets.uploads import SizeLimit
from rftstudio.tasksets.views.define import person

Status = ItemImport.Status


@csrf_exempt
def upload(request: Request, pk: int) -> HttpResponse:
    """Sets the size limit before anything reads the body; the check of the CSRF token follows inside."""
    request.upload_handlers.insert(0, SizeLimit(request))
    return _upload(request, pk)


@csrf_protect
@require_http_methods(["GET", "POST"])
def _upload(request: Request, pk: int) -> HttpResponse:
    taskset = fetch(request, TaskSet.objects.select_related("workspace"), Action.EDIT, pk=pk)
    form = UploadForm(request.POST, request.FILES) if request.method == "POST" else UploadForm()
    if getattr(request, "upload_too_large", False):
        form.add_error("file", str(too_large()).removeprefix("file: "))
    elif request.method == "POST" and form.is_valid():
        file, pasted = form.cleaned_data["file"], form.cleaned_data["pasted"]
        name = file.name if file else "pasted rows"
        chunks = file.chunks() if file else [pasted.encode()]
        try:
            found = actions.receive_upload(taskset=taskset, by=person(request), name=name, chunks=chunks)
        except SpecError as error:
            where = f"In {error.path}: " if error.path not in ("", "file") else ""
            form.add_error("file" if file else "pasted", f"{where}{error.message} {error.fix}".strip())
        else:
            return redirect("tasksets:import_page", found.pk)
    recent = taskset.imports.filter(status__in=[Status.UPLOADED, Status.CHECKING, Status.CHECKED, Status.SAVING])
    context = {
        "workspace": taskset.workspace,
        "taskset": taskset,
        "spine_step": "tasks",
        "form": form,
        "definition": definition_of(taskset),
        "recent": recent.order_by("-pk")[:5],
    }
    return render(request, "tasksets/import_upload.html", context, status=422 if form.errors else 200)


@require_http_methods(["GET", "POST"])
def import_page(request: Request, pk: int) -> HttpResponse:
    """Where an import stands. POST maps its columns and has it checked."""
    found = _import(request, pk)
    if found.status == Status.UPLOADED or request.method == "POST" or "columns" in request.GET:
        return _mapping_page(request, found)
    if found.status == Status.CANCELLED:
        messages.success(request, "The import was given up. Nothing of it was saved.")
        return redirect("tasksets:detail", found.taskset_id)
    template = "tasksets/import_page.html#state" if request.htmx else "tasksets/import_page.html"
    return render(request, template, _context(found))


def _mapping_page(request: Request, found: ItemImport) -> HttpResponse:
    if found.status not in (Status.UPLOADED, Status.CHECKED, Status.FAILED):
        return redirect("tasksets:import_page", found.pk)
    form = MappingForm(
        request.POST if request.method == "POST" else None,
        columns=found.columns,
        mapping=found.mapping,
        definition=definition_of(found.taskset),
    )
    if request.method == "POST" and form.is_valid():
        try:
            all_or_nothing = form.cleaned_data["all_or_nothing"]
            queue.submit(actions.map_import(found=found, targets=form.targets, all_or_nothing=all_or_nothing))
        except SpecError as error:
            form.add_error(None, str(error))
        else:
            return redirect("tasksets:import_page", found.pk)
    context = _context(found) | {"form": form, "first_rows": found.report.get("first_rows", [])}
    return render(request, "tasksets/import_map.html", context, status=422 if form.errors else 200)


@require_POST
def import_save(request: Request, pk: int) -> HttpResponse:
    found = _import(request, pk)
    try:
        queue.submit(actions.start_saving(found=found))
    except SpecError as error:
        messages.error(request, str(error))
    return redirect("tasksets:import_page", pk)


@require_POST
def import_cancel(request: Request, pk: int) -> HttpResponse:
    found = actions.cancel_import(found=_import(request, pk))
    if found.status == Status.CANCELLED:
        messages.success(request, f"Gave up importing “{found.file_name}”. Nothing of it was saved.")
    return redirect("tasksets:detail", found.taskset_id)


@require_POST
def import_restart(request: Request, pk: int) -> HttpResponse:
    """For an import that gave no sign of life: its worker, or the message to it, was lost."""
    found = _import(request, pk)
    if actions.restart_import(found=found):
        queue.submit(found)
    return redirect("tasksets:import_page", pk)


@require_POST
def import_undo(request: Request, pk: int) -> HttpResponse:
    found = _import(request, pk)
    count = actions.undo_import(found=found, by=person(request))
    messages.success(request, f"Deleted the {counted(count, 'item')} of this import. They are under “Deleted items”.")
    return redirect("tasksets:detail", found.taskset_id)


def _import(request: Request, pk: int) -> ItemImport:
    return fetch(request, ItemImport.objects.select_related("taskset__workspace"), Action.EDIT, pk=pk)


def _context(found: ItemImport) -> dict[str, Any]:
    working = found.status in (Status.CHECKING, Status.SAVING)
    return {
        "workspace": found.taskset.workspace,
        "taskset": found.taskset,
        "spine_step": "tasks",
        "found": found,
        "report": found.report,
        "working": working,
        "share": round(100 * found.done / found.total) if found.total else 0,
        "is_stale": working and found.updated_at < timezone.now() - STALE,
        "may_save": bool(found.report.get("good"))
        and not (found.report.get("bad") and found.mapping.get("all_or_nothing")),
    }
