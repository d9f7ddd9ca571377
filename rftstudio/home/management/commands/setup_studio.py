"""Make a fresh install ready: embedded model registered, first operator, first workspace, sample projects.

Safe to run at every start: what is there is left alone.
"""

import argparse
from contextlib import suppress

from django.core.management.base import BaseCommand, CommandError

from rftstudio.accounts.actions import create_first_operator, create_workspace
from rftstudio.accounts.models import User, Workspace
from rftstudio.engine.errors import EngineError, SpecError
from rftstudio.home.samples import open_sample, shipped_samples
from rftstudio.registry.actions import register_embedded


class Command(BaseCommand):
    help = __doc__

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("--base-url", default="http://127.0.0.1:8000", help="what the sign-in link starts with")

    def handle(self, *args: object, base_url: str, **options: object) -> None:
        try:
            with suppress(SpecError):  # fetched at a later start: the pages work without it, and launching asks again
                register_embedded()
            link = create_first_operator()
            operator = User.objects.filter(is_superuser=True).order_by("pk").first()
            if operator is not None and not Workspace.objects.exists():
                workspace = create_workspace(name="My workspace", owner=operator)
                for sample in reversed(shipped_samples()):  # the newest comes first on the page
                    open_sample(workspace=workspace, slug=sample.slug, by=operator)
                    self.stdout.write(f"opened the sample “{sample.name}”")
        except EngineError as error:
            raise CommandError(str(error)) from error
        if link is not None:
            self.stdout.write(f"sign-in link (works once): {base_url.rstrip('/')}/welcome/{link.token}/")
