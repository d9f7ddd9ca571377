"""What can be done to secrets: keep one, replace it, remove it. One goes in and never comes out again on a page."""

from django.db import IntegrityError, transaction

from rftstudio.accounts.models import User, Workspace
from rftstudio.engine.errors import SpecError
from rftstudio.graders.models import Secret
from rftstudio.lib.secrets import encrypt, renew


def add_secret(*, workspace: Workspace, by: User | None, name: str, origin: str, value: str) -> Secret:
    """Raises `SpecError` at "name" where there is one of this name."""
    taken = SpecError("There is a secret of this name already.", path="name", fix="Replace it, or choose another name.")
    if workspace.secrets.filter(name__iexact=name).exists():
        raise taken
    try:
        with transaction.atomic():
            return Secret.objects.create(
                workspace=workspace, name=name, origin=origin, token=encrypt(value), created_by=by
            )
    except IntegrityError:
        raise taken from None


def replace_secret(*, secret: Secret, origin: str, value: str) -> Secret:
    """Another value under the same name. The server changes only together with the value."""
    secret.origin, secret.token = origin, encrypt(value)
    secret.save(update_fields=["origin", "token", "updated_at"])
    return secret


def remove_secret(*, secret: Secret) -> None:
    """For good: graders that name it can be neither saved nor launched until there is one of this name again."""
    secret.delete()


@transaction.atomic
def renew_secrets() -> int:
    """Encrypt every secret under the first of the studio's keys; how many. Raises `SystemFault`: all or none."""
    secrets = Secret.objects.select_for_update()
    for secret in secrets:
        Secret.objects.filter(pk=secret.pk).update(token=renew(secret.token))
    return len(secrets)
