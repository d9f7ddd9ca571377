"""Send an import to a worker once its row is committed. Where tasks run in place, it is worked on in place."""

import logging

from celery import current_app
from django.db import transaction
from kombu.exceptions import OperationalError

from rftstudio.tasksets import actions
from rftstudio.tasksets.models import ItemImport

log = logging.getLogger(__name__)
STEPS = {
    ItemImport.Status.CHECKING.value: ("tasksets.check_import", actions.check_import),
    ItemImport.Status.SAVING.value: ("tasksets.save_import", actions.save_import),
}


def submit(found: ItemImport) -> None:
    """Have a worker do what the import's status asks for."""
    name, action = STEPS[found.status]

    def send() -> None:
        if current_app.conf.task_always_eager:
            action(pk=found.pk)
            return
        try:
            current_app.send_task(name, args=[found.pk])
        except (OperationalError, OSError):
            log.warning("The broker does not answer; import %s waits until it is started again.", found.pk)

    transaction.on_commit(send)
