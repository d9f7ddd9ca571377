"""The models of a workspace: those to start from, those that trainings produced, and an adapter to take away."""

from pathlib import Path

from django.conf import settings
from django.contrib import messages
from django.core.paginator import Paginator
from django.http import Http404, HttpResponse, StreamingHttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.text import slugify
from django.views.decorators.http import require_POST, require_safe

from rftstudio.accounts.access import Action, fetch, may
from rftstudio.accounts.models import Workspace
from rftstudio.accounts.request import Request
from rftstudio.engine.errors import SpecError
from rftstudio.engine.models.memory import this_machine
from rftstudio.registry import actions, arrivals
from rftstudio.registry.bundle import stream_bundle
from rftstudio.registry.example import TURNS, laid_out
from rftstudio.registry.models import BaseModel, TunedModel
from rftstudio.registry.views.adding import open_arrivals

PAGE = 25
SHOWN_RUNS = 20
TUNED = TunedModel.objects.select_related("workspace", "base_model", "created_by", "run")


@require_safe
def model_list(request: Request, slug: str) -> HttpResponse:
    workspace = fetch(request, Workspace.objects.all(), slug=slug)
    context = {
        "workspace": workspace,
        "base_models": BaseModel.objects.all(),
        "has_embedded": BaseModel.objects.filter(source=BaseModel.Source.EMBEDDED).exists(),
        "arrivals": open_arrivals(workspace),
        "offline": settings.HUB_OFFLINE,
        "page": Paginator(TUNED.filter(workspace=workspace), PAGE).get_page(request.GET.get("page")),
        "may_manage": may(request, workspace, Action.MANAGE),
    }
    return render(request, "registry/models.html", context)


@require_safe
def base(request: Request, slug: str, pk: int) -> HttpResponse:
    """One base model: facts, licence, what it takes here, its files, what it literally sees, who uses it."""
    workspace = fetch(request, Workspace.objects.all(), slug=slug)
    model = get_object_or_404(BaseModel, pk=pk)
    runs = model.runs.filter(workspace=workspace).order_by("-pk")
    uses = actions.uses_of(model)
    context = {
        "workspace": workspace,
        "model": model,
        "machine": this_machine(),
        "turns": TURNS,
        "example": laid_out(Path(model.location)) if model.is_here else None,
        "runs": runs[:SHOWN_RUNS],
        "n_runs": runs.count(),
        "uses": uses,
        "may_manage": may(request, workspace, Action.MANAGE),
        # Every workspace sees a base model, but not the people of the one that added it.
        "added_by": model.created_by if request.user.is_staff or model.workspace_id == workspace.pk else None,
        "may_remove": not uses and _may_remove(request, workspace, model),
        "hub": settings.HF_ENDPOINT,
    }
    return render(request, "registry/base.html", context)


@require_POST
def remove(request: Request, slug: str, pk: int) -> HttpResponse:
    """Forget a base model that nothing uses: by an owner of the workspace that added it, or by the operator."""
    workspace = fetch(request, Workspace.objects.all(), Action.MANAGE, slug=slug)
    model = get_object_or_404(BaseModel, pk=pk)
    try:
        if not _may_remove(request, workspace, model):
            raise SpecError(f"{model} was added by another workspace.", fix="Whoever runs the studio can remove it.")
        actions.remove_model(model=model)
    except SpecError as error:
        messages.error(request, f"{error.message} {error.fix}")
        return redirect("registry:base", slug, pk)
    messages.success(request, f"{model} is removed.")
    return redirect("registry:models", slug)


@require_POST
def read_again(request: Request, slug: str, pk: int) -> HttpResponse:
    """Have files looked at that have changed since the model was added."""
    workspace = fetch(request, Workspace.objects.all(), Action.MANAGE, slug=slug)
    model = get_object_or_404(BaseModel, pk=pk)
    try:
        work = arrivals.fetch_again if "fetch" in request.POST else arrivals.read_again
        work(workspace=workspace, by=request.user, model=model)
        messages.success(request, f"{model} is being {'fetched' if 'fetch' in request.POST else 'read'} again.")
    except SpecError as error:
        messages.error(request, f"{error.message} {error.fix}")
    return redirect("registry:models", slug)


def _may_remove(request: Request, workspace: Workspace, model: BaseModel) -> bool:
    if model.source == BaseModel.Source.EMBEDDED or not may(request, workspace, Action.MANAGE):
        return False
    return bool(request.user.is_staff) or model.workspace_id == workspace.pk


@require_safe
def tuned(request: Request, pk: int) -> HttpResponse:
    model = fetch(request, TUNED, pk=pk)
    context = {"workspace": model.workspace, "model": model, "lineage": model.lineage, "is_here": model.is_here}
    return render(request, "registry/tuned.html", context)


@require_safe
def download(request: Request, pk: int) -> StreamingHttpResponse:
    """The adapter with a note on how to use it, as a zip that is never whole in memory."""
    model = fetch(request, TUNED, pk=pk)
    if not model.is_here:
        raise Http404("The adapter's files are not on this machine any more.")
    name = f"{slugify(model.name) or 'adapter'}.zip"
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return StreamingHttpResponse(stream_bundle(model), content_type="application/zip", headers=headers)
