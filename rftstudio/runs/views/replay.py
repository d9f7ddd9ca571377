"""A grader's replays over trainings: the list with its form, and the report of one."""

from typing import Any

from django import forms
from django.contrib import messages
from django.db.models import Exists, OuterRef
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from rftstudio.accounts.access import Action, fetch
from rftstudio.accounts.request import Request
from rftstudio.engine.errors import SpecError
from rftstudio.graders.marking import Cost, chosen, cost_of
from rftstudio.graders.models import Grader
from rftstudio.graders.views.check import GRADERS, common, with_readable_grader
from rftstudio.runs.models import Replay, Rollout, Run
from rftstudio.runs.replay import ASKING_CAP, FREE_CAP, order_replay, repeat_replay, subject_of

SHOWN_RUNS = 30
REPLAYS = Replay.objects.select_related(
    "run__taskset_version__taskset", "run__grader_version", "grader__taskset__workspace"
)


class ReplayForm(forms.Form):
    """Which answers, and by which of the grader's versions."""

    run = forms.ChoiceField(label="Answers of")
    version = forms.ChoiceField(label="Graded by", required=False)
    cap = forms.IntegerField(
        label="At most", min_value=1, max_value=FREE_CAP, help_text="Answers, spread over the steps."
    )

    def __init__(self, *args: Any, grader: Grader, asks: bool, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        stored = Run.objects.filter(taskset_version__taskset=grader.taskset).filter(
            Exists(Rollout.objects.filter(run=OuterRef("pk")))
        )
        self.runs = {str(run.pk): run for run in stored.order_by("-pk")[:SHOWN_RUNS]}
        run = self.fields["run"]
        assert isinstance(run, forms.ChoiceField)
        run.choices = [(pk, f"{run} (training {pk})") for pk, run in self.runs.items()]
        numbers = [
            (str(number), f"version {number}") for number in grader.versions.values_list("number", flat=True)[:20]
        ]
        version = self.fields["version"]
        assert isinstance(version, forms.ChoiceField)
        version.choices = [("", "the draft"), *numbers]
        self.fields["cap"].initial = ASKING_CAP if asks else FREE_CAP

    @property
    def chosen_run(self) -> Run:
        return self.runs[self.cleaned_data["run"]]


@require_http_methods(["GET", "HEAD", "POST"])
@with_readable_grader
def replays(request: Request, pk: int) -> HttpResponse:
    """Replays of a grader. POST orders one; a grader that asks a judge is first asked about."""
    grader = fetch(request, GRADERS, Action.EDIT if request.method == "POST" else Action.VIEW, pk=pk)
    subject = chosen(grader, request.POST.get("version", ""))
    form = ReplayForm(request.POST if request.method == "POST" else None, grader=grader, asks=subject.asks > 0)
    cost = None
    if request.method == "POST" and form.is_valid():
        cap = form.cleaned_data["cap"]
        cost = cost_of(subject, min(cap, form.chosen_run.rollouts.count()))
        if cost is None or "agreed" in request.POST:
            try:
                made = order_replay(run=form.chosen_run, subject=subject, cap=cap, by=request.user)
                return redirect("runs:replay_report", made.pk)
            except SpecError as error:
                form.add_error(error.path if error.path in form.fields else None, f"{error.message} {error.fix}")
    context = common(request, grader) | {
        "form": form,
        "cost": cost,
        "any_runs": bool(form.runs),
        "replays": grader.replays.select_related("run", "created_by")[:20],
    }
    return render(request, "runs/replay.html", context, status=422 if form.errors else 200)


@require_safe
def report(request: Request, pk: int) -> HttpResponse:
    """How far it is, then what would have been different."""
    replay = fetch(request, REPLAYS, pk=pk)
    context = common(request, replay.grader) | {"replay": replay, "result": replay.result, "run": replay.run}
    if replay.status == Replay.Status.FAILED:
        context["cost"] = _cost(replay)
    if request.htmx:
        if not replay.is_open:
            return HttpResponse(headers={"HX-Refresh": "true"})
        return render(request, "runs/replay_report.html#state", context)
    shown = [*replay.result.get("changes", []), *replay.result.get("lost_scores", [])]
    rollouts = Rollout.objects.in_bulk([row["rollout"] for row in shown])
    for name in ("changes", "lost_scores"):
        rows = replay.result.get(name, [])
        context[name] = [row | {"old": rollouts[row["rollout"]]} for row in rows if row["rollout"] in rollouts]
    return render(request, "runs/replay_report.html", context)


@require_POST
def again(request: Request, pk: int) -> HttpResponse:
    """One that was stopped or failed, once more; a grader that asks somebody only where that is agreed to."""
    replay = fetch(request, REPLAYS, Action.EDIT, pk=pk)
    if replay.is_open or replay.status == Replay.Status.DONE:
        messages.error(request, "This one has not failed: there is nothing to do again.")
    elif _cost(replay) is not None and "agreed" not in request.POST:
        messages.error(request, "This asks somebody else and may cost money. Tick the box if that is all right.")
    else:
        try:
            return redirect("runs:replay_report", repeat_replay(replay=replay, by=request.user).pk)
        except SpecError as error:
            messages.error(request, str(error))
    return redirect("runs:replay_report", pk)


def _cost(replay: Replay) -> Cost | None:
    try:
        return cost_of(subject_of(replay), min(replay.cap, replay.run.rollouts.count()))
    except SpecError:
        return None  # it cannot be read any more; doing it again will say so
