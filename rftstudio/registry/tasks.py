"""What this room does in the background: bringing models."""

from celery import current_app, shared_task

from rftstudio.lib.detached import start_detached
from rftstudio.registry.arrivals import bring


@shared_task(name="registry.bring_model")
def bring_model(pk: int) -> None:
    """Start the process that brings a model; it may take hours, so it is no task."""
    if current_app.conf.task_always_eager:
        bring(pk=pk)
    else:
        start_detached("bring_model", str(pk), output="models.log")
