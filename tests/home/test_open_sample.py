"""A sample opened in a workspace: whole, once, and publishable as it is."""

import threading

import pytest
from django.db import connection
from django.utils import timezone

from rftstudio.accounts.models import Workspace
from rftstudio.graders.actions import publish_tested
from rftstudio.graders.models import Grader
from rftstudio.home.samples import open_sample, shipped_samples
from rftstudio.tasksets.actions import publish_version
from rftstudio.tasksets.models import TaskSet


@pytest.mark.parametrize("sample", shipped_samples(), ids=lambda sample: sample.slug)
def test_every_sample_opens_and_withstands_what_publishing_tries(workspace, alice, sample):
    taskset = open_sample(workspace=workspace, slug=sample.slug, by=alice)
    assert taskset.items.live().count() == len(sample.items)
    assert (taskset.sample_slug, taskset.created_by) == (sample.slug, alice)
    version = publish_version(taskset=taskset, by=alice)
    assert version.counts == {split: len(sample.split(split)) for split in ("train", "validation", "test")}
    grader = Grader.objects.used_by(taskset)
    assert publish_tested(grader=grader, by=alice).number == 1


def test_opened_twice_it_is_the_same(workspace, alice):
    first = open_sample(workspace=workspace, slug="clinic-inbox", by=alice)
    assert open_sample(workspace=workspace, slug="clinic-inbox", by=alice) == first
    assert Grader.objects.count() == 1


def test_an_archived_copy_counts_as_none(workspace, alice):
    first = open_sample(workspace=workspace, slug="clinic-inbox", by=alice)
    TaskSet.objects.filter(pk=first.pk).update(archived_at=timezone.now())
    assert open_sample(workspace=workspace, slug="clinic-inbox", by=alice) != first


def test_another_workspace_gets_its_own(workspace, alice, charlie):
    first = open_sample(workspace=workspace, slug="clinic-inbox", by=alice)
    other = Workspace.objects.get(slug="elsewhere")
    assert open_sample(workspace=other, slug="clinic-inbox", by=charlie) != first


def test_an_unknown_sample(workspace):
    with pytest.raises(LookupError, match="clinic-inbox"):
        open_sample(workspace=workspace, slug="nothing", by=None)


@pytest.mark.django_db(transaction=True)
def test_two_openers_at_once_get_one(workspace):
    barrier = threading.Barrier(3)

    def work():
        barrier.wait()
        open_sample(workspace=workspace, slug="clinic-inbox", by=None)
        connection.close()

    workers = [threading.Thread(target=work) for _ in range(3)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert TaskSet.objects.count() == 1
