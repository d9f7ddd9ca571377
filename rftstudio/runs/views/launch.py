"""The launch page: what will be trained, how long it will take, and the button."""

import dataclasses
from typing import Any

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_safe

from rftstudio.accounts.access import Action, fetch, visible
from rftstudio.accounts.models import User
from rftstudio.accounts.request import Request
from rftstudio.engine import presets
from rftstudio.engine.approaches import APPROACHES, DEFAULT_APPROACH, READ_BY, reads
from rftstudio.engine.errors import SpecError, SystemFault
from rftstudio.engine.methods import METHODS
from rftstudio.graders.models import Grader
from rftstudio.registry.models import BaseModel
from rftstudio.runs import actions, queue
from rftstudio.runs.again import Again, as_run
from rftstudio.runs.drafts import unpublished
from rftstudio.runs.expect import Outlook, outlook_of, validation_tasks
from rftstudio.runs.forms import LaunchForm
from rftstudio.runs.judged import Asked, asked_by
from rftstudio.runs.models import Run
from rftstudio.runs.standing import standing_of_next
from rftstudio.tasksets.models import Split, TaskSet


@require_http_methods(["GET", "POST"])
def launch(request: Request, pk: int) -> HttpResponse:
    taskset = fetch(request, TaskSet.objects.select_related("workspace"), Action.EDIT, pk=pk)
    grader = Grader.objects.used_by(taskset)
    actions.find_models()
    again = _again(request, taskset, grader)
    form = _form(request, taskset, grader, again)
    if request.method == "POST" and grader is not None and form.is_valid():
        assert isinstance(request.user, User)
        try:
            run = actions.publish_and_launch(
                taskset=taskset,
                grader=grader,
                taskset_version=form.chosen_version(),
                grader_version=form.chosen_grader_version(),
                base_model=form.cleaned_data["base_model"],
                preset=form.cleaned_data["preset"],
                settings=form.overrides(),
                seed=form.cleaned_data["seed"],
                name=form.cleaned_data["name"].strip(),
                start=form.cleaned_data["start"],
                baseline=form.cleaned_data["baseline"],
                by=request.user,
            )
        except SpecError as error:
            form.add_spec_error(error)
        except SystemFault as fault:
            form.add_error(None, str(fault))
        else:
            messages.success(request, "Launched. You can close this page at any time: nothing depends on it.")
            return redirect("runs:detail", run.pk)
    context = {
        "workspace": taskset.workspace,
        "taskset": taskset,
        "spine_step": "training",
        "form": form,
        "grader": grader,
        "presets": _preset_cards(form),
        "ways": _way_cards(form),
        "meant": _meant(form),
        **_preset_table(taskset),
        "items": taskset.items.live().count(),
        "outlook": _outlook(form, taskset),
        "asked": _asked(form),
        "line": standing_of_next(taskset.workspace, rank=Run.queue_rank),
        "running_here": [job for job in queue.running() if job.workspace_id == taskset.workspace_id],
        "last": Run.objects.filter(taskset_version__taskset=taskset, baseline_for=None).order_by("-pk").first(),
        "again": again,
    }
    return render(request, "runs/launch.html", context, status=422 if form.errors else 200)


@require_safe
def outlook(request: Request, pk: int) -> HttpResponse:
    """Expected times for what is typed in the form just now; asks again while the model is being timed."""
    taskset = fetch(request, TaskSet.objects.select_related("workspace"), Action.EDIT, pk=pk)
    form = LaunchForm(request.GET, taskset=taskset, grader=Grader.objects.used_by(taskset), changed={})
    context = {
        "workspace": taskset.workspace,
        "taskset": taskset,
        "form": form,
        "presets": _preset_cards(form),
        "outlook": _outlook(form, taskset),
        "asked": _asked(form),
    }
    return render(request, "runs/launch.html#outlook", context)


def _form(request: Request, taskset: TaskSet, grader: Grader | None, again: Again | None) -> LaunchForm:
    changed = unpublished(taskset, grader)
    data = request.POST if request.method == "POST" else None
    initial = {**(again.initial if again else {}), **_proposed(request)}
    return LaunchForm(data, taskset=taskset, grader=grader, changed=changed, again=again, initial=initial)


def _again(request: Request, taskset: TaskSet, grader: Grader | None) -> Again | None:
    """The training that is wanted again (`?from=7`), or from one of its checkpoints (`&step=20`).

    None where it is not one of this task set's.
    """
    wanted, step = request.GET.get("from", ""), request.GET.get("step", "")
    if not wanted.isdecimal():
        return None
    rows = Run.objects.select_related("taskset_version__taskset", "grader_version__grader", "base_model")
    run = visible(request, rows.filter(taskset_version__taskset=taskset, pk=wanted)).first()
    return as_run(run, grader=grader, step=int(step) if step.isdecimal() else None) if run else None


def _proposed(request: Request) -> dict[str, str]:
    """Settings that a link proposes (`?max_completion_length=64`)."""
    names = ("preset", *(dial.name for dial in presets.DIALS))
    return {name: request.GET[name][:40] for name in names if name in request.GET}


def _preset_cards(form: LaunchForm) -> list[dict[str, Any]]:
    """What each preset is for, with the radio button that chooses it."""
    chosen = form["preset"].value()
    return [{"preset": preset, "checked": preset.name == chosen} for preset in presets.PRESETS.values()]


def _way_cards(form: LaunchForm) -> list[dict[str, Any]]:
    """The ways of learning, with the radio button that chooses each."""
    chosen = form["approach"].value() or DEFAULT_APPROACH
    return [{"way": approach, "checked": approach.name == chosen} for approach in APPROACHES.values()]


def _meant(form: LaunchForm) -> dict[str, Any]:
    """What an empty field means, by preset, and what a method changes about that; for the page's script."""
    limit = form.taskset.answer_limit
    return {
        "presets": {name: presets.resolve(name, answer_limit=limit) for name in presets.PRESETS},
        "methods": {method.name: dict(method.settings) for method in METHODS.values()},
        "ways": {name: [one for one in READ_BY if not reads(name, one)] for name in APPROACHES},
    }


def _preset_table(taskset: TaskSet) -> dict[str, Any]:
    """What presets differ in, a row each, and how many settings they have in common."""
    rows = presets.differences(answer_limit=taskset.answer_limit)
    cells = [{"dial": dial, "values": [dial.shown(value, unit=False) for value in values]} for dial, values in rows]
    return {"differences": cells, "n_alike": len(presets.DIALS) - len(rows)}


def _outlook(form: LaunchForm, taskset: TaskSet) -> Outlook:
    chosen = str(form["base_model"].value() or "")
    model = BaseModel.objects.filter(pk=int(chosen)).first() if chosen.isdecimal() and len(chosen) < 18 else None
    outlook = outlook_of(
        taskset=taskset,
        model=model,
        preset=str(form["preset"].value()),
        settings=form.readable_dials(),
        baseline=bool(form["baseline"].value()),
    )
    return dataclasses.replace(outlook, model=model)


def _asked(form: LaunchForm) -> Asked | None:
    return asked_by(
        form.grader,
        preset=str(form["preset"].value()),
        settings=form.readable_dials(),
        n_validation=_n_validation(form),
        baseline=bool(form["baseline"].value()),
    )


def _n_validation(form: LaunchForm) -> int:
    """Of the chosen version, or of the draft."""
    chosen = str(form["taskset_version"].value() or "")
    found = form.taskset.versions.filter(pk=int(chosen)) if chosen.isdecimal() and len(chosen) < 18 else None
    version = found.first() if found is not None else None
    return version.counts.get(Split.VALIDATION, 0) if version else validation_tasks(form.taskset)
