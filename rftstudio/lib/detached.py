"""Starts a command of `manage.py` as a process that belongs to nobody: it outlives the worker that asked for it."""

import logging
import os
import subprocess
import sys
from pathlib import Path

from django.conf import settings

log = logging.getLogger(__name__)


def start_detached(*arguments: str, output: str) -> None:
    """Returns at once. output: a file under JOBS_DIR that gets what it says.

    A failure is logged and left to whoever looks round: the row's heart does not beat.
    """
    place = Path(settings.JOBS_DIR) / output
    command = [sys.executable, str(Path(settings.BASE_DIR) / "manage.py"), *arguments]
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        with place.open("ab") as file:
            # The shell ends at once, so that the process is nobody's child and leaves no zombie in the worker.
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
        log.exception("manage.py %s could not be started.", " ".join(arguments))
