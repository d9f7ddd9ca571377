"""A task set's comparisons, one comparison, a new one, and the answers as a file."""

from typing import Any

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import Http404, HttpResponse, StreamingHttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.cache import patch_vary_headers
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from rftstudio.accounts.access import Action, fetch, may
from rftstudio.accounts.models import User
from rftstudio.accounts.request import Request
from rftstudio.engine.errors import EngineError, SpecError
from rftstudio.evaluations import export, figures, words
from rftstudio.evaluations.actions import compare_again, create_comparison, default_settings, opponents_of
from rftstudio.evaluations.evidence import item_of, keep_compared
from rftstudio.evaluations.forms import ComparisonForm, ItemFilter
from rftstudio.evaluations.models import Answer, Comparison
from rftstudio.evaluations.pairs import side_by_side
from rftstudio.evaluations.trio import trio_of
from rftstudio.graders.named import named_judges
from rftstudio.graders.views.objection import objection, send_to_calibration
from rftstudio.runs.actions import cancel_job
from rftstudio.runs.jobs import OPEN_STATUSES, Status
from rftstudio.runs.judged import further_budget, paid
from rftstudio.runs.models import Run
from rftstudio.runs.standing import standing
from rftstudio.tasksets.models import TaskSet

PAGE = 20  # comparisons
ITEMS = 8  # at once: two answers with their grades make a screen or two of a phone each
COMPARISONS = Comparison.objects.select_related(
    "workspace",
    "run__taskset_version__taskset",
    "run__grader_version__grader",
    "run__base_model",
    "run__tuned_model",
    "against__tuned_model",
)
ANSWERS = Answer.objects.select_related(
    "comparison__workspace",
    "comparison__run__taskset_version__taskset__workspace",
    "comparison__run__grader_version__grader__taskset__workspace",
)


@require_safe
def comparison_list(request: Request, pk: int) -> HttpResponse:
    taskset = fetch(request, TaskSet.objects.select_related("workspace"), pk=pk)
    found = COMPARISONS.filter(run__taskset_version__taskset=taskset).order_by("-created_at", "-pk")
    runs = Run.objects.filter(taskset_version__taskset=taskset)
    page = Paginator(found, PAGE).get_page(request.GET.get("page"))
    context = {
        "workspace": taskset.workspace,
        "taskset": taskset,
        "spine_step": "comparison",
        "page": page,
        "live": any(comparison.is_open for comparison in page),
        "comparable": runs.filter(status=Status.SUCCEEDED, tuned_model__isnull=False)[:20],
        "training": runs.filter(status__in=OPEN_STATUSES).first(),
        "may_edit": may(request, taskset.workspace, Action.EDIT),
    }
    polled = request.htmx and request.htmx.target == "rows"
    response = render(request, "evaluations/list.html#rows" if polled else "evaluations/list.html", context)
    patch_vary_headers(response, ["HX-Request", "HX-Target"])
    return response


@require_safe
def detail(request: Request, pk: int) -> HttpResponse:
    comparison = fetch(request, COMPARISONS, pk=pk)
    context: dict[str, Any] = {
        "comparison": comparison,
        "workspace": comparison.workspace,
        "taskset": comparison.taskset,
        "spine_step": "comparison",
        "may_edit": may(request, comparison.workspace, Action.EDIT),
        "may_review": may(request, comparison.workspace, Action.REVIEW),
        "paid": paid(comparison.result.get("judges") or comparison.progress.get("judges"), comparison.settings),
    }
    if context["may_edit"] and not comparison.is_open and (comparison.against or not comparison.summary):
        settings = comparison.settings or default_settings(comparison.run)
        context["further_budget"] = further_budget(comparison.run.grader_version, settings)
    if not comparison.summary:
        return _unfinished(request, comparison, context)
    if request.htmx and request.htmx.target == "live":
        return HttpResponse(headers={"HX-Refresh": "true"})
    context |= _items(request, comparison)
    if request.htmx and request.htmx.target == "items":
        response = render(request, "evaluations/detail.html#items", context)
        response["HX-Push-Url"] = f"{request.path}{context['filter'].query}"
    elif request.htmx and request.htmx.target == "more":
        response = render(request, "evaluations/detail.html#more", context | {"added": True})
    else:
        response = render(request, "evaluations/detail.html", context | _results(comparison))
    patch_vary_headers(response, ["HX-Request", "HX-Target"])
    return response


def _unfinished(request: Request, comparison: Comparison, context: dict[str, Any]) -> HttpResponse:
    """Waiting, running, failed or cancelled. A page that polls is told to load anew once there is more to see."""
    polled = request.htmx and request.htmx.target == "live"
    if polled and not comparison.is_open:
        return HttpResponse(headers={"HX-Refresh": "true"})
    context |= {"left": _seconds_left(comparison), "line": standing(comparison)}
    context["used_up"] = (comparison.progress.get("judges") or {}).get("used_up")
    return render(request, "evaluations/unfinished.html#live" if polled else "evaluations/unfinished.html", context)


def _seconds_left(comparison: Comparison) -> float | None:
    """From the pace so far; None before there is one."""
    done, total = comparison.progress.get("done", 0), comparison.progress.get("total", 0)
    if not done or not total or comparison.started_at is None:
        return None
    elapsed = (timezone.now() - comparison.started_at).total_seconds()
    return elapsed / done * (total - done)


def _results(comparison: Comparison) -> dict[str, Any]:
    summary = comparison.summary
    return {
        "summary": summary,
        "headline": words.headline(summary, **_called(comparison)),
        "claim": words.claim(summary, tuned=_called(comparison).get("tuned", words.TUNED)),
        "luck": words.luck(summary),
        "strip": figures.strip(summary),
        "outcome_bar": figures.outcome_bar(summary),
        "figure": figures.scores(summary, comparison.names if comparison.against else figures.NAMES),
        "score_rows": figures.rows(summary),
        "ranking": any(row["name"].startswith("top@") for row in summary["metrics"]),
        "weights": summary["weights"],
        "trio": trio_of(comparison),
    }


def _called(comparison: Comparison) -> dict[str, str]:
    """What sentences call the two models, where they are not base and tuned."""
    if comparison.against is None:
        return {}
    numbered = {side: name.startswith("Training ") for side, name in comparison.names.items()}
    return {
        side: f"the model of {name.lower()}" if numbered[side] else f"the {name} model"
        for side, name in comparison.names.items()
    }


def _items(request: Request, comparison: Comparison) -> dict[str, Any]:
    tags = [row["name"] for row in comparison.summary.get("tags", [])]
    form = ItemFilter(request.GET, tags=tags)
    page = Paginator(form.apply(comparison), ITEMS).get_page(request.GET.get("page"))
    return {
        "filter": form,
        "page": page,
        "rows": side_by_side(comparison, list(page)),
        "show_tags": bool(tags),
        "proofs": {side: _proof(weight) for side, weight in comparison.summary["weights"].items()},
    }


def _proof(weight: dict[str, Any]) -> str:
    """Which weights answered, in short."""
    return f"adapter {weight['adapter_hash'][:10]}" if weight["adapter_hash"] else "adapter off"


@require_http_methods(["GET", "HEAD", "POST"])
def compare(request: Request, pk: int) -> HttpResponse:
    runs = Run.objects.select_related(
        "workspace", "taskset_version__taskset", "grader_version", "tuned_model", "base_model"
    )
    run = fetch(request, runs, Action.EDIT, pk=pk)
    against = request.GET.get("against", "")
    initial = {
        **default_settings(run),
        "seed": run.seed,
        "against": against if against.isdecimal() and len(against) < 10 else None,
    }
    data = request.POST if request.method == "POST" else None
    opponents = opponents_of(run)
    judged = bool(named_judges(run.grader_version.spec))
    form = ComparisonForm(data, initial=initial, opponents=opponents, judged=judged)
    if request.method == "POST" and form.is_valid():
        assert isinstance(request.user, User)
        try:
            chosen = {"seed": form.cleaned_data["seed"], "against": form.cleaned_data["against"]}
            made = create_comparison(run=run, by=request.user, settings=form.settings, **chosen)
            return redirect("evaluations:detail", made.pk)
        except EngineError as error:
            form.add_error(_field_of(error, form), str(error))
    context = {
        "form": form,
        "run": run,
        "workspace": run.workspace,
        "taskset": run.taskset_version.taskset,
        "spine_step": "comparison",
        "n_items": run.taskset_version.counts.get("test", 0),
        "lost_opponent": data is None and bool(against) and not (initial["against"] and opponents.filter(pk=against)),
    }
    return render(request, "evaluations/new.html", context, status=422 if form.errors else 200)


def _field_of(error: EngineError, form: ComparisonForm) -> str | None:
    return error.path if isinstance(error, SpecError) and error.path in form.fields else None


@require_POST
def again(request: Request, pk: int) -> HttpResponse:
    comparison = fetch(request, COMPARISONS, Action.EDIT, pk=pk)
    assert isinstance(request.user, User)
    try:
        made = compare_again(comparison=comparison, by=request.user)
    except EngineError as error:
        messages.error(request, str(error))
        return redirect("evaluations:detail", comparison.pk)
    return redirect("evaluations:detail", made.pk)


@require_POST
def cancel(request: Request, pk: int) -> HttpResponse:
    comparison = fetch(request, COMPARISONS, Action.EDIT, pk=pk)
    assert isinstance(request.user, User)
    try:
        cancel_job(job=comparison, by=request.user)
    except SpecError as error:
        messages.info(request, str(error))
    return redirect("evaluations:detail", comparison.pk)


@require_safe
def answers(request: Request, pk: int, form: str) -> HttpResponse | StreamingHttpResponse:
    comparison = fetch(request, COMPARISONS, pk=pk)
    if not comparison.summary:
        raise Http404("This comparison has no answers to export yet.")
    lines, kind = {
        "csv": (export.csv_lines, "text/csv; charset=utf-8"),
        "jsonl": (export.json_lines, "application/jsonl; charset=utf-8"),
    }[form]
    name = f"comparison-{comparison.pk}-answers.{form}"
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return StreamingHttpResponse(lines(comparison), content_type=kind, headers=headers)


@require_http_methods(["GET", "HEAD", "POST"])
def wrong(request: Request, pk: int) -> HttpResponse:
    """“The grader is wrong here”, of one answer."""
    answer = fetch(request, ANSWERS, Action.REVIEW, pk=pk)
    grader = answer.comparison.run.grader_version.grader
    item = item_of(answer)
    return objection(
        request,
        grader=grader,
        item=item,
        text=answer.text,
        gave=answer.score,
        keep=lambda: keep_compared(answer, item),
        back=reverse("evaluations:detail", args=[answer.comparison_id]),
    )


@require_POST
def calibrate(request: Request, pk: int) -> HttpResponse:
    """Send one answer to the task set's newest calibration set."""
    answer = fetch(request, ANSWERS, Action.REVIEW, pk=pk)
    return send_to_calibration(
        request,
        taskset=answer.comparison.taskset,
        answers=lambda: [keep_compared(answer, item_of(answer))],
        back=reverse("evaluations:detail", args=[answer.comparison_id]),
    )
