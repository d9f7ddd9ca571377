"""Marking that waits for somebody else's answers, done by a worker. Minutes at the most."""

from celery import shared_task

from rftstudio.graders.marking import do_marking
from rftstudio.graders.redteam import do_red_team


@shared_task(name="graders.mark_answers")
def mark_answers(pk: int) -> None:
    do_marking(pk=pk)


@shared_task(name="graders.red_team")
def red_team(pk: int) -> None:
    do_red_team(pk=pk)
