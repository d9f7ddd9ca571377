"""The task that follows up on trainings: each that succeeded is compared once with its base, and with its baseline."""

import logging
from collections.abc import Callable
from functools import partial

from celery import shared_task
from django.db.models import Exists, OuterRef

from rftstudio.evaluations.actions import compare_once, compare_pair_once
from rftstudio.evaluations.models import Comparison
from rftstudio.runs.jobs import Status
from rftstudio.runs.models import Run

log = logging.getLogger(__name__)


@shared_task(name="evaluations.compare_finished", expires=30)
def compare_finished() -> int:
    """Every ten seconds, and when a job has ended. Returns how many comparisons it made."""
    ready = Run.objects.filter(status=Status.SUCCEEDED, tuned_model__isnull=False)
    compared = Comparison.objects.filter(run=OuterRef("pk"), against=None)
    pair = Comparison.objects.filter(run=OuterRef("baseline_for"), against=OuterRef("pk"))
    baselines = ready.filter(baseline_for__status=Status.SUCCEEDED, baseline_for__tuned_model__isnull=False)
    made = 0
    for run in ready.exclude(Exists(compared)).order_by("pk")[:50]:
        made += _made(run, partial(compare_once, run=run))
    for run in baselines.exclude(Exists(pair)).select_related("baseline_for").order_by("pk")[:50]:
        made += _made(run, partial(compare_pair_once, baseline=run))
    return made


def _made(run: Run, compare: Callable[[], Comparison | None]) -> bool:
    try:
        return compare() is not None
    except Exception:
        log.exception("Run %s could not be compared; the next look tries again.", run.pk)
        return False
