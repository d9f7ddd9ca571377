"""Measuring a base model anew, as its page offers."""

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.views.decorators.http import require_POST

from rftstudio.accounts.access import Action, fetch
from rftstudio.accounts.models import Workspace
from rftstudio.accounts.request import Request
from rftstudio.registry.models import BaseModel
from rftstudio.runs import timing


@require_POST
def time_again(request: Request, slug: str, pk: int) -> HttpResponse:
    """Say after the machine has changed."""
    workspace = fetch(request, Workspace.objects.all(), Action.MANAGE, slug=slug)
    model = get_object_or_404(BaseModel, pk=pk)
    if timing.time_again(model=model):
        messages.success(request, f"A training step of {model} is being timed; that takes a minute or two.")
    else:
        messages.success(request, f"Something runs on this machine. {model} is timed when nothing does any more.")
    return redirect("registry:base", workspace.slug, pk)
