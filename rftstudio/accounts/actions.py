"""What people and owners do: workspaces, invitations, roles, one-time links."""

from django.db import transaction
from django.utils import timezone
from django.utils.text import slugify

from rftstudio.accounts.models import Invitation, Membership, Role, SignInLink, User, Workspace
from rftstudio.engine.errors import SpecError


def create_workspace(*, name: str, owner: User) -> Workspace:
    """A workspace with its first owner. The slug is made unique by a number."""
    stem = slugify(name)[:50] or "workspace"
    slug, number = stem, 1
    while Workspace.objects.filter(slug=slug).exists():
        number += 1
        slug = f"{stem}-{number}"
    with transaction.atomic():
        workspace = Workspace.objects.create(name=name, slug=slug)
        Membership.objects.create(workspace=workspace, user=owner, role=Role.OWNER)
    return workspace


def create_first_operator(*, email: str = "operator@localhost.localdomain") -> SignInLink | None:
    """The install's first person, with a link that signs them in once. None once somebody has signed in.

    Called at every start: while nobody has signed in, the unused link is given again.
    """
    if User.objects.exclude(last_login=None).exists():
        return None
    operator = User.objects.filter(is_superuser=True).order_by("pk").first()
    if operator is None:
        operator = User.objects.create_superuser(username=email, email=email, first_name="Operator")
        operator.set_unusable_password()
        operator.save(update_fields=["password"])
    link = operator.sign_in_links.filter(used_at=None).first()
    return link or SignInLink.objects.create(user=operator)


def use_sign_in_link(*, token: str) -> User | None:
    """The person a link signs in; None when it is unknown or used. A link works once."""
    link = SignInLink.objects.select_related("user").filter(token=token).first()
    if link is None:
        return None
    taken = SignInLink.objects.filter(pk=link.pk, used_at=None).update(used_at=timezone.now())
    return link.user if taken else None


def change_workspace(*, workspace: Workspace, name: str, max_running: int, max_waiting: int) -> Workspace:
    """Its name and its share of the machine. What runs or waits already is left alone."""
    workspace.name, workspace.max_running, workspace.max_waiting = name, max_running, max_waiting
    workspace.save(update_fields=["name", "max_running", "max_waiting"])
    return workspace


def invite(*, workspace: Workspace, by: User, role: str, email: str = "") -> Invitation:
    return Invitation.objects.create(workspace=workspace, invited_by=by, role=role, email=email)


def accept_invitation(*, invitation: Invitation, user: User) -> Membership:
    """Join with the invitation's role. Raises `SpecError` when it was used or has run out."""
    with transaction.atomic():
        taken = Invitation.objects.filter(pk=invitation.pk, accepted_at=None, expires_at__gt=timezone.now()).update(
            accepted_at=timezone.now(), accepted_by=user
        )
        if not taken:
            raise SpecError("This invitation has been used or has run out.", fix="Ask for a new one.")
        membership, _ = Membership.objects.get_or_create(
            workspace=invitation.workspace, user=user, defaults={"role": invitation.role}
        )
    return membership


def _require_another_owner(membership: Membership) -> None:
    others = membership.workspace.memberships.filter(role=Role.OWNER).exclude(pk=membership.pk)
    if membership.role == Role.OWNER and not others.exists():
        raise SpecError("A workspace needs an owner.", fix="Make somebody else an owner first.")


def change_role(*, membership: Membership, role: str) -> Membership:
    """Raises `SpecError` when the last owner would step down."""
    with transaction.atomic():
        if role != Role.OWNER:
            _require_another_owner(membership)
        membership.role = role
        membership.save(update_fields=["role"])
    return membership


def remove_member(*, membership: Membership) -> None:
    """Raises `SpecError` for the last owner."""
    with transaction.atomic():
        _require_another_owner(membership)
        membership.delete()


def create_person(*, name: str, email: str, password: str) -> User:
    return User.objects.create_user(username=email, email=email, password=password, first_name=name)


def choose_password(*, user: User, password: str) -> bool:
    """The first one. False where there is one already, which is kept."""
    if user.has_usable_password():
        return False
    user.set_password(password)
    user.save(update_fields=["password"])
    return True


def change_profile(*, user: User, name: str, email: str, password: str = "") -> User:
    """An empty password keeps the one there is."""
    user.first_name, user.last_name, user.email, user.username = name, "", email, email
    if password:
        user.set_password(password)
    user.save()
    return user
