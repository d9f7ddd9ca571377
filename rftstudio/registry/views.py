"""The models of a workspace: those to start from, those that trainings produced, and an adapter to take away."""

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import Http404, HttpResponse, StreamingHttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.text import slugify
from django.views.decorators.http import require_POST, require_safe

from rftstudio.accounts.access import Action, fetch, may
from rftstudio.accounts.models import Workspace
from rftstudio.accounts.request import Request
from rftstudio.registry import actions
from rftstudio.registry.bundle import stream_bundle
from rftstudio.registry.models import BaseModel, TunedModel
from rftstudio.registry.tasks import time_model

PAGE = 25
TUNED = TunedModel.objects.select_related("workspace", "base_model", "created_by", "run")


@require_safe
def model_list(request: Request, slug: str) -> HttpResponse:
    workspace = fetch(request, Workspace.objects.all(), slug=slug)
    context = {
        "workspace": workspace,
        "base_models": BaseModel.objects.all(),
        "page": Paginator(TUNED.filter(workspace=workspace), PAGE).get_page(request.GET.get("page")),
        "may_manage": may(request, workspace, Action.MANAGE),
    }
    return render(request, "registry/models.html", context)


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


@require_POST
def time_again(request: Request, slug: str, pk: int) -> HttpResponse:
    """Measure a base model anew, say after the machine has changed."""
    workspace = fetch(request, Workspace.objects.all(), Action.MANAGE, slug=slug)
    model = get_object_or_404(BaseModel, pk=pk)
    actions.forget_timing(model=model)
    if actions.ask_for_timing(model=model):
        time_model.delay_on_commit(model.pk)
    messages.success(request, f"{model} is being timed; that takes a minute or two.")
    return redirect("registry:models", workspace.slug)
