"""`manage.py renew_secrets`: encrypt every stored secret under the first SECRETS_KEY, so that older ones can go."""

from django.core.management.base import BaseCommand, CommandError
from django.db import transaction

from rftstudio.engine.errors import SystemFault
from rftstudio.graders.judges.actions import renew_keys
from rftstudio.graders.secrets.actions import renew_secrets
from rftstudio.registry.hub_token import renew_tokens


class Command(BaseCommand):
    help = "Encrypt stored secrets under the first of the keys in SECRETS_KEY."

    def handle(self, *args: object, **options: object) -> None:
        try:
            with transaction.atomic():
                count = renew_keys() + renew_secrets() + renew_tokens()
        except SystemFault as fault:
            raise CommandError(str(fault)) from None
        self.stdout.write(f"{count} stored secret{'' if count == 1 else 's'} renewed. Older keys can go now.")
