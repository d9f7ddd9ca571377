"""What a job needs of its workspace at the moment it starts, and what must stand in no file: the keys of its judges."""

from rftstudio.accounts.access import workspace_of
from rftstudio.engine.errors import SpecError, SystemFault
from rftstudio.engine.grading.judges.endpoint import read_endpoints
from rftstudio.engine.job import read_job
from rftstudio.graders.judges import embedded
from rftstudio.graders.judges.grading import secrets_for
from rftstudio.runs.jobs import EngineJob

A_MOMENT = 2.0  # seconds


class NotYet(SystemFault):
    """Something that the job needs is being started. Ask again."""


def lend(job: EngineJob) -> dict[str, str]:
    """Variables for the job's process. Starts the embedded judge where the job asks it.

    Raises `NotYet` while that judge is starting: the supervisor's heart has to beat meanwhile.
    Raises `SpecError` where a judge has moved since the launch, `SystemFault` where a key cannot be read.
    """
    endpoints = read_endpoints(read_job(job.directory).judges)
    for endpoint in endpoints:
        if endpoint.weak and _weak_address() != endpoint.base_url:
            raise SpecError("The weak judge has moved since this was launched.", fix="Launch it again.")
    return secrets_for(workspace_of(job), endpoints)


def _weak_address() -> str:
    try:
        return embedded.ensure_running(wait=A_MOMENT)
    except embedded.StillStarting as still:
        raise NotYet(str(still)) from None
