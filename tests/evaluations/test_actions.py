"""Making comparisons: what the job holds, what is refused, and that a run is compared once."""

import threading

import pytest
from django.db import connection
from django.db.utils import IntegrityError

from rftstudio.engine.errors import SpecError
from rftstudio.engine.job import read_items, read_job
from rftstudio.evaluations.actions import compare_again, compare_once, create_comparison, default_settings
from rftstudio.evaluations.models import Comparison
from rftstudio.evaluations.tasks import compare_finished
from rftstudio.runs.jobs import Status
from rftstudio.runs.models import Run
from tests.evaluations.build import make_tuned_run


@pytest.fixture
def run(workspace, alice):
    return make_tuned_run(workspace=workspace, by=alice)


def test_the_job_answers_the_test_split_with_base_and_tuned(run, alice):
    comparison = create_comparison(run=run, by=alice)
    job = read_job(comparison.directory)
    assert job.kind == "evaluation"
    assert [(adapter.name, adapter.path) for adapter in job.adapters] == [
        ("base", None),
        ("tuned", run.tuned_model.path),
    ]
    assert job.grader == run.grader_version.spec
    assert job.model.path == run.base_model.location
    items = read_items(comparison.directory / job.data["items"])
    assert [item.id for item in items] == [f"test-{number}" for number in range(8)]
    assert (comparison.status, comparison.created_by) == (Status.QUEUED, alice)
    assert comparison.progress == {"done": 0, "total": 64}  # 8 tasks are few: four answers to each from both


def test_it_answers_as_the_runs_validation_did(run):
    run.settings = {**run.settings, "eval_temperature": 0.3, "max_completion_length": 77}
    run.save()
    settings = create_comparison(run=run).settings
    assert settings == {
        "samples": 4,
        "temperature": 0.3,
        "max_completion_length": 77,
        "judge_tokens": 0,
        "judge_cost": 0.0,
    }


@pytest.mark.parametrize(("n_items", "temperature", "samples"), [(40, 1.0, 4), (60, 1.0, 2), (500, 1.0, 1), (40, 0, 1)])
def test_few_tasks_are_answered_several_times(run, n_items, temperature, samples):
    run.settings = {**run.settings, "eval_temperature": temperature}
    run.taskset_version.counts = {"test": n_items}
    assert default_settings(run)["samples"] == samples


def test_settings_and_seed_are_taken(run):
    comparison = create_comparison(run=run, settings={"samples": 4, "temperature": 0}, seed=9)
    assert comparison.settings["samples"] == 4
    assert read_job(comparison.directory).seed == 9
    assert comparison.progress["total"] == 64


@pytest.mark.parametrize(("name", "value"), [("samples", 0), ("temperature", 5), ("sampels", 2)])
def test_a_wrong_setting_is_named(run, name, value):
    with pytest.raises(SpecError) as caught:
        create_comparison(run=run, settings={name: value})
    assert caught.value.path == name
    assert not Comparison.objects.exists()


def test_an_empty_test_split_is_refused_with_what_to_do(run):
    run.taskset_version.items.filter(split="test").delete()
    with pytest.raises(SpecError, match="no test items.*Put some items into the test split"):
        create_comparison(run=run)


def test_a_run_without_a_model_is_refused(run):
    run.tuned_model = None
    with pytest.raises(SpecError, match="kept no model"):
        create_comparison(run=run)


def test_a_tuned_model_whose_files_are_gone_is_refused(run):
    run.tuned_model.path += "-gone"
    with pytest.raises(SpecError, match="are gone"):
        create_comparison(run=run)


def test_the_task_makes_one_for_each_finished_run(run):
    assert compare_finished() == 1
    assert compare_finished() == 0
    comparison = run.comparisons.get()
    assert (comparison.automatic, comparison.created_by) == (True, run.created_by)


@pytest.mark.parametrize("status", [Status.RUNNING, Status.FAILED, Status.CANCELLED])
def test_other_runs_are_not_compared(run, status):
    Run.objects.filter(pk=run.pk).update(status=status)
    assert compare_finished() == 0
    assert compare_once(run=run) is None


def test_a_run_compared_by_hand_is_not_compared_again(run):
    create_comparison(run=run)
    assert compare_finished() == 0


def test_what_cannot_be_compared_fails_once_and_says_why(run):
    run.taskset_version.items.filter(split="test").delete()
    assert compare_finished() == 1
    assert compare_finished() == 0
    comparison = run.comparisons.get()
    assert (comparison.status, comparison.culprit) == (Status.FAILED, "author")
    assert "no test items" in comparison.error


def test_the_database_itself_refuses_a_second_automatic_one(run):
    create_comparison(run=run, automatic=True)
    with pytest.raises(IntegrityError):
        create_comparison(run=run, automatic=True)


@pytest.mark.django_db(transaction=True)
def test_two_workers_at_once_make_one(workspace):
    run = make_tuned_run(workspace=workspace)
    barrier = threading.Barrier(4)

    def work():
        barrier.wait()
        compare_once(run=Run.objects.get(pk=run.pk))
        connection.close()

    workers = [threading.Thread(target=work) for _ in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert Comparison.objects.count() == 1


def test_again_takes_over_settings_and_seed(run, alice):
    old = create_comparison(run=run, settings={"samples": 3}, seed=5)
    new = compare_again(comparison=old, by=alice)
    assert new.pk != old.pk
    assert (new.settings, new.seed, new.automatic) == (old.settings, 5, False)


def test_nothing_is_left_on_disk_when_the_row_could_not_be_made(run, monkeypatch):
    def refuse(*args, **kwargs):
        raise OSError("disk full")

    monkeypatch.setattr("rftstudio.evaluations.actions.queue.submit", refuse)
    folder = Comparison(pk=1).directory.parent
    before = set(folder.glob("*"))
    with pytest.raises(OSError, match="disk full"):
        create_comparison(run=run)
    assert not Comparison.objects.exists()
    assert set(folder.glob("*")) <= before
