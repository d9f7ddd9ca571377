"""The one doorway through which every room fetches its objects.

Somebody else's object is a 404 (its existence is nobody's business); an object one may see but not
change is a 403. Nothing else in the project decides who may do what.
"""

from enum import Enum
from typing import Any, TypeVar

from django.core.exceptions import PermissionDenied
from django.db import models
from django.http import Http404, HttpRequest

from rftstudio.accounts.models import Role, Workspace

M = TypeVar("M", bound=models.Model)


class Action(Enum):
    """What somebody wants to do, and the roles that may."""

    VIEW = (Role.OWNER, Role.AUTHOR, Role.REVIEWER, Role.VIEWER)
    REVIEW = (Role.OWNER, Role.AUTHOR, Role.REVIEWER)
    EDIT = (Role.OWNER, Role.AUTHOR)
    MANAGE = (Role.OWNER,)


def visible(request: HttpRequest, queryset: "models.QuerySet[M]") -> "models.QuerySet[M]":
    """The rows of a queryset that lie in the signed-in person's workspaces."""
    path = queryset.model.workspace_path  # type: ignore[attr-defined]
    lookup = f"{path}__memberships__user" if path else "memberships__user"
    return queryset.filter(**{lookup: request.user})


def fetch(request: HttpRequest, queryset: "models.QuerySet[M]", action: Action = Action.VIEW, **lookup: Any) -> M:
    """One object, or 404 for a stranger and 403 for a member whose role does not reach."""
    found = visible(request, queryset.filter(**lookup)).first()
    if found is None:
        raise Http404("There is nothing here, or it is not yours.")
    require(request, workspace_of(found), action)
    return found


def workspace_of(thing: models.Model) -> Workspace:
    """The workspace an object belongs to, along its model's `workspace_path`."""
    value: Any = thing
    for name in filter(None, thing.workspace_path.split("__")):  # type: ignore[attr-defined]
        value = getattr(value, name)
    assert isinstance(value, Workspace)
    return value


def role_in(request: HttpRequest, workspace: Workspace) -> str:
    """The signed-in person's role, "" for a stranger. One query a workspace a request."""
    cache: dict[int, str] = request.__dict__.setdefault("_roles", {})
    if workspace.pk not in cache:
        membership = workspace.memberships.filter(user_id=request.user.pk or 0).first()
        cache[workspace.pk] = membership.role if membership else ""
    return cache[workspace.pk]


def may(request: HttpRequest, workspace: Workspace, action: Action) -> bool:
    """For views that show or hide a button; the action's own view asks again."""
    return role_in(request, workspace) in action.value


def require_operator(request: HttpRequest) -> None:
    """For what concerns the whole install: whoever runs it (staff). Raises 404 for everybody else."""
    if not (request.user.is_active and request.user.is_staff):
        raise Http404("There is nothing here, or it is not yours.")


def require(request: HttpRequest, workspace: Workspace, action: Action) -> None:
    """Raises 404 for a stranger, 403 for too low a role."""
    role = role_in(request, workspace)
    if not role:
        raise Http404("There is nothing here, or it is not yours.")
    if role not in action.value:
        raise PermissionDenied(f"Your role here is {role}, which does not allow this. Ask an owner of the workspace.")
