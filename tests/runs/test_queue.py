"""Places, turns and limits over real rows: who gets a place, what a page says of the others, who is refused."""

import threading
from datetime import timedelta

import pytest
from django.db import connection
from django.urls import reverse
from django.utils import timezone

from rftstudio.engine.errors import SpecError
from rftstudio.evaluations.actions import create_comparison
from rftstudio.runs import actions, queue
from rftstudio.runs.jobs import Status
from rftstudio.runs.models import Run
from rftstudio.runs.standing import standing, standing_of_next
from tests.evaluations.build import make_tuned_run
from tests.evaluations.readiness import start as start_readiness
from tests.factories import make_base_model, make_run, make_taskset

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def supervised(monkeypatch):
    """The jobs whose supervisor was to be started: here they are only noted down, none runs."""
    found: list[Run] = []
    monkeypatch.setattr("rftstudio.runs.spawn.start_supervisor", found.append)
    return found


@pytest.fixture
def elsewhere(charlie):
    return charlie.workspaces.get()


def end(run: Run) -> None:
    Run.objects.filter(pk=run.pk).update(status=Status.SUCCEEDED, finished_at=timezone.now())


def of(workspace, count=1, **more):
    taskset = make_taskset(workspace=workspace, published=True)
    runs = [make_run(workspace=workspace, taskset=taskset, **more) for _ in range(count)]
    return runs if count > 1 else runs[0]


def test_workspaces_take_turns_at_the_one_place(workspace, elsewhere, supervised):
    first, second, third = of(workspace, 3)
    other = of(elsewhere)
    for expected in (first, other, second, third):
        assert queue.start_waiting() == [expected]
        assert queue.start_waiting() == []
        end(expected)
    assert supervised == [first, other, second, third]


def test_as_many_at_once_as_machine_and_workspace_allow(workspace, elsewhere, settings):
    settings.MAX_RUNNING_JOBS = 4
    ours, theirs = of(workspace, 3), of(elsewhere, 3)
    assert {job.pk for job in queue.start_waiting()} == {one.pk for one in (*ours[:2], *theirs[:2])}
    assert queue.start_waiting() == []
    end(ours[0])
    workspace.max_running = 1
    workspace.save()
    assert queue.start_waiting() == [], "a place is free, and each workspace has as many as it may"
    ours[2].refresh_from_db()
    assert standing(ours[2]).held == 1
    end(ours[1])
    assert queue.start_waiting() == [ours[2]]


def test_what_the_pages_say(workspace, elsewhere, as_bob, as_charlie):
    first, second, third = of(workspace, 3)
    Run.objects.update(expected_seconds=600)
    queue.start_waiting()
    Run.objects.filter(pk=first.pk).update(started_at=timezone.now() - timedelta(seconds=285))
    other = of(elsewhere)
    assert standing(other).wait == pytest.approx(315, abs=30)
    assert standing(second).wait is None, "nobody can tell how long the one before it takes"
    Run.objects.filter(pk=other.pk).update(expected_seconds=60)
    found = [standing(one) for one in (other, second, third)]
    assert [one.place for one in found] == [1, 2, 3]
    assert [one.wait for one in found] == pytest.approx([315, 375, 975], abs=30)
    assert "Third in line; about 16 min until it starts." in as_bob.get(f"/runs/{third.pk}/").text
    assert "Next in line; about 5 min 00 s until it starts." in as_charlie.get(f"/runs/{other.pk}/").text
    assert "Third in line; about 16 min until it starts" in as_bob.get(f"/w/{workspace.slug}/runs/").text
    page = as_bob.get(f"/tasksets/{third.taskset.pk}/launch/").text
    assert "yours would be fourth in line; about 26 min until it starts." in page
    assert str(other) not in page or str(other) == str(third), "another workspace's jobs are nobody's business"
    Run.objects.filter(pk=third.pk).update(expected_seconds=None)
    assert (
        "yours would be fourth in line; it starts by itself when what is ahead of it has ended."
        in as_bob.get(f"/tasksets/{third.taskset.pk}/launch/").text
    )
    first.refresh_from_db()
    assert standing(first) is None
    Run.objects.filter(pk=first.pk).update(progress={"done": 10, "total": 40})
    first.refresh_from_db()
    assert queue.seconds_left(first) == pytest.approx(3 * first.seconds_spent, rel=0.05), "by its pace, once it has one"


def test_a_free_machine_has_no_line(workspace, settings):
    assert standing_of_next(workspace, rank=1) is None
    settings.MAX_RUNNING_JOBS = 2
    of(workspace, 2)
    queue.start_waiting()
    assert standing_of_next(workspace, rank=1).held == 0


def test_a_resumed_training_is_not_counted_from_its_beginning(workspace):
    run = of(workspace)
    now = timezone.now()
    Run.objects.filter(pk=run.pk).update(
        expected_seconds=1000, started_at=now - timedelta(seconds=500), finished_at=now - timedelta(seconds=400)
    )
    run.refresh_from_db()
    assert queue.seconds_left(run) == pytest.approx(900)


def test_a_page_says_that_the_limit_is_what_holds_it(workspace, as_bob, settings):
    settings.MAX_RUNNING_JOBS = 2
    workspace.max_running = 1
    workspace.save()
    first, second = of(workspace, 2)
    queue.start_waiting()
    page = as_bob.get(f"/runs/{second.pk}/").text
    assert "this workspace has 1 job running already" in page
    assert f'href="/w/{workspace.slug}/settings/"' in page
    assert "this workspace has 1 job running already" in as_bob.get(f"/runs/{second.pk}/status/").text


def test_a_comparison_ahead_is_reckoned_from_its_trainings_own_validation(workspace, as_bob):
    tuned = make_tuned_run(workspace=workspace)
    unknown, behind = create_comparison(run=tuned), of(workspace)
    assert (queue.seconds_left(unknown), standing(behind).wait) == (None, None)
    actions.cancel_job(job=unknown, by=None)
    answers = min(tuned.settings["eval_items"], tuned.taskset_version.counts["validation"])
    answers *= tuned.settings["eval_samples"]
    for step, seconds in ((0, 0), (10, 99.0), (20, 2.0 * answers)):
        tuned.events.create(
            seq=900 + step,
            type="metrics",
            step=step,
            created_at=timezone.now(),
            data={"timing": {"evaluation": seconds}},
        )
    comparison = create_comparison(run=tuned)
    total = comparison.progress["total"]
    assert queue.seconds_left(comparison) == pytest.approx(9 + 2 * total, rel=0.2)
    assert standing(behind).wait == queue.seconds_left(comparison)
    page = as_bob.get(reverse("evaluations:detail", args=[comparison.pk])).text
    assert "Next in line; it starts in a moment." in page


def test_a_look_at_the_line_costs_as_much_for_many_as_for_one(workspace, django_assert_num_queries):
    workspace.max_waiting = 30
    workspace.save()
    tuned, waiting = make_tuned_run(workspace=workspace), of(workspace)
    for count in (1, 5):
        for _ in range(count):
            create_comparison(run=tuned)
            start_readiness(taskset=tuned.taskset)
            of(workspace)
        with django_assert_num_queries(7):  # two for each of three kinds of job, and the workspaces' limits
            assert standing(waiting).place > 2 * count


def test_a_line_that_is_full_refuses_and_says_what_to_do(workspace, elsewhere, as_bob):
    workspace.max_waiting = 2
    workspace.save()
    first, second = of(workspace, 2)
    of(elsewhere)
    url = f"/tasksets/{first.taskset.pk}/launch/"
    form = as_bob.get(url, {"from": first.pk}).context["form"]
    typed = {name: form[name].value() for name in form.fields if form[name].value() not in (None, "")}
    answer = as_bob.post(url, {**typed, "name": "One too many"})
    assert answer.status_code == 422
    assert "2 jobs of this workspace wait in line already, and no more than 2 may. Wait until" in answer.text
    assert 'value="One too many"' in answer.text
    assert Run.objects.filter(workspace=workspace).count() == 2
    actions.pause_run(run=second, by=None)
    assert as_bob.post(url, typed).status_code == 302, "what is paused does not wait"


@pytest.mark.parametrize(
    ("button", "before"),
    [
        ("resume", {"status": Status.PAUSED, "handle": {"starts": 1, "at": 3}}),
        ("continue", {"status": Status.FAILED, "culprit": "system", "error": "The disk is full."}),
    ],
)
def test_what_has_worked_before_needs_room_in_the_line_as_well(workspace, elsewhere, as_bob, button, before):
    workspace.max_waiting = 2
    workspace.save()
    ours = of(workspace)
    before = {**before, "wish": "", "offsets": {"events": 4321}, "finished_at": timezone.now()}
    Run.objects.filter(pk=ours.pk).update(**before)
    first, _ = of(workspace, 2)
    of(elsewhere)
    page = as_bob.post(f"/runs/{ours.pk}/{button}/", follow=True).text
    assert "2 jobs of this workspace wait in line already, and no more than 2 may. Wait until one of them" in page
    assert "keeps all that it has learned" in page
    assert f'action="/runs/{ours.pk}/{button}/"' in page
    assert Run.objects.filter(pk=ours.pk).values(*before).get() == before, "nothing of it has changed"
    assert queue.start_waiting() == [first]
    as_bob.post(f"/runs/{ours.pk}/{button}/")
    ours.refresh_from_db()
    assert ours.status == Status.QUEUED
    as_bob.post(f"/runs/{ours.pk}/{button}/")
    assert Run.objects.filter(workspace=workspace, status=Status.QUEUED).count() == 2, "twice is once"


def test_what_follows_a_training_by_itself_is_never_refused(workspace):
    tuned = make_tuned_run(workspace=workspace)
    workspace.max_waiting = 1
    workspace.save()
    of(workspace)
    assert create_comparison(run=tuned, automatic=True).status == Status.QUEUED
    with pytest.raises(SpecError, match="wait in line already"):
        create_comparison(run=tuned)


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("places", [1, 2])
def test_workers_that_race_for_a_place_give_it_away_once(workspace, charlie, settings, supervised, places):
    settings.MAX_RUNNING_JOBS = places
    of(workspace, 3)
    of(charlie.workspaces.get(), 3)
    ready = threading.Barrier(6)

    def work() -> None:
        ready.wait()
        queue.start_waiting()
        connection.close()

    threads = [threading.Thread(target=work) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(supervised) == Run.objects.filter(status=Status.RUNNING).count() == places
    assert len({job.pk for job in supervised}) == places
    assert len({job.workspace_id for job in supervised}) == places, "with two places, one for each workspace"


@pytest.mark.django_db(transaction=True)
def test_launches_at_the_same_moment_do_not_overfill_the_line(workspace):
    workspace.max_waiting = 1
    workspace.save()
    taskset, model = make_taskset(workspace=workspace, published=True), make_base_model()
    first = make_run(workspace=workspace, taskset=taskset, base_model=model)
    actions.cancel_run(run=first, by=None)
    refused: list[str] = []
    ready = threading.Barrier(3)

    def work() -> None:
        ready.wait()
        try:
            actions.launch_run(
                taskset_version=first.taskset_version, grader_version=first.grader_version, base_model=model,
                preset="quick", settings={}, by=None,
            )  # fmt: skip
        except SpecError as error:
            refused.append(error.message)
        connection.close()

    threads = [threading.Thread(target=work) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert Run.objects.filter(status=Status.QUEUED).count() == 1
    assert refused == ["1 job of this workspace waits in line already, and no more than 1 may."] * 2


@pytest.mark.django_db(transaction=True)
def test_trainings_resumed_at_the_same_moment_do_not_overfill_the_line(workspace):
    runs = of(workspace, 3)
    Run.objects.update(status=Status.PAUSED)
    workspace.max_waiting = 1
    workspace.save()
    refused: list[str] = []
    ready = threading.Barrier(3)

    def work(run: Run) -> None:
        ready.wait()
        try:
            actions.resume_run(run=run, by=None)
        except SpecError as error:
            refused.append(error.message)
        connection.close()

    threads = [threading.Thread(target=work, args=[run]) for run in runs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert Run.objects.filter(status=Status.QUEUED).count() == 1
    assert refused == ["1 job of this workspace waits in line already, and no more than 1 may."] * 2
