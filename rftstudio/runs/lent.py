"""What a job needs of its workspace at the moment it starts, and what must stand in no file: the keys of its judges."""

from rftstudio.accounts.access import workspace_of
from rftstudio.engine.errors import SpecError
from rftstudio.engine.grading.judges.endpoint import read_endpoints
from rftstudio.engine.job import read_job
from rftstudio.graders.judges import embedded
from rftstudio.graders.judges.grading import secrets_for
from rftstudio.runs.jobs import EngineJob


def lend(job: EngineJob) -> dict[str, str]:
    """Variables for the job's process. Starts the embedded judge where the job asks it.

    Raises `SpecError` where a judge has moved since the launch, `SystemFault` where a key cannot be read.
    """
    endpoints = read_endpoints(read_job(job.directory).judges)
    for endpoint in endpoints:
        if endpoint.weak and embedded.ensure_running() != endpoint.base_url:
            raise SpecError("The weak judge has moved since this was launched.", fix="Launch it again.")
    return secrets_for(workspace_of(job), endpoints)
