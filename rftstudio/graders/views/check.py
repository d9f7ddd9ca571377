"""The red-team's page, and the way back from a publication that something speaks against."""

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_http_methods
from django_htmx.http import HttpResponseClientRedirect

from rftstudio.accounts.access import Action, fetch, may
from rftstudio.accounts.request import Request
from rftstudio.engine.errors import SpecError
from rftstudio.graders import redteam
from rftstudio.graders.evidence import RedTeam
from rftstudio.graders.marking import Subject, chosen
from rftstudio.graders.models import Grader
from rftstudio.graders.proof import NotProven

GRADERS = Grader.objects.select_related("taskset__workspace")


def with_readable_grader(view: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
    """For pages that try the stored grader: one that the studio cannot read (any more) is shown in the builder."""

    @wraps(view)
    def wrapped(request: Request, pk: int, *args: Any, **kwargs: Any) -> HttpResponse:
        try:
            return view(request, pk, *args, **kwargs)
        except SpecError as error:
            messages.error(request, f"This grader has to be corrected first. {error}")
            return redirect("graders:builder", pk)

    return wrapped


@require_http_methods(["GET", "HEAD", "POST"])
@with_readable_grader
def check(request: Request, pk: int) -> HttpResponse:
    """What the red-team found on the draft, or on `?version=`. POST runs it."""
    grader = fetch(request, GRADERS, Action.EDIT if request.method == "POST" else Action.VIEW, pk=pk)
    subject = chosen(grader, request.GET.get("version", ""))
    if request.method == "POST":
        return _run(request, subject)
    row = redteam.stored_for(subject)
    context = _context(request, subject) | {"row": row}
    if row is None or row.status == RedTeam.Status.FAILED:
        try:
            context["cost"] = redteam.cost_for(subject)
        except SpecError as error:
            context["nothing"] = error
    elif row.status == RedTeam.Status.DONE:
        context |= {
            "results": redteam.results(row.shots),
            "flagged": redteam.flagged(row),
            "pays_nothing": not any(shot["control"] for shot in row.shots),
        }
        context["cost"] = redteam.cost_for(subject) if grader.taskset.items.live().exists() else None
    return render(request, "graders/check.html#state" if request.htmx else "graders/check.html", context)


def _run(request: Request, subject: Subject) -> HttpResponse:
    if subject.asks and "agreed" not in request.POST:
        messages.error(request, "This asks somebody else and may cost money. Tick the box if that is all right.")
    else:
        try:
            redteam.red_team(subject=subject, by=request.user)
        except SpecError as error:
            messages.error(request, str(error))
    return redirect(_address(subject))


def _address(subject: Subject) -> str:
    address = reverse("graders:check", args=[subject.grader.pk])
    return address if subject.number is None else f"{address}?version={subject.number}"


def _context(request: Request, subject: Subject) -> dict[str, object]:
    grader = subject.grader
    latest = grader.latest_version
    return common(request, grader) | {
        "subject": subject,
        "numbers": grader.versions.values_list("number", flat=True)[:20],
        "publishable": subject.number is None and (latest is None or latest.content_hash != subject.content_hash),
    }


def common(request: Request, grader: Grader) -> dict[str, object]:
    """What every page around a grader shows above its own."""
    workspace = grader.taskset.workspace
    return {
        "workspace": workspace,
        "taskset": grader.taskset,
        "spine_step": "grader",
        "grader": grader,
        "may_edit": may(request, workspace, Action.EDIT),
        "may_review": may(request, workspace, Action.REVIEW),
    }


def stopped(request: Request, error: NotProven) -> HttpResponse:
    """To the page that shows what speaks against publishing."""
    messages.error(request, f"Not published. {error.message}")
    address = reverse(error.page, args=error.arguments)
    return HttpResponseClientRedirect(address) if request.htmx else redirect(address)
