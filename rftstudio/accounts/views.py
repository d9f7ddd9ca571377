"""Signing in and out, one-time links, invitations, members and one's own account."""

from django.conf import settings
from django.contrib import messages
from django.contrib.auth import authenticate, login, logout, update_session_auth_hash
from django.contrib.auth.decorators import login_not_required
from django.forms import model_to_dict
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.http import require_http_methods, require_POST

from rftstudio.accounts import actions
from rftstudio.accounts.access import Action, fetch, may
from rftstudio.accounts.forms import (
    InviteForm,
    JoinForm,
    PasswordForm,
    ProfileForm,
    RoleForm,
    SignInForm,
    WorkspaceForm,
)
from rftstudio.accounts.models import Invitation, Membership, Role, User, Workspace
from rftstudio.accounts.request import Request
from rftstudio.engine.errors import SpecError

BACKEND = "django.contrib.auth.backends.ModelBackend"
ROLES_EXPLAINED = (
    ("Owner", "everything, and who belongs here"),
    ("Author", "writes tasks and graders, starts trainings"),
    ("Reviewer", "looks at everything and judges answers"),
    ("Viewer", "looks at everything, changes nothing"),
)


def _next_page(request: HttpRequest) -> str:
    wanted = request.POST.get("next") or request.GET.get("next") or ""
    safe = url_has_allowed_host_and_scheme(wanted, {request.get_host()}, require_https=request.is_secure())
    return wanted if safe else "home:home"


@login_not_required
@require_http_methods(["GET", "POST"])
def sign_in(request: HttpRequest) -> HttpResponse:
    form = SignInForm(request.POST or None)
    if request.user.is_authenticated and request.method == "GET":
        return redirect(_next_page(request))
    if form.is_valid():
        user = authenticate(
            request, username=form.cleaned_data["email"].lower(), password=form.cleaned_data["password"]
        )
        if user is not None:
            login(request, user)
            return redirect(_next_page(request))
        form.add_error(None, "This address and password do not fit together. Check both and try again.")
    return render(request, "accounts/sign_in.html", {"form": form, "next": request.GET.get("next", "")})


@login_not_required
@require_POST
def sign_out(request: HttpRequest) -> HttpResponse:
    logout(request)
    return redirect("accounts:sign_in")


@login_not_required
@require_http_methods(["GET", "POST"])
def link(request: HttpRequest, token: str) -> HttpResponse:
    """Asks for a click first: a mail program that previews the link must not use it up."""
    if request.method == "POST":
        user = actions.use_sign_in_link(token=token)
        if user is not None:
            login(request, user, backend=BACKEND)
            return redirect("home:home")
        return render(request, "accounts/link.html", {"used": True}, status=410)
    return render(request, "accounts/link.html", {"used": False})


@login_not_required
@require_http_methods(["GET", "POST"])
def invitation(request: HttpRequest, token: str) -> HttpResponse:
    found = get_object_or_404(Invitation.objects.select_related("workspace", "invited_by"), token=token)
    person = request.user if isinstance(request.user, User) else None
    form = JoinForm(request.POST or None, initial={"email": found.email})
    context = {"invitation": found, "form": form, "signed_in": person is not None, "role": Role(found.role).label}
    if not found.is_open:
        return render(request, "accounts/invitation.html", context, status=410)
    if request.method == "POST" and (person or form.is_valid()):
        try:
            user = person or actions.create_person(**form.cleaned_data)
            actions.accept_invitation(invitation=found, user=user)
        except SpecError as error:
            form.add_error(None, str(error))
        else:
            if person is None:
                login(request, user, backend=BACKEND)
            return redirect("home:workspace", found.workspace.slug)
    return render(request, "accounts/invitation.html", context)


@require_POST
def password(request: Request) -> HttpResponse:
    """The short form above every page of somebody without a password; `later` folds it up for this session."""
    user = request.user
    page = "accounts/_no_password.html" if request.htmx else "accounts/password.html"
    if "later" in request.POST:
        request.session["password_later"] = True
        return render(request, page) if request.htmx else redirect(_next_page(request))
    form = PasswordForm(request.POST, user=user)
    if not form.is_valid():
        context = {"password_form": form, "next": request.POST.get("next", "")}
        return render(request, page, context, status=422)
    if actions.choose_password(user=user, password=form.cleaned_data["password"]):
        update_session_auth_hash(request, user)
        said = f"Your password is set. You sign in as {user.email}."
    else:
        said = "You have a password already; another one can be chosen under “Your account”."
    if request.htmx:
        return render(request, page, {"said": said})
    messages.success(request, said)
    return redirect(_next_page(request))


@require_http_methods(["GET", "POST"])
def profile(request: HttpRequest) -> HttpResponse:
    assert isinstance(request.user, User)
    user = request.user
    form = ProfileForm(request.POST or None, user=user, initial={"name": user.get_full_name(), "email": user.email})
    if form.is_valid():
        actions.change_profile(user=user, **form.cleaned_data)
        update_session_auth_hash(request, user)
        messages.success(request, "Saved.")
        return redirect("accounts:profile")
    return render(request, "accounts/profile.html", {"form": form})


@require_http_methods(["GET", "POST"])
def people(request: Request, slug: str) -> HttpResponse:
    action = Action.MANAGE if request.method == "POST" else Action.VIEW
    workspace = fetch(request, Workspace.objects.all(), action, slug=slug)
    form = InviteForm(request.POST or None)
    if form.is_valid():
        actions.invite(workspace=workspace, by=request.user, **form.cleaned_data)
        return redirect("accounts:people", slug)
    return render(
        request,
        "accounts/people.html",
        {
            "workspace": workspace,
            "members": workspace.memberships.select_related("user").order_by("created_at"),
            "invitations": workspace.invitations.filter(accepted_at=None).order_by("-created_at"),
            "form": form,
            "roles": Role.choices,
            "roles_explained": ROLES_EXPLAINED,
            "may_manage": may(request, workspace, Action.MANAGE),
            "base_url": request.build_absolute_uri("/")[:-1],
        },
    )


@require_http_methods(["GET", "POST"])
def workspace(request: Request, slug: str) -> HttpResponse:
    """The name of a workspace and its share of the machine."""
    action = Action.MANAGE if request.method == "POST" else Action.VIEW
    found = fetch(request, Workspace.objects.all(), action, slug=slug)
    form = WorkspaceForm(request.POST or None, instance=Workspace(pk=found.pk), initial=model_to_dict(found))
    if form.is_valid():
        values = {name: form.cleaned_data[name] for name in form.fields}
        actions.change_workspace(workspace=found, **values)
        messages.success(request, "Saved.")
        return redirect("accounts:workspace", slug)
    context = {
        "workspace": found,
        "form": form,
        "may_manage": may(request, found, Action.MANAGE),
        "places": settings.MAX_RUNNING_JOBS,
        "place": "workspace",
    }
    return render(request, "accounts/workspace.html", context, status=422 if form.errors else 200)


@require_POST
def member_role(request: HttpRequest, pk: int) -> HttpResponse:
    membership = fetch(request, Membership.objects.all(), Action.MANAGE, pk=pk)
    form = RoleForm(request.POST)
    try:
        if form.is_valid():
            actions.change_role(membership=membership, role=form.cleaned_data["role"])
            messages.success(request, f"{membership.user} is now {membership.get_role_display().lower()}.")
        else:
            messages.error(request, "There is no such role.")
    except SpecError as error:
        messages.error(request, str(error))
    return redirect("accounts:people", membership.workspace.slug)


@require_POST
def member_remove(request: HttpRequest, pk: int) -> HttpResponse:
    membership = fetch(request, Membership.objects.select_related("workspace", "user"), Action.MANAGE, pk=pk)
    try:
        actions.remove_member(membership=membership)
        messages.success(request, f"{membership.user} no longer belongs to this workspace.")
    except SpecError as error:
        messages.error(request, str(error))
    return redirect("accounts:people", membership.workspace.slug)


@require_POST
def invitation_withdraw(request: HttpRequest, pk: int) -> HttpResponse:
    found = fetch(request, Invitation.objects.select_related("workspace"), Action.MANAGE, pk=pk)
    slug = found.workspace.slug
    found.delete()
    messages.success(request, "The invitation has been withdrawn; its link no longer works.")
    return redirect("accounts:people", slug)


@login_not_required
def expired(request: HttpRequest, reason: str = "") -> HttpResponse:
    """A form whose page was open over a sign-out or sign-in. What was typed is kept in the browser."""
    return render(request, "accounts/expired.html", {"reason": reason}, status=403)
