"""What the studio adds to a training: seconds from launch to the first point, and overhead on the bare engine's loop.

    python -m tests.bench.studio [--steps 12] [--json]

Launches the clinic sample as the launch page does, in a data directory of its own, under a real supervisor. Overhead is
measured twice: by processor time, what the supervisor takes while the engine trains; and by the clock, what of the
engine's steps is none of sampling, grading, training and evaluation, that is, its records and checkpoints.
Targets: the first point within 20 s, 2 %. The way of a launch through the broker is not in it.
"""

import argparse
import json
import os
import tempfile
import time
from pathlib import Path
from typing import Any

import psutil

FIRST_POINT_TARGET = 20.0
OVERHEAD_TARGET = 0.02
LOOK = 0.05


def prepare(folder: Path) -> None:
    os.environ.update(DATA_DIR=str(folder), DJANGO_SETTINGS_MODULE="rftstudio.settings", BROKER_URL="memory://")
    os.environ.pop("DATABASE_URL", None)
    import django
    from django.conf import settings
    from django.core.management import call_command

    settings.CELERY_TASK_ALWAYS_EAGER = True
    django.setup()
    call_command("migrate", verbosity=0)


def launch(model: Path, steps: int) -> Any:
    from rftstudio.accounts.models import Workspace
    from rftstudio.graders.actions import publish_tested
    from rftstudio.graders.models import Grader
    from rftstudio.home.samples import open_sample
    from rftstudio.registry.actions import register_local
    from rftstudio.runs import queue
    from rftstudio.runs.actions import launch_run
    from rftstudio.tasksets.actions import publish_version

    workspace = Workspace.objects.create(name="Bench", slug="bench")
    taskset = open_sample(workspace=workspace, slug="clinic-inbox", by=None)
    grader = Grader.objects.used_by(taskset)
    run = launch_run(
        taskset_version=publish_version(taskset=taskset, by=None),
        grader_version=publish_tested(grader=grader, by=None),
        base_model=register_local(name="embedded", directory=model),
        preset="quick",
        settings={"steps": steps, "eval_interval": steps},
        seed=0,
        by=None,
    )
    queue.start_waiting()
    return run


def processes(run: Any) -> dict[str, psutil.Process]:
    """The supervisor and the engine's process, as far as they live."""
    found = {}
    for process in psutil.process_iter():
        try:
            words = process.cmdline()
        except psutil.Error:
            continue
        if "supervise" in words and run.supervisor in words:
            found["supervisor"] = process
        if "rftstudio.engine.training" in words and str(run.directory) in words:
            found["engine"] = process
    return found


def spent(process: psutil.Process) -> float:
    """Processor seconds."""
    times = process.cpu_times()
    return float(times.user + times.system)


def measure(model: Path, steps: int) -> dict[str, Any]:
    began = time.monotonic()
    run = launch(model, steps)
    run.refresh_from_db()
    reported = run.events.filter(type="metrics")
    while not reported.exists():
        time.sleep(LOOK)
    first = time.monotonic() - began
    both = processes(run)
    at = {name: spent(process) for name, process in both.items()}
    since = time.monotonic()
    taken: dict[str, float] = {}
    seen = since
    while run.is_open:
        for name, process in both.items():
            try:
                taken[name] = spent(process) - at[name]
                seen = time.monotonic()
            except psutil.Error:
                continue
        time.sleep(LOOK)
        run.refresh_from_db()
    if run.status != "succeeded":
        raise SystemExit(f"The training ended as {run.status}. {run.error}")
    timings = [event.data["timing"] for event in reported.filter(step__gt=0)]
    total = sum(row["step"] for row in timings)
    named = sum(row[part] for row in timings for part in ("sampling", "grading", "training", "evaluation"))
    return {
        "first_point_s": round(first, 2),
        "steps": len(timings),
        "step_s": round(total / len(timings), 3),
        "supervisor_share_of_engine": round(taken["supervisor"] / taken["engine"], 4),
        "supervisor_share_of_a_core": round(taken["supervisor"] / (seen - since), 4),
        "records_share_of_steps": round(1 - named / total, 4),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--steps", type=int, default=12)
    parser.add_argument("--model", type=Path, help="a model directory (default: the embedded model)")
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    from tests.engine.models import embedded_model

    model = given.model or embedded_model()
    with tempfile.TemporaryDirectory() as folder:
        prepare(Path(folder))
        result = measure(model.resolve(), given.steps)
    overhead = result["supervisor_share_of_engine"] + result["records_share_of_steps"]
    result["overhead"] = round(overhead, 4)
    result["reached"] = result["first_point_s"] <= FIRST_POINT_TARGET and overhead <= OVERHEAD_TARGET
    if given.json:
        print(json.dumps(result))
        return
    for name, value in result.items():
        print(f"{name:28} {value}")


if __name__ == "__main__":
    main()
