"""How an import reaches a worker."""

import pytest
from celery import current_app
from kombu.exceptions import OperationalError

from rftstudio.tasksets import actions, queue, tasks
from rftstudio.tasksets.models import ItemImport

pytestmark = pytest.mark.django_db


@pytest.fixture
def found(taskset, settings, tmp_path):
    settings.MEDIA_ROOT = tmp_path
    made = actions.receive_upload(taskset=taskset, by=None, name="a.csv", chunks=[b"message,answer\nx,billing\n"])
    return actions.map_import(found=made, targets=["field:message", "reference_answer"], all_or_nothing=False)


@pytest.fixture
def _with_workers():
    """Tasks are sent, not run in place."""
    before = current_app.conf.task_always_eager
    current_app.conf.task_always_eager = False
    yield
    current_app.conf.task_always_eager = before


def test_the_names_sent_are_the_tasks_names():
    current_app.loader.import_default_modules()
    assert {name for name, _ in queue.STEPS.values()} <= set(current_app.tasks)


@pytest.mark.usefixtures("_with_workers")
def test_a_worker_is_sent_for_after_the_commit(found, monkeypatch, django_capture_on_commit_callbacks):
    sent = []
    monkeypatch.setattr(current_app, "send_task", lambda name, args: sent.append((name, args)))
    with django_capture_on_commit_callbacks() as callbacks:
        queue.submit(found)
        assert sent == []
    for callback in callbacks:
        callback()
    assert sent == [("tasksets.check_import", [found.pk])]


@pytest.mark.usefixtures("_with_workers")
def test_a_broker_that_is_away_loses_nothing(found, monkeypatch, django_capture_on_commit_callbacks):
    def away(name, args):
        raise OperationalError("no broker")

    monkeypatch.setattr(current_app, "send_task", away)
    with django_capture_on_commit_callbacks(execute=True):
        queue.submit(found)
    found.refresh_from_db()
    assert (found.status, found.worker) == ("checking", "")


def test_the_tasks_do_what_the_actions_do(found, taskset):
    tasks.check_import(found.pk)
    actions.start_saving(found=ItemImport.objects.get(pk=found.pk))
    tasks.save_import(found.pk)
    tasks.save_import(found.pk)  # a message that comes twice finds nothing to do
    assert taskset.items.filter(source_import=found).count() == 1
