"""`manage.py bring_model 7`: fetches or reads one base model. Started by the studio itself."""

from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from rftstudio.registry.arrivals import bring


class Command(BaseCommand):
    help = "Brings one base model that somebody asked for. Started by the studio itself."
    requires_system_checks = ()

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("pk", type=int)

    def handle(self, *args: Any, pk: int, **options: Any) -> None:
        bring(pk=pk)
