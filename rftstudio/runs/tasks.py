"""Short tasks around long jobs: start what waits, look after what was left alone."""

from celery import shared_task
from django.apps import apps

from rftstudio.lib import errand
from rftstudio.registry.models import BaseModel
from rftstudio.runs import pace, queue, timing
from rftstudio.runs.jobs import EngineJob, Status
from rftstudio.runs.replay import do_replay


@shared_task(name="runs.start_job")
def start_job(app_label: str, model: str, pk: int) -> bool:
    """Start a queued job, or the ones that stand before it. Delivered twice, it starts nothing twice."""
    found = apps.get_model(app_label, model)
    assert issubclass(found, EngineJob)
    if not found._default_manager.filter(pk=pk, status=Status.QUEUED).exists():
        return False
    return any(job.pk == pk and isinstance(job, found) for job in queue.start_waiting())


@shared_task(name="runs.reconcile", expires=30)
def reconcile() -> dict[str, int]:
    """Every ten seconds: supervisors that died are replaced, free places are given to who waits."""
    taken_over, started = queue.look_round()
    return {"taken_over": taken_over, "started": started}


@shared_task(name="runs.look_after_errands", expires=30)
def look_after_errands() -> dict[str, int]:
    """Twice a minute: replays, markings, red-teams and models on their way whose worker was killed go on, or say so.

    A timing that waited for the machine is asked for once it is idle.
    """
    timing.ask_for_next()
    return errand.look_after()


@shared_task(name="runs.look_at_speeds", expires=30)
def look_at_speeds() -> dict[str, int]:
    """When a job has ended: what its steps teach of the model's speed, and a timing that waited for the machine."""
    return {"taught": len(pace.learn_paces()), "asked": int(timing.ask_for_next() is not None)}


@shared_task(name="runs.time_model")
def time_model(pk: int) -> bool:
    """Time one step of a base model, and have the next one timed. Delivered twice, it finds the figures there."""
    model = BaseModel.objects.filter(pk=pk).first()
    timed = model is not None and timing.time_model(model=model)
    timing.ask_for_next()
    return timed


@shared_task(name="runs.replay")
def replay(pk: int) -> None:
    """Grade stored answers once more. Minutes at the most; what takes longer is cut off and says so."""
    do_replay(pk=pk)
