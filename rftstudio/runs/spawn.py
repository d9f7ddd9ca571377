"""Starts the supervisor of a job as a process that belongs to nobody: it outlives the worker that asked for it."""

from rftstudio.lib.detached import start_detached
from rftstudio.runs.jobs import EngineJob


def start_supervisor(job: EngineJob) -> None:
    """Start `manage.py supervise` for a row whose `supervisor` nonce is set already; returns at once."""
    arguments = ("supervise", job.label, str(job.pk), "--nonce", job.supervisor)
    start_detached(*arguments, output="supervisors.log")
