"""`manage.py supervise runs.run 7 --nonce …`: the process that looks after one job. Started by `runs/spawn.py`."""

from importlib import import_module
from typing import Any

from django.apps import apps
from django.core.management.base import BaseCommand, CommandError, CommandParser

from rftstudio.runs.jobs import EngineJob
from rftstudio.runs.supervisor import Supervisor


class Command(BaseCommand):
    help = "Looks after one running job until it ends. Started by the studio itself."
    requires_system_checks = ()  # a supervisor starts in half a second and imports no page

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("model", help="runs.run, evaluations.comparison or evaluations.readiness")
        parser.add_argument("pk", type=int)
        parser.add_argument("--nonce", required=True, help="what the row names as its supervisor")

    def handle(self, *args: Any, model: str, pk: int, nonce: str, **options: Any) -> None:
        try:
            found = apps.get_model(model)
        except (LookupError, ValueError) as error:
            raise CommandError(f"There is no job called {model}. {error}") from error
        if not issubclass(found, EngineJob):
            raise CommandError(f"{model} is not a job.")
        for part in found.parts:  # now, so that an update in the middle of a run cannot mix old code and new
            import_module(f"{found._meta.app_config.name}.{part}")
        Supervisor(found, pk, nonce).run()
