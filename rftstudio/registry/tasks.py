"""What this room does in the background: timing a model's training step, bringing models."""

import logging

from celery import current_app, shared_task

from rftstudio.engine.errors import SystemFault
from rftstudio.lib.detached import start_detached
from rftstudio.registry import actions
from rftstudio.registry.arrivals import bring
from rftstudio.registry.models import BaseModel

log = logging.getLogger(__name__)


@shared_task(name="registry.time_model")
def time_model(pk: int) -> bool:
    """Time one model; a failure leaves its expected times unknown for a while, then it is asked for again."""
    model = BaseModel.objects.filter(pk=pk).first()
    if model is None or model.is_timed:
        return False
    try:
        actions.time_model(model=model)
    except SystemFault as fault:
        log.warning("%s", fault)
        actions.note_untimed(model=model, why=str(fault))
        return False
    return True


@shared_task(name="registry.bring_model")
def bring_model(pk: int) -> None:
    """Start the process that brings a model; it may take hours, so it is no task."""
    if current_app.conf.task_always_eager:
        bring(pk=pk)
    else:
        start_detached("bring_model", str(pk), output="models.log")
