"""One training: status and curve above, a tab below, and the small answers that keep an open page live."""

from typing import Any

from django.core.paginator import Paginator
from django.http import FileResponse, Http404, HttpResponse, JsonResponse
from django.shortcuts import render
from django.utils.cache import patch_vary_headers
from django.views.decorators.http import conditional_page, require_safe

from rftstudio.accounts.access import Action, fetch, may
from rftstudio.accounts.request import Request
from rftstudio.engine import presets
from rftstudio.engine.approaches import reads
from rftstudio.engine.errors import SpecError
from rftstudio.engine.job import read_job
from rftstudio.engine.trackers import TENSORBOARD_FOLDER, TRACKERS, Tracker
from rftstudio.lib import charts
from rftstudio.runs import browse, curves, queue
from rftstudio.runs.export import FILES, tensorboard_files
from rftstudio.runs.jobs import ENDED_STATUSES, Status
from rftstudio.runs.judged import further_budget, paid_of_points
from rftstudio.runs.measures import training_seconds
from rftstudio.runs.models import Run, RunEvent
from rftstudio.runs.progress import coarse, seconds_left, within_limit
from rftstudio.runs.settle import best_checkpoint
from rftstudio.runs.standing import standing
from rftstudio.runs.views.export import downloads
from rftstudio.runs.views.follow import task_list

RUNS = Run.objects.select_related(
    "workspace", "taskset_version__taskset", "grader_version__grader", "base_model", "tuned_model", "created_by"
)
LIVE = Run.objects.select_related("workspace")  # what is asked for every two seconds joins as little as it can
TABS = {
    "answers": "Answers",
    "tasks": "Tasks",
    "curves": "Curves",
    "events": "Events",
    "settings": "Settings",
    "downloads": "Downloads",
    "log": "Log",
}
PARTS = {"tab": "runs/detail.html#tab", "answers": "runs/tabs/answers.html"}  # by what a page asks to have replaced
GROUPS = 12  # tasks shown at once
EVENTS = 50
LOG_BYTES = 64 * 1024


@require_safe
def detail(request: Request, pk: int) -> HttpResponse:
    run = fetch(request, RUNS, pk=pk)
    tab = request.GET.get("tab", "answers")
    if tab not in TABS:
        tab = "answers"
    context = _common(request, run) | {"tab": tab, "tabs": TABS, "tab_template": f"runs/tabs/{tab}.html"}
    if request.htmx and request.htmx.target in PARTS:
        response = render(request, PARTS[request.htmx.target], context | TAB_CONTEXTS[tab](request, run))
    else:
        points = curves.points_of(run)
        context |= _standing(run, points) | {"figure": curves.reward(run, points), "since": _newest(points)}
        context |= {"loss": curves.loss(run, points), "copying": curves.copying_steps(run), **_way(run)}
        if context["may_edit"] and run.can_have_baseline:
            context |= {"add_baseline": True, "further_budget": further_budget(run.grader_version, run.settings)}
        response = render(request, "runs/detail.html", context | TAB_CONTEXTS[tab](request, run))
    patch_vary_headers(response, ["HX-Request", "HX-Target"])
    return response


@require_safe
@conditional_page
def status(request: Request, pk: int) -> HttpResponse:
    """The live head of the page; 304 while nothing changed. Once the run has ended, the page is loaded anew."""
    run = fetch(request, LIVE, pk=pk)
    if request.htmx and not run.is_open:
        return HttpResponse(headers={"HX-Refresh": "true"})
    context = {"run": run, "workspace": run.workspace} | _standing(run, curves.points_of(run))
    response = render(request, "runs/detail.html#status", context)
    response["Cache-Control"] = "private, no-cache"
    return response


@require_safe
def points(request: Request, pk: int) -> JsonResponse:
    """What has been reported after step `since`, as metrics and as additions to the charts named in `charts`."""
    run = fetch(request, LIVE, pk=pk)
    try:
        since = int(request.GET.get("since", "-1"))
    except ValueError:
        return JsonResponse({"error": "since must be a whole number: the last step you have, -1 for none."}, status=400)
    answer: dict[str, Any] = {"status": run.status, "open": run.is_open, "next": since, "points": [], "charts": {}}
    if since >= (run.progress.get("done") or 0) and since >= 0:
        return JsonResponse(answer)
    found = curves.points_of(run)
    names = request.GET.get("charts", "reward").split(",")
    drawn = curves.named(run, found, names)
    answer["next"] = max(since, _newest(found))
    answer["points"] = [point for point in found if point["step"] > since]
    if since < 0:
        answer["charts"] = {name: {"figure": figure} for name, figure in drawn.items()}
    else:
        answer["charts"] = {name: charts.since(figure, since) for name, figure in drawn.items()}
    return JsonResponse(answer)


@require_safe
def rollouts(request: Request, pk: int) -> HttpResponse:
    """The answers of one step, alone; the run's page shows them on a tab."""
    run = fetch(request, RUNS, pk=pk)
    return render(request, "runs/tabs/answers.html", _common(request, run) | _answers(request, run))


@require_safe
def download(request: Request, pk: int, name: str) -> FileResponse:
    """One of the job's own files."""
    run = fetch(request, RUNS, pk=pk)
    path = run.directory / FILES.get(name, "-")
    if name not in FILES or not path.is_file():
        raise Http404("This training has no such file yet.")
    return FileResponse(path.open("rb"), as_attachment=True, filename=f"run-{run.pk}-{path.name}")


def _common(request: Request, run: Run) -> dict[str, Any]:
    return {
        "run": run,
        "workspace": run.workspace,
        "taskset": run.taskset,
        "spine_step": "training",
        "may_edit": may(request, run.workspace, Action.EDIT),
        "may_review": may(request, run.workspace, Action.REVIEW),
    }


def _newest(found: list[dict[str, Any]]) -> int:
    return int(found[-1]["step"]) if found else -1


def _standing(run: Run, found: list[dict[str, Any]]) -> dict[str, Any]:
    """Headline figures, time left and findings."""
    total = curves.total_steps(run)
    valid = [point for point in found if point.get("valid_reward_mean") is not None]
    before = valid[0] if valid and valid[0]["step"] == 0 else None
    # As the engine does: the best of its checkpoints, which may be worse than what there was before.
    trained = [point for point in valid if point["step"]]
    best = max(trained, key=lambda point: (point["valid_reward_mean"], point["step"]), default=None)
    spent = run.seconds_spent
    left = None
    if run.status == Status.RUNNING:
        # A step that copies says nothing of how long one of reinforcement takes.
        alike = [point for point in found if point.get("stage") != "sft"] if run.way.reinforces else found
        left = seconds_left(alike, total_steps=total, eval_interval=int(run.settings.get("eval_interval") or 1))
        if left is None and run.expected_seconds:
            left = max(0.0, run.expected_seconds - (spent or 0.0))
        left = within_limit(left, found, run.settings.get("max_minutes") or 0.0)
    return {
        "total": total,
        "done": run.progress.get("done") or 0,
        "before": before,
        "best": best,
        "rise": best["valid_reward_mean"] - before["valid_reward_mean"] if best and before else None,
        "latest": found[-1] if found else None,
        "left": coarse(left) if left is not None else None,
        "spent": spent,
        "worked": training_seconds(found)[-1] if found else None,
        "line": standing(run),
        "unattended": run.status == Status.QUEUED and queue.unattended(run),
        "findings": [(one, curves.evidence(one, found)) for one in curves.findings(run, found)],
        "paused": _pause_of(run) if run.status == Status.PAUSED else None,
        "best_checkpoint": best_checkpoint(run) if run.status in ENDED_STATUSES else None,
        "preset": presets.PRESETS.get(run.preset),
        "paid": paid_of_points(found, run.settings),
    }


def _way(run: Run) -> dict[str, Any]:
    """What belongs to copying: how many tasks have something to copy, and the training launched beside this one."""
    started = run.events.filter(type="started").order_by("-seq").first() if run.way.copies else None
    known = started.data if started and "n_references" in started.data else None
    beside = run.beside
    return {
        "copied": {"tasks": known["n_train"], "left_out": known["n_train"] - known["n_references"]} if known else None,
        "beside": beside,
        "versus": _versus(run, beside) if beside else None,
    }


def _versus(run: Run, beside: Run) -> Any:
    """The comparison of the two: one that has a result, and the automatic one rather than what was tried by hand."""
    made = run.comparisons.filter(against=beside) | beside.comparisons.filter(against=run)
    return max(made, key=lambda one: (bool(one.summary), one.automatic, one.pk), default=None)


def _pause_of(run: Run) -> RunEvent | None:
    """What the run itself said of its pause; None where a person paused it while it waited in line."""
    has_run = set(run.handle) - {"log"}  # since it was last resumed
    return run.events.filter(type="paused").last() if has_run else None


def _answers(request: Request, run: Run) -> dict[str, Any]:
    phase = "valid" if request.GET.get("phase") == "valid" else "train"
    wanted = request.GET.get("step", "")
    step = int(wanted) if wanted.isdecimal() else None
    if not run.way.reinforces or (step is not None and step <= curves.copying_steps(run)):
        phase = "valid"  # nothing is sampled to learn from where reference answers are copied
    steps = browse.steps_of(run, phase)
    if not steps and phase == "train" and "phase" not in request.GET:
        phase = "valid"  # before the first step there are only the untrained model's answers
        steps = browse.steps_of(run, phase)
    if step not in steps:
        step = max((one for one in steps if step is None or one <= step), default=steps[0] if steps else None)
    context: dict[str, Any] = {"phase": phase, "steps": steps, "step": step}
    if step is not None:
        place = steps.index(step)
        page = Paginator(browse.group_numbers(run, step, phase), GROUPS).get_page(request.GET.get("page"))
        context |= {
            "previous": steps[place - 1] if place else None,
            "following": steps[place + 1] if place + 1 < len(steps) else None,
            "page": page,
            "groups": browse.groups(run, step, phase, list(page)),
        }
    return context


def _curves(_request: Request, run: Run) -> dict[str, Any]:
    points = curves.points_of(run)
    figures = curves.others(run, points)
    drawn = {trace["name"] for figure in figures.values() for trace in figure["data"] if len(trace["x"])}
    return {"figures": figures, "drawn": drawn, "shares": curves.time_shares(points)}


def _events(request: Request, run: Run) -> dict[str, Any]:
    everything = request.GET.get("all") == "1"
    found = run.events.order_by("-seq") if everything else run.events.exclude(type="metrics").order_by("-seq")
    return {"page": Paginator(found, EVENTS).get_page(request.GET.get("page")), "everything": everything}


def _settings(_request: Request, run: Run) -> dict[str, Any]:
    usual = presets.usual(run.preset, run.settings, answer_limit=run.taskset_version.answer_limit)
    rows = []
    for dial in presets.DIALS:
        if dial.name in run.settings and reads(run.way.name, dial.name):
            value, preset = run.settings[dial.name], usual.get(dial.name)
            changed = preset is not None and preset != value
            if dial.name == "approach" and run.baseline_for_id:
                changed = False  # that it copies is what makes it the baseline
            rows.append({"dial": dial, "value": dial.shown(value), "usual": dial.shown(preset) if changed else ""})
    started = run.events.filter(type="started").order_by("-seq").first()
    return {
        "rows": rows,
        "started": started.data if started else None,
        "checkpoints": run.checkpoints.order_by("step"),
        "preset": presets.PRESETS.get(run.preset),
        "told": _told(run),
        "tensorboard": run.directory / TENSORBOARD_FOLDER if tensorboard_files(run) else None,
    }


def _told(run: Run) -> list[Tracker]:
    """The trackers that this training tells its figures."""
    try:
        return [TRACKERS[name] for name in read_job(run.directory).report_to]
    except (SpecError, KeyError):
        return []


def _log(_request: Request, run: Run) -> dict[str, Any]:
    try:
        with (run.directory / FILES["log"]).open("rb") as file:
            size = file.seek(0, 2)
            file.seek(max(0, size - LOG_BYTES))
            text = file.read().decode("utf-8", errors="replace")
    except OSError:
        return {"log": "", "log_cut": False}
    return {"log": text.partition("\n")[2] if size > LOG_BYTES else text, "log_cut": size > LOG_BYTES}


TAB_CONTEXTS = {
    "answers": _answers,
    "tasks": task_list,
    "curves": _curves,
    "events": _events,
    "settings": _settings,
    "downloads": downloads,
    "log": _log,
}
