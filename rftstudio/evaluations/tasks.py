"""The task that follows up on trainings: each that succeeded is compared once."""

import logging

from celery import shared_task

from rftstudio.evaluations.actions import compare_once
from rftstudio.runs.jobs import Status
from rftstudio.runs.models import Run

log = logging.getLogger(__name__)


@shared_task(name="evaluations.compare_finished", expires=30)
def compare_finished() -> int:
    """Every ten seconds, and when a job has ended. Returns how many comparisons it made."""
    waiting = Run.objects.filter(status=Status.SUCCEEDED, tuned_model__isnull=False, comparisons=None)
    made = 0
    for run in waiting.order_by("pk")[:50]:
        try:
            made += compare_once(run=run) is not None
        except Exception:
            log.exception("Run %s could not be compared; the next look tries again.", run.pk)
    return made
