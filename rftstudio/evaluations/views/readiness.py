"""Readiness: start a check of a task set, watch it, read what it found, carry out a remedy."""

from typing import Any

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.utils.cache import patch_vary_headers
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from rftstudio.accounts.access import Action, fetch, may, visible
from rftstudio.accounts.models import User
from rftstudio.accounts.request import Request
from rftstudio.engine.errors import EngineError, SpecError
from rftstudio.evaluations.models import Readiness
from rftstudio.evaluations.readiness import map as item_map
from rftstudio.evaluations.readiness import words
from rftstudio.evaluations.readiness.actions import check_again, drop_solved, publish_and_check
from rftstudio.evaluations.readiness.answers import answers_to, suspects_of
from rftstudio.evaluations.readiness.form import ReadinessForm, settings_of
from rftstudio.evaluations.readiness.remedies import offers
from rftstudio.evaluations.readiness.times import times_of
from rftstudio.graders.models import Grader
from rftstudio.lib import charts
from rftstudio.registry.models import BaseModel
from rftstudio.runs.actions import cancel_job, find_models
from rftstudio.runs.drafts import unpublished
from rftstudio.runs.jobs import Status
from rftstudio.runs.judged import paid
from rftstudio.runs.standing import standing
from rftstudio.tasksets.checks import counted
from rftstudio.tasksets.models import TaskSet
from rftstudio.tasksets.views.items import offer_undo

PAGE = 20
CHECKS = Readiness.objects.select_related(
    "workspace", "taskset_version__taskset__workspace", "grader_version__grader", "base_model"
)


@require_http_methods(["GET", "HEAD", "POST"])
def home(request: Request, pk: int) -> HttpResponse:
    """The form of a new check, and the checks there were."""
    wanted = Action.EDIT if request.method == "POST" else Action.VIEW
    taskset = fetch(request, TaskSet.objects.select_related("workspace"), wanted, pk=pk)
    may_edit = may(request, taskset.workspace, Action.EDIT)
    grader = Grader.objects.used_by(taskset)
    if may_edit:
        find_models()
    form = _form(request, taskset, grader)
    if request.method == "POST" and grader is not None and form.is_valid():
        try:
            return redirect("evaluations:readiness_detail", _start(request, form).pk)
        except SpecError as error:
            form.add_spec_error(error)
        except EngineError as error:
            form.add_error(None, str(error))
    found = CHECKS.filter(taskset_version__taskset=taskset)
    context = {
        "workspace": taskset.workspace,
        "taskset": taskset,
        "spine_step": "readiness",
        "form": form,
        "grader": grader,
        "items": taskset.items.live().count(),
        "models": BaseModel.objects.exists(),
        "page": Paginator(found, PAGE).get_page(request.GET.get("page")),
        "verdicts": words.VERDICTS,
        "may_edit": may_edit,
    }
    return render(request, "evaluations/readiness.html", context, status=422 if form.errors else 200)


def _form(request: Request, taskset: TaskSet, grader: Grader | None) -> ReadinessForm:
    initial: dict[str, Any] = {}
    if (wanted := request.GET.get("from", "")).isdecimal() and len(wanted) < 18:
        before = visible(request, Readiness.objects.filter(taskset_version__taskset=taskset, pk=wanted)).first()
        initial = settings_of(before) if before else {}
    for name in ("max_completion_length", "samples", "n_items"):
        if name in request.GET:
            initial[name] = request.GET[name][:20]
    data = request.POST if request.method == "POST" else None
    return ReadinessForm(data, taskset=taskset, grader=grader, changed=unpublished(taskset, grader), initial=initial)


def _start(request: Request, form: ReadinessForm) -> Readiness:
    assert isinstance(request.user, User)
    assert form.grader is not None
    return publish_and_check(
        taskset=form.taskset,
        grader=form.grader,
        taskset_version=form.chosen_version(),
        grader_version=form.chosen_grader_version(),
        base_model=form.cleaned_data["base_model"],
        settings=form.settings,
        seed=form.cleaned_data["seed"],
        n_items=form.cleaned_data["n_items"],
        pass_score=form.cleaned_data["pass_score"],
        by=request.user,
    )


@require_safe
def detail(request: Request, pk: int) -> HttpResponse:
    check = fetch(request, CHECKS, pk=pk)
    context: dict[str, Any] = {
        "check": check,
        "workspace": check.workspace,
        "taskset": check.taskset,
        "spine_step": "readiness",
        "may_edit": may(request, check.workspace, Action.EDIT),
        "paid": paid(check.result.get("judges") or check.progress.get("judges"), check.settings),
    }
    polled = request.htmx and request.htmx.target == "live"
    if polled and not check.is_open:
        return HttpResponse(headers={"HX-Refresh": "true"})
    if not check.summary:
        context |= {"left": _seconds_left(check), "line": standing(check)}
        page = "evaluations/readiness_unfinished.html"
        return render(request, f"{page}#live" if polled else page, context)
    context |= _answers(request, check)
    part = request.htmx.target if request.htmx else ""
    if part == "answers":
        response = render(request, "evaluations/readiness_detail.html#answers", context)
    else:
        response = render(request, "evaluations/readiness_detail.html", context | _found(request, check, context))
    patch_vary_headers(response, ["HX-Request", "HX-Target"])
    return response


def _seconds_left(check: Readiness) -> float | None:
    """From the pace so far; before there is one, what was expected."""
    done, total = check.progress.get("done", 0), check.progress.get("total", 0)
    spent = check.seconds_spent
    if spent is None or not total:
        return check.expected_seconds
    if not done:
        return max(0.0, check.expected_seconds - spent) if check.expected_seconds else None
    return spent / done * (total - done)


def _answers(request: Request, check: Readiness) -> dict[str, Any]:
    """The answers to the task asked for (`?item=KEY`)."""
    key = request.GET.get("item", "")
    chosen = answers_to(check, key) if key else None
    if key and chosen is None:
        raise Http404("This check did not ask that task.")
    return {"chosen": chosen, "show": request.GET.get("show", "")}


def _found(request: Request, check: Readiness, context: dict[str, Any]) -> dict[str, Any]:
    summary = check.summary
    group = context["show"] if context["show"] in item_map.GROUPS else ""
    may_edit = context["may_edit"]
    scores = [score for item in summary["items"] for score in item["scores"] if score is not None]
    return {
        "summary": summary,
        "headline": words.headline(summary),
        "evidence": words.evidence(summary),
        "pill": words.PILLS[summary["verdict"]],
        "verdict": words.VERDICTS[summary["verdict"]],
        "findings": [(finding, offers(check, finding, may_edit=may_edit)) for finding in summary["findings"]],
        "figures": words.figures(summary),
        "histogram": charts.score_histogram(scores) if scores else None,
        "show": group,
        "tabs": item_map.tabs(summary),
        "rows": item_map.rows(summary, group),
        "map_width": item_map.CELL * summary["samples"],
        "suspects": suspects_of(check),
        "times": times_of(check, may_time=may_edit),
        "newer": _newer(check),
    }


def _newer(check: Readiness) -> bool:
    """Whether what was checked is no longer what a launch would take."""
    versions = check.taskset.latest_version, check.grader_version.grader.latest_version
    return versions != (check.taskset_version, check.grader_version)


@require_POST
def cancel(request: Request, pk: int) -> HttpResponse:
    check = fetch(request, CHECKS, Action.EDIT, pk=pk)
    assert isinstance(request.user, User)
    try:
        cancel_job(job=check, by=request.user)
    except SpecError as error:
        messages.info(request, str(error))
    return redirect("evaluations:readiness_detail", check.pk)


@require_POST
def again(request: Request, pk: int) -> HttpResponse:
    check = fetch(request, CHECKS, Action.EDIT, pk=pk)
    assert isinstance(request.user, User)
    try:
        made = check_again(check=check, by=request.user)
    except EngineError as error:
        messages.error(request, str(error))
        return redirect("evaluations:readiness_detail", check.pk)
    return redirect("evaluations:readiness_detail", made.pk)


@require_POST
def apply(request: Request, pk: int) -> HttpResponse:
    """Carry out a remedy. What it changed is shown, and undone, on the task set's page."""
    check = fetch(request, CHECKS, Action.EDIT, pk=pk)
    assert isinstance(request.user, User)
    if request.POST.get("remedy") != "drop_solved" or check.status != Status.SUCCEEDED:
        messages.error(request, "Nothing was changed: there is no such remedy here.")
        return redirect("evaluations:readiness_detail", check.pk)
    count, moment = drop_solved(check=check, by=request.user)
    if not count:
        messages.info(request, "Nothing was changed: the solved tasks are gone already, or were changed since.")
        return redirect("evaluations:readiness_detail", check.pk)
    text = f"{counted(count, 'solved task')} taken out of the draft. Check again to see what is left."
    offer_undo(request, check.taskset, text, moment)
    return redirect("tasksets:detail", check.taskset.pk)
