"""What a job needs of its workspace at the moment it starts, and what must stand in no file: keys and secrets."""

import os

from rftstudio.accounts.access import workspace_of
from rftstudio.engine.errors import SpecError, SystemFault
from rftstudio.engine.grading.judges.endpoint import read_endpoints
from rftstudio.engine.job import read_job
from rftstudio.engine.trackers import variables
from rftstudio.graders.judges import embedded
from rftstudio.graders.judges.grading import secrets_for
from rftstudio.graders.secrets.grading import secrets_of_job
from rftstudio.runs.jobs import EngineJob

A_MOMENT = 2.0  # seconds


class NotYet(SystemFault):
    """Something that the job needs is being started. Ask again."""


def lend(job: EngineJob) -> dict[str, str]:
    """Variables for the job's process. Starts the embedded judge where the job asks it.

    Raises `NotYet` while that judge is starting: the supervisor's heart has to beat meanwhile.
    Raises `SpecError` where a judge has moved since the launch or a secret is gone, `SystemFault` where one of them
    cannot be read.
    """
    written = read_job(job.directory)
    endpoints = read_endpoints(written.judges)
    for endpoint in endpoints:
        if endpoint.weak and _weak_address() != endpoint.base_url:
            raise SpecError("The weak judge has moved since this was launched.", fix="Launch it again.")
    workspace = workspace_of(job)
    secrets = secrets_of_job(workspace, written.grader, written.secrets)
    return {**variables(written.report_to, os.environ), **secrets_for(workspace, endpoints), **secrets}


def _weak_address() -> str:
    try:
        return embedded.ensure_running(wait=A_MOMENT)
    except embedded.StillStarting as still:
        raise NotYet(str(still)) from None
