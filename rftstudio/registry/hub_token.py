"""A workspace's token for the hub: kept encrypted, replaced, forgotten, and in plain for one call."""

from django.db import transaction

from rftstudio.accounts.models import Workspace
from rftstudio.lib.secrets import decrypt, encrypt, renew
from rftstudio.registry.models import HubToken


def keep(*, workspace: Workspace, token: str) -> HubToken:
    """In place of the one there is."""
    kept, _ = HubToken.objects.update_or_create(workspace=workspace, defaults={"token": encrypt(token)})
    return kept


def forget(*, workspace: Workspace) -> None:
    HubToken.objects.filter(workspace=workspace).delete()


def is_set(workspace: Workspace) -> bool:
    return HubToken.objects.filter(workspace=workspace).exists()


def plain(workspace: Workspace) -> str:
    """Nothing where there is none. Raises `SystemFault` where it cannot be decrypted any more."""
    kept = HubToken.objects.filter(workspace=workspace).first()
    return decrypt(kept.token) if kept else ""


@transaction.atomic
def renew_tokens() -> int:
    """Encrypt every token under the first of the studio's keys; how many. Raises `SystemFault`: all or none."""
    kept = HubToken.objects.select_for_update()
    for row in kept:
        HubToken.objects.filter(pk=row.pk).update(token=renew(row.token))
    return len(kept)
