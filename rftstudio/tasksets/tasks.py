"""Work on an import in the background. Short: a hundred thousand rows take a minute or two."""

from celery import shared_task

from rftstudio.tasksets import actions


@shared_task(name="tasksets.check_import")
def check_import(pk: int) -> None:
    actions.check_import(pk=pk)


@shared_task(name="tasksets.save_import")
def save_import(pk: int) -> None:
    actions.save_import(pk=pk)
