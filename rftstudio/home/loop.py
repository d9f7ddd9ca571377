"""The whole loop without a browser: publish, train, compare, through the actions that the pages use.

It waits for the jobs and starts them itself where no worker does; a running worker may start them just as well.
"""

import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from django.conf import settings

from rftstudio.accounts.models import User, Workspace
from rftstudio.engine.errors import EngineError, SystemFault
from rftstudio.engine.presets import PRESETS
from rftstudio.evaluations.actions import compare_once
from rftstudio.evaluations.models import Comparison
from rftstudio.graders.actions import publish_tested
from rftstudio.graders.models import Grader
from rftstudio.home.samples import open_sample
from rftstudio.registry.actions import register_embedded
from rftstudio.registry.models import BaseModel
from rftstudio.runs import queue
from rftstudio.runs.actions import cancel_job, launch_run
from rftstudio.runs.jobs import EngineJob, Status
from rftstudio.runs.models import Run
from rftstudio.samples import load_sample
from rftstudio.tasksets.actions import publish_version

Say = Callable[[str], None]
LOOK = 0.5  # seconds between looks at a row
WAKE = 3.0  # seconds between looks at the line of waiting jobs


@dataclass(frozen=True, slots=True)
class Outcome:
    """Mean rewards on the unseen items, the paired difference with its 95 % interval, seconds from start to end."""

    base_reward: float
    tuned_reward: float
    difference: float
    ci_low: float | None
    ci_high: float | None
    n_items: int
    seconds: float
    run_id: int

    def to_json(self) -> dict[str, Any]:
        return {name: round(value, 4) if isinstance(value, float) else value for name, value in asdict(self).items()}


def run_loop(
    *,
    workspace: Workspace,
    project: str,
    preset: str = "",
    seed: int = 0,
    by: User | None = None,
    base_model: BaseModel | None = None,
    changes: dict[str, Any] | None = None,
    say: Say,
) -> Outcome:
    """Publish, train and compare a sample project. preset: the sample's own where empty; changes: settings beside it.

    Raises `LookupError` for an unknown project, `EngineError` with a sentence for everything else that goes wrong.
    """
    sample = load_sample(project)
    preset = preset or sample.preset
    started = time.monotonic()
    model = base_model or embedded_model(say)
    taskset = open_sample(workspace=workspace, slug=project, by=by)
    version = publish_version(taskset=taskset, by=by)
    grader = Grader.objects.used_by(taskset)
    if grader is None:
        raise SystemFault(f"{taskset} has no grader in use.")
    grader_version = publish_tested(grader=grader, by=by)
    counts = ", ".join(f"{number} {split}" for split, number in version.counts.items())
    say(f"published {version} ({counts}) and {grader_version}")
    run = launch_run(
        taskset_version=version,
        grader_version=grader_version,
        base_model=model,
        preset=preset,
        settings=changes or {},
        seed=seed,
        by=by,
    )
    say(f"training {run.pk}: {PRESETS[preset].label.lower()}, {run.settings['steps']} steps, on {model}")
    follow(run, tell_run(run, say))
    comparison = compare_once(run=run) or run.comparisons.filter(against=None).order_by("pk").first()
    if comparison is None:
        raise SystemFault("The training kept no model, so there is nothing to compare.")
    say("base and tuned answer the unseen tasks")
    follow(comparison, tell_comparison(comparison, say))
    return outcome(run, comparison, time.monotonic() - started)


def outcome(run: Run, comparison: Comparison, seconds: float) -> Outcome:
    """Raises `SystemFault` where nothing has a score."""
    summary = comparison.summary
    if "difference" not in summary:
        raise SystemFault("No unseen task has a score from both models. Its comparison page says why.")
    return Outcome(
        base_reward=summary["base"],
        tuned_reward=summary["tuned"],
        difference=summary["difference"],
        ci_low=summary["low"],
        ci_high=summary["high"],
        n_items=summary["n"],
        seconds=seconds,
        run_id=run.pk,
    )


def embedded_model(say: Say) -> BaseModel:
    """The model that ships with the default install, fetched and converted where it is missing."""
    try:
        return register_embedded()
    except EngineError:
        say("fetching the embedded model, once")
    command = [sys.executable, "-m", "rftstudio.engine.inference.embedded", str(settings.DATA_DIR)]
    done = subprocess.run(
        command, cwd=settings.BASE_DIR, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, check=False
    )
    if done.returncode:
        raise SystemFault((done.stderr.strip() or "The embedded model could not be made.").splitlines()[-1])
    return register_embedded()


def follow(job: EngineJob, tell: Callable[[], None]) -> None:
    """Wait for the end of a job, starting what waits. Raises `SystemFault` unless it succeeded.

    Interrupted (Ctrl-C), it asks the job to stop and raises `KeyboardInterrupt` once that is written down.
    """
    woken = 0.0
    try:
        while job.is_open:
            if time.monotonic() - woken > WAKE:
                queue.take_over_lost()
                queue.start_waiting()
                woken = time.monotonic()
            time.sleep(LOOK)
            job.refresh_from_db()
            tell()
    except KeyboardInterrupt:
        cancel_job(job=job, by=None)
        raise
    if job.status != Status.SUCCEEDED:
        log = Path(job.directory) / "log.txt"
        sentence = job.error or f"It was {job.get_status_display().lower()}."
        raise SystemFault(
            f"{str(job._meta.verbose_name).capitalize()} {job.pk} did not succeed. {sentence} Its log: {log}"
        )


def tell_run(run: Run, say: Say) -> Callable[[], None]:
    """Says each step's rewards once, as they come in."""
    told = -1

    def tell() -> None:
        nonlocal told
        for event in run.events.filter(type="metrics", step__gt=told).order_by("seq"):
            told = event.step or 0
            data = event.data
            train, valid = data.get("train_reward_mean"), data.get("valid_reward_mean")
            words = [f"step {told} of {data.get('total_steps')}"]
            words += [f"training reward {train:.2f}"] if train is not None else []
            words += [f"validation reward {valid:.2f}"] if valid is not None else []
            if valid is not None or told % 10 == 0:
                say(", ".join(words))

    return tell


def tell_comparison(comparison: Comparison, say: Say) -> Callable[[], None]:
    """Says how many answers there are whenever a quarter more is done."""
    told = 0

    def tell() -> None:
        nonlocal told
        done, total = comparison.progress.get("done", 0), comparison.progress.get("total", 0)
        if total and 4 * done // total > told:
            told = 4 * done // total
            say(f"{done} of {total} answers")

    return tell
