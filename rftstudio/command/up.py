"""`./studio up` and `./studio dev`: from whatever is there to a running studio."""

import hashlib
import json
import os
import subprocess
import time

from rftstudio.command.environment import INSTALLED, PYTHON, make_environment
from rftstudio.command.place import GIGABYTE, Place, check_disk, check_port
from rftstudio.command.processes import Child, look_after
from rftstudio.command.terminal import BOLD, GREEN, ROOT, YELLOW, Refusal, paint, say, step

CYAN, MAGENTA = "36", "35"
# One worker process with threads holds the pages' polling at little memory; a larger install puts more behind a proxy.
WEB = (
    "-m gunicorn rftstudio.wsgi:application --worker-class gthread --workers 1 --threads 8 --keep-alive 10 "
    "--timeout 60 --graceful-timeout 5 --no-control-socket --log-level warning --bind"
)
WORKER = "-m celery -A rftstudio -q worker -B -c 2 -Q default -l INFO --without-gossip --without-mingle -s"


def up(debug: bool = False) -> None:
    """Installs what is missing, migrates, and keeps broker, web server and worker running until Ctrl-C.

    Raises Refusal, before anything is touched, when the disk is nearly full, the port is taken or DATA_DIR is in use.
    """
    begun = time.monotonic()
    place = Place()
    check_disk(place.data, 0.5 * GIGABYTE, "the studio")
    place.claim()
    check_port(place.host, place.port)
    say(paint("RFT Studio", BOLD))
    make_environment()
    fetch_model(place)
    fetch_embedding(place)
    if debug:
        place.env["DEBUG"] = "1"
    step("Database", [PYTHON, "manage.py", "migrate", "--no-input", "-v0"], place.env)
    if not debug:
        collect_static(place)
    setup = [PYTHON, "manage.py", "setup_studio", "--base-url", place.url]
    told = step("First account and sample projects", setup, place.env).strip()

    def welcome() -> str:
        lines = ["", paint(f"  Ready after {time.monotonic() - begun:.1f} s", GREEN), ""]
        lines += [
            f"  Open   {paint(place.url, '1;36')}",
            *(f"  {line[:1].upper()}{line[1:]}" for line in told.splitlines()),
        ]
        lines += [f"  Data   {place.data}", "  Stop   Ctrl-C (trainings under way go on in the background)", ""]
        return "\n".join(lines)

    children = services(place, debug)
    look_after(place, children, welcome, reloaded=[child for child in children if debug and child.name == "worker"])


def dev() -> None:
    """The same with debug pages; web server and worker start again when a source file changes."""
    up(debug=True)


def fetch_embedding(place: Place) -> None:
    """The sentence model of one measure of likeness, fetched once unless another is named."""
    if "EMBEDDING_MODEL" in place.env:
        return
    try:
        step("Sentence model", [PYTHON, "-m", "rftstudio.engine.grading.embedding", str(place.data)], place.env)
    except Refusal as refusal:
        say(f"  {paint('!', YELLOW)} {refusal}\n  Going on without it: likeness by meaning gives no scores.")


def fetch_model(place: Place) -> None:
    """The model that ships with the studio, fetched and converted once. The pages work without it."""
    try:
        step("Embedded model", [PYTHON, "-m", "rftstudio.engine.inference.embedded", str(place.data)], place.env)
    except Refusal as refusal:
        say(f"  {paint('!', YELLOW)} {refusal}\n  Going on without it: training waits for a model.")


def collect_static(place: Place) -> None:
    """Collects the static files when one of them, or a package, has changed since the last time."""
    files = sorted(path for path in (ROOT / "static").rglob("*") if path.is_file())
    facts = [f"{path} {path.stat().st_size} {path.stat().st_mtime_ns}" for path in files] + [INSTALLED.read_text()]
    now = hashlib.sha256("\n".join(facts).encode()).hexdigest()
    mark = place.data / "static" / ".collected"
    if not mark.exists() or mark.read_text() != now:
        step("Static files", [PYTHON, "manage.py", "collectstatic", "--no-input", "--clear", "-v0"], place.env)
        mark.write_text(now)


def services(place: Place, debug: bool) -> list[Child]:
    """The processes of the studio in the order in which they start; the broker first, where it is ours to run."""
    # SIGQUIT is Celery's soft shutdown: a task gets a moment to end, and goes back to the broker when it cannot.
    worker_env = {**place.env, "REMAP_SIGTERM": "SIGQUIT", "PYTHONWARNINGS": "ignore:You're running the worker with"}
    web = [PYTHON, "manage.py", "runserver", place.bind] if debug else [PYTHON, *WEB.split(), place.bind]
    worker = [PYTHON, *WORKER.split(), str(place.data / "celerybeat-schedule")]
    broker = broker_command(place)
    return [
        *([Child("broker", YELLOW, broker, place.env)] if broker else []),
        Child("web", CYAN, web, place.env),
        Child("worker", MAGENTA, worker, worker_env),
    ]


def broker_command(place: Place) -> list[str]:
    """The command that starts the broker; empty where BROKER_URL names one, or where files stand in for one."""
    code = (
        "import json, pathlib, sys; from rftstudio.lib.broker import find_broker; "
        "print(json.dumps(find_broker(pathlib.Path(sys.argv[1]), sys.argv[2] or None).command))"
    )
    command = [PYTHON, "-c", code, str(place.data), os.environ.get("BROKER_URL", "")]
    found: list[str] = json.loads(subprocess.check_output(command, cwd=ROOT))
    return found
