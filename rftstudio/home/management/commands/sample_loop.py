"""Publish, train and compare a sample project without a browser, through the same actions as the pages.

Progress goes to stderr. With --json stdout holds exactly one JSON object: base_reward, tuned_reward, difference,
ci_low, ci_high (95 %), n_items, seconds, run_id. Needs no web server and no worker. Exit status: 0, or 1 with a
sentence on stderr (2 where an option is wrong, 130 when interrupted).
"""

import argparse
import io
import json
import logging
import signal
import sys
import time
from typing import Any

from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError
from django.db import connection
from django.db.migrations.executor import MigrationExecutor

from rftstudio.accounts.models import User, Workspace
from rftstudio.engine.errors import EngineError, SpecError
from rftstudio.engine.presets import PRESETS
from rftstudio.evaluations.words import difference
from rftstudio.home.loop import Outcome, embedded_model, run_loop
from rftstudio.lib.rounding import together
from rftstudio.samples import load_sample


class Command(BaseCommand):
    help = __doc__

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.formatter_class = argparse.RawDescriptionHelpFormatter
        parser.add_argument("--project", default="clinic-inbox", help="slug of the sample (default: clinic-inbox)")
        parser.add_argument("--preset", default="", help=f"{', '.join(PRESETS)} (default: the sample's own)")
        parser.add_argument("--seed", type=int, default=0, help="of training and comparison (default: 0)")
        parser.add_argument("--workspace", default="", help="slug of the workspace (default: the first one)")
        parser.add_argument(
            "--set",
            action="append",
            default=[],
            metavar="NAME=VALUE",
            dest="changes",
            help="a setting beside the preset",
        )
        parser.add_argument("--json", action="store_true", dest="as_json", help="print one JSON object")

    def handle(
        self,
        *args: object,
        project: str,
        preset: str,
        seed: int,
        workspace: str,
        changes: list[str],
        as_json: bool,
        **options: Any,
    ) -> None:
        signal.signal(signal.SIGTERM, signal.default_int_handler)
        logging.getLogger("rftstudio.runs.queue").setLevel(logging.ERROR)  # a broker that is away is no news here
        self._started = time.monotonic()
        try:
            load_sample(project)
            given = read_changes(changes)
            if preset and preset not in PRESETS:
                raise LookupError(f"There is no preset {preset!r}. Use one of: {', '.join(PRESETS)}.")
        except (LookupError, SpecError) as error:
            raise CommandError(str(error.args[0] if isinstance(error, LookupError) else error), returncode=2) from error
        try:
            place, by = self._prepare(workspace)
            found = run_loop(
                workspace=place, project=project, preset=preset, seed=seed, by=by, changes=given, say=self._say
            )
        except SpecError as error:
            raise CommandError(str(error), returncode=2) from error
        except EngineError as error:
            raise CommandError(str(error)) from error
        except KeyboardInterrupt:
            self._say("stopped; what was under way ends after its step")
            sys.exit(130)
        self.stdout.write(json.dumps(found.to_json()) if as_json else sentence(found))

    def _prepare(self, slug: str) -> tuple[Workspace, User | None]:
        """Tables, embedded model, operator and workspace, each where it is missing."""
        executor = MigrationExecutor(connection)
        if executor.migration_plan(executor.loader.graph.leaf_nodes()):
            self._say("preparing the database")
            call_command("migrate", verbosity=0, interactive=False)
        embedded_model(self._say)
        if slug:
            named = Workspace.objects.filter(slug=slug).first()
            if named is None:
                raise SpecError(f"There is no workspace {slug!r}.", path="--workspace", fix="Name another one.")
            return named, None
        if not Workspace.objects.exists():
            call_command("setup_studio", stdout=io.StringIO())  # its sign-in link belongs in no log
        operator = User.objects.filter(is_superuser=True).order_by("pk").first()
        mine = Workspace.objects.for_user(operator).order_by("pk").first() if operator else None
        return mine or Workspace.objects.order_by("pk")[0], operator

    def _say(self, line: str) -> None:
        seconds = round(time.monotonic() - self._started)
        self.stderr.write(f"{seconds // 60:d}:{seconds % 60:02d}  {line}", style_func=str)
        self.stderr.flush()


def read_changes(changes: list[str]) -> dict[str, str]:
    """`name=value` pairs. Raises `SpecError`."""
    pairs = [change.partition("=") for change in changes]
    for name, equals, _ in pairs:
        if not name or not equals:
            raise SpecError(f"{name!r} is not NAME=VALUE.", path="--set", fix="Write it like --set steps=40.")
    return {name: value for name, _, value in pairs}


def sentence(found: Outcome) -> str:
    shown = together(found.base_reward, found.tuned_reward)
    row = {
        "n": found.n_items,
        "base": found.base_reward,
        "tuned": found.tuned_reward,
        "low": found.ci_low,
        "high": found.ci_high,
    }
    return (
        f"On {found.n_items} unseen tasks the tuned model scores {shown.after} against {shown.before}, "
        f"{difference(row)}."
    )
