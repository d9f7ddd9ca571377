"""Adding base models: from the hub, looked at first; from a directory; the studio's own. For owners of a workspace."""

from typing import Any

from django.conf import settings
from django.contrib import messages
from django.core import signing
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from rftstudio.accounts.access import Action, fetch, may
from rftstudio.accounts.models import Workspace
from rftstudio.accounts.request import Request
from rftstudio.engine.errors import EngineError, SpecError
from rftstudio.registry import arrivals, child, folders, hub_token
from rftstudio.registry.forms import HubForm, LocalForm
from rftstudio.registry.models import Arrival

SALT = "registry.offer"
OFFER_SECONDS = 3600  # how long what was looked at may be fetched without looking again
ARRIVALS = Arrival.objects.select_related("workspace", "base_model")


@sensitive_post_parameters("token")
@require_http_methods(["GET", "POST"])
def from_hub(request: Request, slug: str) -> HttpResponse:
    """Look at a model of the hub: facts and reasons against it. Nothing of it is fetched here."""
    workspace = fetch(request, Workspace.objects.all(), Action.MANAGE, slug=slug)
    has_token = hub_token.is_set(workspace)
    form = HubForm(request.POST or None, hub=settings.HF_ENDPOINT, has_token=has_token)
    offer, problem = None, ""
    if request.method == "POST" and not settings.HUB_OFFLINE and form.is_valid():
        given = form.cleaned_data
        if given["token"]:
            hub_token.keep(workspace=workspace, token=given["token"])
        try:
            token = hub_token.plain(workspace)
            offer = child.look(hub_id=given["hub_id"], revision=given["revision"], token=token)
        except SpecError as error:
            form.add_spec_error(error)
        except EngineError as error:
            problem = str(error)
        has_token = hub_token.is_set(workspace)
    context = _context(request, workspace) | {"form": form, "has_token": has_token, "problem": problem}
    if offer is not None:
        revision = form.cleaned_data["revision"]
        kept = {name: offer[name] for name in ("hub_id", "commit", "licence", "licence_open")}
        sealed = signing.dumps({**kept, "revision": revision}, salt=SALT)
        fetchable = not offer["refusals"] and not offer["closed"]
        context |= {"offer": offer, "sealed": sealed, "revision": revision, "fetchable": fetchable}
    return render(request, "registry/hub.html", context, status=422 if form.errors else 502 if problem else 200)


@require_POST
def fetch_model(request: Request, slug: str) -> HttpResponse:
    """Have the model fetched that was looked at, with its licence read where that is asked for."""
    workspace = fetch(request, Workspace.objects.all(), Action.MANAGE, slug=slug)
    try:
        offer = signing.loads(request.POST.get("offer", ""), salt=SALT, max_age=OFFER_SECONDS)
        if not offer["licence_open"] and request.POST.get("licence_read") != "on":
            name = offer["licence"] or "no licence that the hub knows"
            fix = "Read it, then tick the box."
            raise SpecError(f"{offer['hub_id']} is under {name}.", path="licence_read", fix=fix)
        arrivals.fetch_from_hub(
            workspace=workspace, by=request.user, hub_id=offer["hub_id"], commit=offer["commit"],
            revision=offer["revision"],
        )  # fmt: skip
    except signing.BadSignature:
        messages.error(request, "Too much time has passed since this model was looked at. Look at it again.")
        return redirect("registry:from_hub", slug)
    except SpecError as error:
        messages.error(request, f"{error.message} {error.fix}")
        return redirect("registry:from_hub" if error.path == "licence_read" else "registry:models", slug)
    messages.success(request, f"{offer['hub_id']} is being fetched. You may leave this page; it goes on.")
    return redirect("registry:models", slug)


@require_http_methods(["GET", "POST"])
def from_directory(request: Request, slug: str) -> HttpResponse:
    workspace = fetch(request, Workspace.objects.all(), Action.MANAGE, slug=slug)
    form = LocalForm(request.POST or None)
    operator = bool(request.user.is_active and request.user.is_staff)
    if request.method == "POST" and form.is_valid():
        given = form.cleaned_data
        try:
            directory = folders.allowed_directory(given["directory"], operator=operator)
            arrivals.read_local(
                workspace=workspace, by=request.user, name=given["name"], directory=directory, licence=given["licence"]
            )
        except SpecError as error:
            form.add_spec_error(error)
        else:
            messages.success(request, f"{given['name']} is being read; it appears below once it has been checked.")
            return redirect("registry:models", slug)
    context = _context(request, workspace) | {"form": form, "operator": operator, "folders": settings.MODEL_FOLDERS}
    return render(request, "registry/directory.html", context, status=422 if form.errors else 200)


@require_POST
def add_embedded(request: Request, slug: str) -> HttpResponse:
    """Fetch and convert the model that ships with the studio."""
    workspace = fetch(request, Workspace.objects.all(), Action.MANAGE, slug=slug)
    try:
        arrivals.make_embedded(workspace=workspace, by=request.user)
    except SpecError as error:
        messages.error(request, f"{error.message} {error.fix}")
    return redirect("registry:models", slug)


@require_POST
def forget_token(request: Request, slug: str) -> HttpResponse:
    workspace = fetch(request, Workspace.objects.all(), Action.MANAGE, slug=slug)
    hub_token.forget(workspace=workspace)
    messages.success(request, "The hub’s token is forgotten.")
    return redirect("registry:from_hub", slug)


@require_safe
def arriving(request: Request, slug: str) -> HttpResponse:
    """The models on their way, as the list shows them; told to look at the whole page once one has arrived."""
    workspace = fetch(request, Workspace.objects.all(), slug=slug)
    context = _context(request, workspace) | {"arrivals": open_arrivals(workspace)}
    reply = render(request, "registry/models.html#arriving", context)
    if request.GET.get("n") != str(len(context["arrivals"])):
        reply["HX-Refresh"] = "true"
    return reply


@require_POST
def cancel(request: Request, pk: int) -> HttpResponse:
    arrival = fetch(request, ARRIVALS, Action.MANAGE, pk=pk)
    arrivals.cancel_arrival(arrival=arrival)
    messages.success(request, f"{arrival} does not come; what had come of it is thrown away.")
    return redirect("registry:models", arrival.workspace.slug)


@require_POST
def again(request: Request, pk: int) -> HttpResponse:
    arrival = fetch(request, ARRIVALS, Action.MANAGE, pk=pk)
    try:
        arrivals.start_again(arrival=arrival)
    except SpecError as error:
        messages.error(request, f"{error.message} {error.fix}")
    return redirect("registry:models", arrival.workspace.slug)


def open_arrivals(workspace: Workspace) -> list[Arrival]:
    """On their way, or failed and not dismissed yet."""
    return list(workspace.arrivals.exclude(status=Arrival.Status.DONE))


def _context(request: Request, workspace: Workspace) -> dict[str, Any]:
    return {
        "workspace": workspace,
        "may_manage": may(request, workspace, Action.MANAGE),
        "hub": settings.HF_ENDPOINT,
        "offline": settings.HUB_OFFLINE,
    }
