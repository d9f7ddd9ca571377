"""Timing a model's training step: the one thing this room does in the background."""

import logging

from celery import shared_task

from rftstudio.engine.errors import SystemFault
from rftstudio.registry import actions
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
