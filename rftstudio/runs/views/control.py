"""The buttons of a training's page: pause, resume, continue, stop, add a baseline, and keep a checkpoint."""

from collections.abc import Callable

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.views.decorators.http import require_POST

from rftstudio.accounts.access import Action, fetch
from rftstudio.accounts.models import User
from rftstudio.accounts.request import Request
from rftstudio.engine.errors import EngineError, SpecError
from rftstudio.runs import actions
from rftstudio.runs.models import Run
from rftstudio.runs.settle import keep_checkpoint

RUNS = Run.objects.select_related("workspace", "taskset_version__taskset", "grader_version__grader", "base_model")


@require_POST
def cancel(request: Request, pk: int) -> HttpResponse:
    return _do(request, pk, actions.cancel_run)


@require_POST
def pause(request: Request, pk: int) -> HttpResponse:
    return _do(request, pk, actions.pause_run)


@require_POST
def resume(request: Request, pk: int) -> HttpResponse:
    return _do(request, pk, actions.resume_run)


@require_POST
def go_on(request: Request, pk: int) -> HttpResponse:
    return _do(request, pk, actions.continue_run)


@require_POST
def baseline(request: Request, pk: int) -> HttpResponse:
    """Add an SFT of the same tasks and settings to a training that was launched without."""
    run = fetch(request, RUNS, Action.EDIT, pk=pk)
    try:
        made = actions.launch_baseline(run=run, by=_person(request))
    except SpecError as error:
        messages.error(request, f"{error.message} {error.fix}")
        return redirect("runs:detail", run.pk)
    except EngineError as error:
        messages.error(request, str(error))
        return redirect("runs:detail", run.pk)
    messages.success(request, "Launched. When it is over, base, SFT and RFT are compared on the test tasks.")
    return redirect("runs:detail", made.pk)


def _do(request: Request, pk: int, action: Callable[..., Run]) -> HttpResponse:
    run = fetch(request, RUNS, Action.EDIT, pk=pk)
    try:
        action(run=run, by=_person(request))
    except EngineError as error:
        messages.error(request, str(error))
    return redirect("runs:detail", run.pk)


@require_POST
def keep(request: Request, pk: int, step: int) -> HttpResponse:
    """Make a checkpoint of a training that did not go to its end a model."""
    run = fetch(request, RUNS, Action.EDIT, pk=pk)
    checkpoint = get_object_or_404(run.checkpoints, step=step)
    try:
        model = keep_checkpoint(checkpoint=checkpoint, by=_person(request))
    except EngineError as error:
        messages.error(request, str(error))
        return redirect("runs:detail", run.pk)
    messages.success(request, f"Kept as “{model}”.")
    return redirect("registry:tuned", model.pk)


def _person(request: Request) -> User:
    assert isinstance(request.user, User)
    return request.user
