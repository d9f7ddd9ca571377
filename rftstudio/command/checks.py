"""`./studio test`: every check of the project, one after another; all of them run even when one fails."""

import contextlib
import os
import subprocess
import tempfile
import time
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from rftstudio.command.environment import PYTHON, VENV, make_environment, system_package
from rftstudio.command.place import Place
from rftstudio.command.postgres import postgres
from rftstudio.command.terminal import BOLD, GREEN, RED, ROOT, paint, say
from rftstudio.command.up import fetch_embedding, fetch_model

PYTEST: list[str] = [PYTHON, "-m", "pytest"]
ROOMS = ("accounts", "evaluations", "graders", "home", "registry", "runs", "tasksets")
# Not repeated on PostgreSQL: who may see what, and what forms and readers make of text, is the same on any database.
SAME_ANYWHERE = (
    "tests/accounts/test_access.py",
    "tests/graders/test_access.py",
    "tests/graders/test_forms.py",
    "tests/graders/test_manual.py",
    "tests/tasksets/test_answers.py",
    "tests/tasksets/test_reader.py",
)
# Two tests at a time, with one thread each for the libraries that would take every core for themselves.
ONE_THREAD = {"OMP_NUM_THREADS": "1"}
OWN = (
    "ALLOWED_HOSTS",
    "BROKER_URL",
    "DEBUG",
    "HTTPS",
    "SECRETS_KEY",
    "SECRET_KEY",
)  # not to be taken from whoever runs the tests


class Stage(NamedTuple):
    """A check: its name, its command, and what it has in its environment besides."""

    title: str
    command: Sequence[str]
    env: Mapping[str, str] = {}


def stages(fast: bool, database: str) -> list[Stage]:
    """The checks in the order in which they run; the quick ones without browser and training when `fast`.

    database: the address of a PostgreSQL server on which the tests of the rooms run once more.
    """
    programs = VENV / "bin"
    templates = sorted(str(path) for path in (ROOT / "templates").rglob("*.html"))
    deploy = [PYTHON, "manage.py", "check", "--deploy", "--fail-level", "WARNING"]
    rooms = [f"tests/{room}" for room in ROOMS if (ROOT / "tests" / room).is_dir()]
    quick = [*PYTEST, "-n", "2", "-m", "not browser and not slow and not training"]
    by_file = [
        *PYTEST,
        "-n",
        "2",
        "--dist",
        "loadfile",
        "--durations",
        "12",
    ]  # these wait half of the time; each file has its own processes
    slow = "(slow or training) and not browser"
    found = [
        Stage("style", [PYTHON, "-m", "ruff", "check"]),
        Stage("formatting", [PYTHON, "-m", "ruff", "format", "--check"]),
        Stage("types", [PYTHON, "-m", "mypy"]),
        Stage("imports", [f"{programs}/lint-imports", "--no-logo", "--no-cache"]),
        Stage("template formatting", [f"{programs}/djade", "--check", *templates]),
        Stage("template lint", [PYTHON, "-m", "djlint", "--lint", "--quiet", "templates"]),
        Stage("migrations", [PYTHON, "manage.py", "makemigrations", "--check", "--dry-run"]),
        Stage("deployment settings", deploy, {"HTTPS": "1"}),
        Stage("unit and integration tests", quick, ONE_THREAD),
    ]
    if not fast:
        found += [
            Stage(
                "the rooms on PostgreSQL",
                [*quick, *rooms, *(f"--ignore={path}" for path in SAME_ANYWHERE)],
                {**ONE_THREAD, "RFT_TEST_DATABASE_URL": database},
            ),
            Stage(
                "browser tests",
                [*by_file, "--no-loadscope-reorder", "-m", "browser"],
                {"DJANGO_ALLOW_ASYNC_UNSAFE": "true"},
            ),
            Stage("slow and training tests", [*by_file, "--no-loadscope-reorder", "-m", slow]),
        ]
    return found


def run_checks(arguments: Sequence[str]) -> int:
    """All checks; with `--fast` the quick ones; with any other arguments only pytest. Returns the exit status."""
    make_environment("dev")
    given = [argument for argument in arguments if argument != "--fast"]
    env = {key: value for key, value in os.environ.items() if key not in OWN}
    env["PYTHONUNBUFFERED"] = "1"
    if "--fast" not in arguments:
        env.setdefault("RFT_TEST_MODEL", embedded_model())
        env.setdefault("RFT_TEST_EMBEDDING", sentence_model())
    with tempfile.TemporaryDirectory(prefix="studio-test-") as scratch:
        env["DATA_DIR"] = scratch
        if given:
            return _run([*PYTEST, *given], env)
        fast = "--fast" in arguments
        if not fast:
            system_package("chromium", "The browser tests", ["chromium", "chromium-browser", "google-chrome"])
            system_package("postgresql", "The PostgreSQL tests", ["initdb"], "usr/lib/postgresql/*/bin/initdb")
        results = []
        with contextlib.nullcontext("") if fast else postgres() as database:
            for stage in stages(fast, database):
                say(f"\n{paint(f'== {stage.title}', BOLD)}")
                begun = time.monotonic()
                code = _run(stage.command, {**env, **stage.env})
                results.append((stage, code, time.monotonic() - begun))
    say(f"\n{paint('== summary', BOLD)}")
    for stage, code, seconds in results:
        say(f"  {paint('FAILED', RED) if code else paint('passed', GREEN)}  {seconds:7.1f} s  {stage.title}")
    return 1 if any(code for _, code, _ in results) else 0


def embedded_model() -> str:
    """The directory of the embedded model, made under DATA_DIR where it is missing."""
    place = Place()
    fetch_model(place)
    code = "import sys, pathlib; from rftstudio.engine.inference import embedded as e; "
    code += "print(e.location(pathlib.Path(sys.argv[1])))"
    return subprocess.check_output([PYTHON, "-c", code, str(place.data)], cwd=ROOT, text=True).strip()


def sentence_model() -> str:
    """The directory of the sentence model, fetched under DATA_DIR where it is missing."""
    place = Place()
    place.env.pop("EMBEDDING_MODEL", None)
    fetch_embedding(place)
    code = "import sys, pathlib; from rftstudio.engine.grading.embedding import __main__ as e; "
    code += "print(e.location(pathlib.Path(sys.argv[1])))"
    return subprocess.check_output([PYTHON, "-c", code, str(place.data)], cwd=ROOT, text=True).strip()


def _run(command: Sequence[str], env: Mapping[str, str]) -> int:
    return subprocess.call(command, cwd=ROOT, env=env)
