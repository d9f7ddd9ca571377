"""A workspace's secrets: which there are and who uses them, adding, replacing and removing one. None is ever shown."""

from typing import Any

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from rftstudio.accounts.access import Action, fetch, may
from rftstudio.accounts.models import Workspace
from rftstudio.accounts.request import Request
from rftstudio.engine.errors import SpecError
from rftstudio.graders.models import Secret
from rftstudio.graders.secrets import actions
from rftstudio.graders.secrets.form import SecretForm
from rftstudio.graders.used_by import Uses

SECRETS = Secret.objects.select_related("workspace").defer("token")


@require_safe
def list_page(request: Request, slug: str) -> HttpResponse:
    """Names and servers, with the graders that use them, for everybody who may look."""
    workspace = fetch(request, Workspace.objects.all(), slug=slug)
    uses = Uses(workspace)
    secrets = workspace.secrets.defer("token").select_related("created_by")
    rows = [{"secret": secret, "used_by": uses.of_secret(secret.name)} for secret in secrets]
    return render(request, "graders/secrets/list.html", _context(request, workspace) | {"rows": rows})


@sensitive_post_parameters("value")
@require_http_methods(["GET", "POST"])
def create(request: Request, slug: str) -> HttpResponse:
    workspace = fetch(request, Workspace.objects.all(), Action.MANAGE, slug=slug)
    form = SecretForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            secret = actions.add_secret(workspace=workspace, by=request.user, **form.cleaned_data)
        except SpecError as error:
            form.add_error(error.path or None, f"{error.message} {error.fix}")
        else:
            messages.success(request, f"The secret “{secret}” is kept. Graders can name it now.")
            return redirect("graders:secrets", slug)
    return _form(request, workspace, form, None)


@sensitive_post_parameters("value")
@require_http_methods(["GET", "POST"])
def replace(request: Request, pk: int) -> HttpResponse:
    secret = fetch(request, SECRETS, Action.MANAGE, pk=pk)
    form = SecretForm(request.POST or None, secret=secret, initial={"origin": secret.origin})
    if request.method == "POST" and form.is_valid():
        actions.replace_secret(secret=secret, **form.cleaned_data)
        messages.success(request, f"The secret “{secret}” is replaced.")
        return redirect("graders:secrets", secret.workspace.slug)
    return _form(request, secret.workspace, form, secret)


@require_POST
def remove(request: Request, pk: int) -> HttpResponse:
    secret = fetch(request, SECRETS, Action.MANAGE, pk=pk)
    slug = secret.workspace.slug
    actions.remove_secret(secret=secret)
    messages.success(request, f"The secret “{secret}” is removed.")
    return redirect("graders:secrets", slug)


def _form(request: Request, workspace: Workspace, form: SecretForm, secret: Secret | None) -> HttpResponse:
    context = _context(request, workspace) | {"form": form, "secret": secret}
    return render(request, "graders/secrets/form.html", context, status=422 if form.errors else 200)


def _context(request: Request, workspace: Workspace) -> dict[str, Any]:
    return {"workspace": workspace, "may_manage": may(request, workspace, Action.MANAGE), "place": "secrets"}
