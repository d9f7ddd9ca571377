"""What every page needs of the signed-in person: their workspaces."""

from typing import Any

from django.http import HttpRequest

from rftstudio.accounts.models import Workspace


def workspaces(request: HttpRequest) -> dict[str, Any]:
    """`my_workspaces`, lazily: a fragment that does not show them runs no query."""
    user = getattr(request, "user", None)
    if user is None or not user.is_authenticated:
        return {"my_workspaces": Workspace.objects.none()}
    return {"my_workspaces": Workspace.objects.for_user(user)}
