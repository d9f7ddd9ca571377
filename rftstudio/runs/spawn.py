"""Starts the supervisor of a job as a process that belongs to nobody: it outlives the worker that asked for it."""

import logging
import os
import subprocess
import sys
from pathlib import Path

from django.conf import settings

from rftstudio.runs.jobs import EngineJob

log = logging.getLogger(__name__)


def start_supervisor(job: EngineJob) -> None:
    """Start `manage.py supervise` for a row whose `supervisor` nonce is set already; returns at once.

    A failure is logged and left to the next look round: the row's heart does not beat.
    """
    output = Path(settings.JOBS_DIR) / "supervisors.log"
    command = [
        sys.executable, str(Path(settings.BASE_DIR) / "manage.py"),
        "supervise", job.label, str(job.pk), "--nonce", job.supervisor,
    ]  # fmt: skip
    try:
        output.parent.mkdir(parents=True, exist_ok=True)
        with output.open("ab") as file:
            # The shell ends at once, so that the supervisor is nobody's child and leaves no zombie in the worker.
            subprocess.run(
                ["/bin/sh", "-c", '"$@" &', "sh", *command],
                cwd=settings.BASE_DIR,
                env=dict(os.environ),
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                check=True,
            )
    except (OSError, subprocess.SubprocessError):
        log.exception("The supervisor of %s %s could not be started.", job.label, job.pk)
