"""Home: what a workspace holds and what is happening in it; the samples; the manual."""

from django.contrib import messages
from django.contrib.auth.decorators import login_not_required
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from rftstudio.accounts.access import Action, fetch, may, require_operator, visible
from rftstudio.accounts.actions import create_workspace
from rftstudio.accounts.models import User, Workspace
from rftstudio.accounts.request import Request
from rftstudio.engine.errors import SpecError
from rftstudio.engine.grading.sandbox.status import sandbox_status
from rftstudio.home import manual as book
from rftstudio.home.samples import open_sample as open_sample_action
from rftstudio.home.samples import shipped_samples
from rftstudio.home.spine import spine_of
from rftstudio.home.status import parts
from rftstudio.runs.jobs import OPEN_STATUSES, Status
from rftstudio.tasksets.models import TaskSet


@require_http_methods(["GET", "POST"])
def home(request: Request) -> HttpResponse:
    """To the person's workspace; somebody who has none makes one here."""
    assert isinstance(request.user, User)
    first = visible(request, Workspace.objects.all()).first()
    if first is not None and request.method == "GET":
        return redirect("home:workspace", first.slug)
    name = request.POST.get("name", "").strip()
    if request.method == "POST" and name:
        return redirect("home:workspace", create_workspace(name=name[:120], owner=request.user).slug)
    error = "Give it a name." if request.method == "POST" else ""
    return render(request, "home/first_workspace.html", {"error": error}, status=422 if error else 200)


@require_safe
def workspace(request: Request, slug: str) -> HttpResponse:
    found = fetch(request, Workspace.objects.all(), slug=slug)
    tasksets = TaskSet.objects.for_workspace(found).active()[:60]
    cards = [{"taskset": taskset, "spine": spine_of(taskset)} for taskset in tasksets]
    opened = {taskset.sample_slug for taskset in tasksets}
    unfinished = found.runs.filter(status__in=(*OPEN_STATUSES, Status.PAUSED))
    running = unfinished.select_related("taskset_version__taskset", "base_model")
    context = {
        "workspace": found,
        "cards": cards,
        "running": running,
        "samples": [sample for sample in shipped_samples() if sample.slug not in opened],
        "may_edit": may(request, found, Action.EDIT),
    }
    template = "home/workspace.html#running" if request.htmx else "home/workspace.html"
    return render(request, template, context)


@require_POST
def open_sample(request: Request, slug: str, sample: str) -> HttpResponse:
    found = fetch(request, Workspace.objects.all(), Action.EDIT, slug=slug)
    if sample not in {known.slug for known in shipped_samples()}:
        raise Http404("There is no such sample.")
    try:
        taskset = open_sample_action(workspace=found, slug=sample, by=request.user)
    except SpecError as error:
        messages.error(request, str(error))
        return redirect("home:workspace", slug)
    return redirect("tasksets:detail", taskset.pk)


@require_safe
def status(request: Request) -> HttpResponse:
    """For whoever runs the install: what works, and which layers of the sandbox hold."""
    require_operator(request)
    try:
        sandbox, problem = sandbox_status(), ""
    except SpecError as error:
        sandbox, problem = None, str(error)
    context = {"parts": parts(), "sandbox": sandbox, "problem": problem}
    return render(request, "home/status.html", context)


@login_not_required
@require_safe
def manual(request: Request, page: str = "index") -> HttpResponse:
    try:
        title, html = book.page(page)
    except book.NoSuchPage as error:
        raise Http404("The manual has no such page.") from error
    context = {"title": title, "html": html, "contents": book.contents(), "name": page}
    return render(request, "home/manual.html", context)
