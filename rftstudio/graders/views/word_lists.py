"""A workspace's word lists: which there are, upload and look before it is saved, search, download."""

import csv
from collections.abc import Iterator
from typing import Any

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import Http404, HttpResponse, StreamingHttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.csrf import csrf_exempt, csrf_protect
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from rftstudio.accounts.access import Action, fetch, may
from rftstudio.accounts.models import Workspace
from rftstudio.accounts.request import Request
from rftstudio.engine.errors import SpecError
from rftstudio.graders.lists import actions
from rftstudio.graders.lists.form import ListUploadForm, ReadingForm
from rftstudio.graders.lists.reading import Reading
from rftstudio.graders.models import WordList, WordListEntry, WordListUpload, WordListVersion
from rftstudio.graders.used_by import Uses
from rftstudio.tasksets.export import Line, harmless
from rftstudio.tasksets.uploads import limited_to

LISTS = WordList.objects.select_related("workspace")
UPLOADS = WordListUpload.objects.select_related("workspace", "word_list")
PAGE = 50


@require_safe
def list_page(request: Request, slug: str) -> HttpResponse:
    """Every list, with the graders that use it."""
    workspace = fetch(request, Workspace.objects.all(), slug=slug)
    archived = request.GET.get("show") == "archived"
    lists = workspace.word_lists.filter(archived_at__isnull=not archived)
    uses = Uses(workspace)
    context = _context(request, workspace) | {
        "rows": [
            {"list": word_list, "latest": word_list.latest_version, "used_by": uses.of_list(word_list.slug)}
            for word_list in lists
        ],
        "archived": archived,
        "n_archived": workspace.word_lists.exclude(archived_at=None).count(),
        "open_uploads": UPLOADS.filter(workspace=workspace).order_by("-pk")[:5],
    }
    return render(request, "graders/lists/list.html", context)


@require_safe
def detail(request: Request, pk: int) -> HttpResponse:
    """One version's entries, searchable; the latest unless `version` names another."""
    word_list = fetch(request, LISTS, pk=pk)
    version = _version(word_list, request.GET.get("version", ""))
    entries = version.entries.all() if version else WordListEntry.objects.none()
    query = request.GET.get("q", "").strip()[:200]
    for word in query.lower().split()[:8]:
        entries = entries.filter(search_text__contains=word)
    context = _context(request, word_list.workspace) | {
        "list": word_list,
        "version": version,
        "versions": word_list.versions.select_related("created_by"),
        "page": Paginator(entries, PAGE).get_page(request.GET.get("page")),
        "q": query,
        "used_by": Uses(word_list.workspace).of_list(word_list.slug),
    }
    return render(request, "graders/lists/detail.html", context)


@csrf_exempt
def create(request: Request, slug: str) -> HttpResponse:
    """Sets the size limit before anything reads the body; the check of the CSRF token follows inside."""
    limited_to(request, actions.MAX_BYTES)
    return _create(request, slug)


@csrf_protect
@require_http_methods(["GET", "POST"])
def _create(request: Request, slug: str) -> HttpResponse:
    workspace = fetch(request, Workspace.objects.all(), Action.EDIT, slug=slug)
    return _upload(request, workspace, None)


@csrf_exempt
def new_version(request: Request, pk: int) -> HttpResponse:
    """As `create`, for a list that there is."""
    limited_to(request, actions.MAX_BYTES)
    return _new_version(request, pk)


@csrf_protect
@require_http_methods(["GET", "POST"])
def _new_version(request: Request, pk: int) -> HttpResponse:
    word_list = fetch(request, LISTS, Action.EDIT, pk=pk)
    return _upload(request, word_list.workspace, word_list)


def _upload(request: Request, workspace: Workspace, word_list: WordList | None) -> HttpResponse:
    given = (request.POST, request.FILES) if request.method == "POST" else ()
    form = ListUploadForm(*given, new=word_list is None)
    if getattr(request, "upload_too_large", False):
        form.add_error("file", f"{actions.too_large().message} {actions.too_large().fix}")
    elif request.method == "POST" and form.is_valid():
        file = form.cleaned_data["file"]
        try:
            upload = actions.receive_list(
                workspace=workspace,
                by=request.user,
                name=form.cleaned_data.get("name", ""),
                file_name=file.name,
                chunks=file.chunks(),
                word_list=word_list,
            )
        except SpecError as error:
            where = f"In {error.path}: " if error.path not in ("", "file", "name") else ""
            form.add_error("name" if error.path == "name" else "file", f"{where}{error.message} {error.fix}".strip())
        else:
            return redirect("graders:list_upload", upload.pk)
    context = _context(request, workspace) | {"form": form, "list": word_list}
    return render(request, "graders/lists/upload.html", context, status=422 if form.errors else 200)


@require_http_methods(["GET", "POST"])
def upload_page(request: Request, pk: int) -> HttpResponse:
    """What came of an uploaded file. POST reads it another way."""
    upload = fetch(request, UPLOADS, Action.EDIT, pk=pk)
    data = request.POST if request.method == "POST" else None
    form = ReadingForm(data, columns=upload.columns, reading=Reading.from_json(upload.reading))
    if data is not None and form.is_valid():
        try:
            actions.read_differently(upload=upload, reading=form.reading)
        except SpecError as error:
            form.add_error(None, str(error))
        else:
            return redirect("graders:list_upload", pk)
    context = _context(request, upload.workspace) | {
        "upload": upload,
        "form": form,
        "report": upload.report,
        "next_number": (upload.word_list.latest_version.number + 1)
        if upload.word_list and upload.word_list.latest_version
        else 1,
    }
    return render(request, "graders/lists/look.html", context, status=422 if form.errors else 200)


@require_POST
def upload_save(request: Request, pk: int) -> HttpResponse:
    upload = fetch(request, UPLOADS, Action.EDIT, pk=pk)
    try:
        version = actions.save_upload(upload=upload, by=request.user)
    except SpecError as error:
        messages.error(request, f"{error.message} {error.fix}")
        return redirect("graders:lists", upload.workspace.slug)
    messages.success(request, f"Version {version.number} of “{version.word_list}” is saved. It will never change.")
    return redirect("graders:list_detail", version.word_list_id)


@require_POST
def upload_give_up(request: Request, pk: int) -> HttpResponse:
    upload = fetch(request, UPLOADS, Action.EDIT, pk=pk)
    actions.give_up(upload=upload)
    messages.success(request, f"“{upload.file_name}” was given up. Nothing of it was saved.")
    return redirect("graders:lists", upload.workspace.slug)


@require_POST
def rename(request: Request, pk: int) -> HttpResponse:
    word_list = fetch(request, LISTS, Action.EDIT, pk=pk)
    try:
        actions.rename_list(word_list=word_list, name=request.POST.get("name", ""))
    except SpecError as error:
        messages.error(request, f"{error.message} {error.fix}")
    return redirect("graders:list_detail", pk)


@require_POST
def archive(request: Request, pk: int) -> HttpResponse:
    """Archive, or with `restore` bring back."""
    word_list = fetch(request, LISTS, Action.EDIT, pk=pk)
    if "restore" in request.POST:
        actions.restore_list(word_list=word_list)
        messages.success(request, f"“{word_list}” is back on the list.")
    else:
        actions.archive_list(word_list=word_list)
        messages.success(request, f"“{word_list}” is archived. Graders that name it go on working.")
    return redirect("graders:lists", word_list.workspace.slug)


@require_safe
def download(request: Request, pk: int, number: int) -> StreamingHttpResponse:
    """One version as CSV, a line a label."""
    word_list = fetch(request, LISTS, pk=pk)
    version = word_list.versions.filter(number=number).first()
    if version is None:
        raise Http404(f"There is no version {number}.")
    headers = {"Content-Disposition": f'attachment; filename="{word_list.slug}-{number}.csv"'}
    return StreamingHttpResponse(_lines(version), content_type="text/csv; charset=utf-8", headers=headers)


def _lines(version: WordListVersion) -> Iterator[str]:
    writer = csv.writer(Line())
    yield "\ufeff" + writer.writerow(["label", "other names"])
    for entry in version.entries.iterator(chunk_size=2000):
        yield writer.writerow([harmless(entry.label), harmless(" | ".join(entry.names))])


def _version(word_list: WordList, wanted: str) -> WordListVersion | None:
    if not wanted:
        return word_list.latest_version
    number = int(wanted) if wanted.isdecimal() and len(wanted) < 9 else 0
    found = word_list.versions.filter(number=number).first()
    if found is None:
        raise Http404("There is no such version.")
    return found


def _context(request: Request, workspace: Workspace) -> dict[str, Any]:
    return {"workspace": workspace, "may_edit": may(request, workspace, Action.EDIT), "place": "lists"}
