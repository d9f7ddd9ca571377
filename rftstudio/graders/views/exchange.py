"""Graders from other tools and for them: a report of what became what first, then the grader or the file."""

import json
from typing import Any

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_safe

from rftstudio.accounts.access import Action, fetch, may
from rftstudio.accounts.request import Request
from rftstudio.engine.errors import SpecError
from rftstudio.engine.grading import parse_spec
from rftstudio.engine.grading.exchange import Report, read_graders, write_openai
from rftstudio.graders import actions
from rftstudio.graders.checking import find_errors
from rftstudio.graders.forms.incoming import IncomingForm
from rftstudio.graders.models import Grader
from rftstudio.graders.named import named_judges, with_judges
from rftstudio.graders.views.builder import GRADERS
from rftstudio.graders.words import describe
from rftstudio.tasksets.models import TaskSet

TASKSETS = TaskSet.objects.select_related("workspace")


@require_http_methods(["GET", "POST"])
def import_grader(request: Request, pk: int) -> HttpResponse:
    """GET: the form. POST reads what was given and reports; with `do=save` the grader is made as well."""
    taskset = fetch(request, TASKSETS, Action.EDIT, pk=pk)
    form = IncomingForm(request.POST or None, request.FILES or None)
    if request.method == "GET" or not form.is_valid():
        return _import_page(request, taskset, form)
    try:
        report = read_graders(form.given, source=form.cleaned_data["source"])
    except SpecError as error:
        form.add_error("file" if form.cleaned_data["file"] else "text", str(error))
        return _import_page(request, taskset, form)
    wanted = "" if report.grader is None else request.POST.get("judge", "")
    judge = wanted if taskset.workspace.judges.active().filter(name=wanted).exists() else ""
    if request.POST.get("do") != "save" or report.grader is None:
        return _import_page(request, taskset, form, report, judge)
    try:
        spec = _judged_here(taskset, report.grader, judge)
        grader = actions.create_grader(taskset=taskset, by=request.user, name=form.cleaned_data["name"], spec=spec)
    except SpecError as error:
        form.add_error(None, f"It cannot be saved yet. {error}")
        return _import_page(request, taskset, form, report, judge)
    messages.success(request, f"“{grader.name}” is there, as a draft. Try it before you use it.")
    return redirect("graders:builder", grader.pk)


@require_safe
def export_grader(request: Request, pk: int) -> HttpResponse:
    """What the draft, or a version, becomes as OpenAI JSON."""
    grader = fetch(request, GRADERS, pk=pk)
    spec, label = _chosen(grader, request.GET.get("version", ""))
    report = write_openai(parse_spec(spec))
    text = json.dumps(report.grader, ensure_ascii=False, indent=2) if report.grader else ""
    context = {
        **_room(grader.taskset),
        "grader": grader,
        "report": report,
        "label": label,
        "text": text,
        "own_text": json.dumps(spec, ensure_ascii=False, indent=2),
        "numbers": grader.versions.order_by("-number").values_list("number", flat=True),
        "number": request.GET.get("version", ""),
    }
    return render(request, "graders/export.html", context)


@require_safe
def export_file(request: Request, pk: int) -> HttpResponse:
    """The JSON itself; 404 where some part has no twin, which the page says."""
    grader = fetch(request, GRADERS, pk=pk)
    report = write_openai(parse_spec(_chosen(grader, request.GET.get("version", ""))[0]))
    if report.grader is None:
        raise Http404("Not every part of this grader has a twin.")
    text = json.dumps(report.grader, ensure_ascii=False, indent=2)
    response = HttpResponse(text, content_type="application/json; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="grader-{grader.pk}-openai.json"'
    return response


def _chosen(grader: Grader, number: str) -> tuple[dict[str, Any], str]:
    """The spec of a version by its number, of the draft for anything else, and what to call it."""
    if number.isdigit() and len(number) < 9:
        version = grader.versions.filter(number=int(number)).first()
        if version is not None:
            return version.spec, f"version {version.number}"
    return grader.spec, "the draft"


def _strangers(taskset: TaskSet, spec: dict[str, Any]) -> list[str]:
    """Judges that a grader from elsewhere names and the workspace does not have, such as gpt-4o."""
    here = set(taskset.workspace.judges.active().values_list("name", flat=True))
    return list(dict.fromkeys(name for _, name in named_judges(spec) if name not in here))


def _judged_here(taskset: TaskSet, spec: dict[str, Any], judge: str) -> dict[str, Any]:
    """The spec with one of the workspace's judges in place of every stranger, where one was chosen."""
    strangers = _strangers(taskset, spec) if judge else []
    changed: dict[str, Any] = with_judges(spec, lambda name: judge if name in strangers else name)
    return changed


def _import_page(
    request: Request, taskset: TaskSet, form: IncomingForm, report: Report | None = None, judge: str = ""
) -> HttpResponse:
    context: dict[str, Any] = {**_room(taskset), "form": form, "report": report}
    if report is not None:
        context["given"] = form.given
        if report.grader is not None:
            spec = _judged_here(taskset, report.grader, judge)
            context["errors"] = find_errors(taskset, spec)
            context["words"] = describe(spec)
            context["text"] = json.dumps(spec, ensure_ascii=False, indent=2)
            context["strangers"] = _strangers(taskset, report.grader)
            context["judges"] = taskset.workspace.judges.active().values_list("name", flat=True)
            context["judge"] = judge
    status = 422 if request.method == "POST" and (form.errors or report is None) else 200
    context["may_edit"] = may(request, taskset.workspace, Action.EDIT)
    return render(request, "graders/import.html", context, status=status)


def _room(taskset: TaskSet) -> dict[str, Any]:
    return {"workspace": taskset.workspace, "taskset": taskset, "spine_step": "grader"}
