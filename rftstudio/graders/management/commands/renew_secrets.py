"""`manage.py renew_secrets`: encrypt every stored secret under the first SECRETS_KEY, so that older ones can go."""

from django.core.management.base import BaseCommand, CommandError

from rftstudio.engine.errors import SystemFault
from rftstudio.graders.judges.actions import renew_keys


class Command(BaseCommand):
    help = "Encrypt stored secrets under the first of the keys in SECRETS_KEY."

    def handle(self, *args: object, **options: object) -> None:
        try:
            count = renew_keys()
        except SystemFault as fault:
            raise CommandError(str(fault)) from None
        self.stdout.write(f"{count} stored secret{'' if count == 1 else 's'} renewed. Older keys can go now.")
