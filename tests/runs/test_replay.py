"""Replay: stored answers graded once more, and what is said about the difference."""

import pytest
from django.urls import reverse
from django.utils import timezone

from rftstudio.engine.errors import SpecError
from rftstudio.engine.grading.exact_choice import ExactChoice
from rftstudio.graders.actions import publish_grader, save_draft
from rftstudio.graders.marking import draft_of
from rftstudio.lib.errand import STALE
from rftstudio.runs import replay as replays
from rftstudio.runs.models import Replay
from rftstudio.runs.tasks import look_after_errands
from rftstudio.tasksets.models import TaskSet
from tests.factories import DESKS, make_grader, make_rollouts, make_run, make_taskset

KINDER = {"type": "exact_choice", "choices": list(DESKS), "synonyms": {"billing": ["invoices"]}}
FAILING = {"type": "string_check", "input": "{{ sample.output_json.desk }}", "reference": "x", "operation": "eq"}
# Four groups of four: one right and three wrong; all wrong but for a synonym; all right; all wrong.
ANSWERS = [
    *[("billing-0", text) for text in ("billing", "emergency", "invoices", "no idea")],
    *[("billing-1", text) for text in ("invoices", "emergency", "no idea", "")],
    *[("emergency-0", "emergency")] * 4,
    *[("emergency-1", "billing")] * 4,
]


@pytest.fixture
def run(workspace, bob):
    made = make_run(workspace=workspace, by=bob, taskset=make_taskset(workspace=workspace, by=bob, published=True))
    # The version's own split decides nothing here; every key of the task set is in its version.
    make_rollouts(made, ANSWERS)
    return made


@pytest.fixture
def grader(run):
    return run.grader_version.grader


def replayed(run, grader, by, cap=1000) -> Replay:
    made = replays.order_replay(run=run, subject=draft_of(grader), cap=cap, by=by)
    replays.do_replay(pk=made.pk)
    made.refresh_from_db()
    return made


def page(grader) -> str:
    return reverse("runs:replay", args=[grader.pk])


def test_the_same_grader_changes_nothing(run, grader, bob):
    made = replayed(run, grader, bob)
    result = made.result
    assert (made.status, made.done, made.total) == ("done", 16, 16)
    assert (result["up"], result["down"], result["same"]) == (0, 0, 16)
    assert result["before"] == result["after"] == 5 / 16
    assert result["spearman"]["value"] == pytest.approx(1)
    assert result["changes"] == []
    assert result["recomputed"] == {"n": 16, "differ": 0}


def test_a_kinder_one_is_reported_answer_by_answer(run, grader, bob):
    save_draft(grader=grader, spec=KINDER, by=bob)
    result = replayed(run, grader, bob).result
    assert (result["up"], result["down"], result["same"]) == (2, 0, 14)
    assert (result["before"], result["after"]) == (5 / 16, 7 / 16)
    assert result["groups"] == {
        "n": 4,
        "flat_before": 3,
        "flat_after": 2,
        "spread_before": 0.25,
        "spread_after": 0.5,
    }
    assert [(row["change"], row["count"]) for row in result["changes"]] == [(1.0, 1), (1.0, 1)]
    assert result["changes"][0]["grade"]["score"] == 1.0


def test_answers_that_lose_their_score_are_counted_and_are_not_zero(run, grader, bob):
    save_draft(grader=grader, spec=FAILING, by=bob)
    result = replayed(run, grader, bob).result
    assert (result["n"], result["n_both"]) == (16, 0)
    assert (result["no_score_before"], result["no_score_after"], result["newly_without"]) == (0, 16, 16)
    assert result["after"] is None
    assert sum(row["count"] for row in result["lost_scores"]) == 16
    assert len(result["lost_scores"]) == 10  # the same wording to the same task is shown once


def test_a_cap_takes_whole_groups_from_first_to_last(run):
    pks, total = replays.sample(run, 8)
    groups = {(each.step, each.group) for each in run.rollouts.filter(pk__in=pks)}
    assert total == 16
    assert len(pks) == 8
    assert groups == {(1, 0), (1, 3)}
    assert len(replays.sample(run, 10**6)[0]) == 16
    assert len(replays.sample(run, 1)[0]) == 1


def test_a_tampered_reward_is_noticed(run, grader, bob):
    first = run.rollouts.first()
    run.rollouts.filter(pk=first.pk).update(reward=0.25)
    assert replayed(run, grader, bob).result["recomputed"] == {"n": 16, "differ": 1}


def test_what_takes_too_long_is_cut_off_and_says_so(run, grader, bob, as_bob, monkeypatch):
    monkeypatch.setattr(replays, "SECONDS", -1)
    made = replayed(run, grader, bob)
    assert made.result["n"] == 0
    assert made.result["out_of_time"]
    assert "There is nothing to compare" in as_bob.get(reverse("runs:replay_report", args=[made.pk])).content.decode()


def test_ordering_and_reading_it(run, grader, bob, as_bob, as_vera, django_capture_on_commit_callbacks):
    publish_grader(grader=grader, by=bob)
    save_draft(grader=grader, spec=KINDER, by=bob)
    assert "version 1" in as_bob.get(page(grader)).content.decode()
    with django_capture_on_commit_callbacks(execute=True):
        answer = as_bob.post(page(grader), {"run": run.pk, "version": "", "cap": "500"})
    made = Replay.objects.get()
    report = reverse("runs:replay_report", args=[made.pk])
    assert answer["Location"] == report
    text = as_vera.get(report).content.decode()
    assert "0.31 → 0.44" in text
    assert "3 of 4 before, 2 after" in text
    assert "▲ +1.00" in text
    assert "All 16 old scores follow from their stored parts" in text
    assert "0.31" in as_vera.get(page(grader)).content.decode()


def test_an_open_one_polls_and_a_finished_one_loads_the_page_anew(run, grader, bob, as_bob):
    made = replays.order_replay(run=run, subject=draft_of(grader), cap=10, by=bob)
    report = reverse("runs:replay_report", args=[made.pk])
    assert "every 1s" in as_bob.get(report).content.decode()
    assert "every 1s" in as_bob.get(report, headers={"HX-Request": "true"}).content.decode()
    replays.do_replay(pk=made.pk)
    assert as_bob.get(report, headers={"HX-Request": "true"})["HX-Refresh"] == "true"
    assert replays.do_replay(pk=made.pk) is None


def test_bad_orders(run, grader, workspace, bob, as_bob):
    for sent in ({}, {"run": "x", "cap": 5}, {"run": run.pk, "cap": 0}, {"run": run.pk, "cap": 10**9}):
        assert as_bob.post(page(grader), sent).status_code == 422
    other = make_grader(taskset=make_taskset(workspace=workspace, by=bob, name="Other"), by=bob)
    with pytest.raises(SpecError, match="another task set"):
        replays.order_replay(run=run, subject=draft_of(other), cap=5, by=bob)
    assert as_bob.post(page(other), {"run": run.pk, "cap": 5}).status_code == 422
    assert "There are no answers to replay yet" in as_bob.get(page(other)).content.decode()
    assert not Replay.objects.exists()


def test_a_grader_that_asks_somebody_is_not_asked_unasked(run, grader, bob, as_bob, monkeypatch):
    monkeypatch.setattr(ExactChoice, "calls", 1)
    text = as_bob.post(page(grader), {"run": run.pk, "version": "", "cap": "10"}).content.decode()
    assert "at most 10 calls for 10 answers" in text
    assert not Replay.objects.exists()
    assert as_bob.post(page(grader), {"run": run.pk, "version": "", "cap": "10", "agreed": "1"}).status_code == 302
    too_many = as_bob.post(page(grader), {"run": run.pk, "version": "", "cap": "5000", "agreed": "1"})
    assert too_many.status_code == 422


def test_pages_for_others(run, grader, bob, as_vera, as_rita, as_charlie, as_bob):
    made = replays.order_replay(run=run, subject=draft_of(grader), cap=10, by=bob)
    report = reverse("runs:replay_report", args=[made.pk])
    for url in (page(grader), report):
        assert as_vera.get(url).status_code == 200
        assert as_charlie.get(url).status_code == 404
    assert (as_vera.post(page(grader)).status_code, as_rita.post(page(grader)).status_code) == (403, 403)
    assert as_charlie.post(page(grader)).status_code == 404
    assert as_bob.post(report).status_code == 405
    assert as_bob.get(reverse("runs:replay_report", args=[10**9])).status_code == 404


def stopped(run, grader, bob) -> Replay:
    made = replays.order_replay(run=run, subject=draft_of(grader), cap=10, by=bob)
    Replay.objects.filter(pk=made.pk).update(status="failed", error="The worker was stopped before the end of this.")
    return made


def test_one_that_was_stopped_is_done_again(run, grader, bob, as_bob, as_vera, as_charlie):
    made = stopped(run, grader, bob)
    report, again = (reverse(f"runs:{name}", args=[made.pk]) for name in ("replay_report", "replay_again"))
    text = as_bob.get(report).content.decode()
    assert "The worker was stopped" in text
    assert again in text
    assert again not in as_vera.get(report).content.decode()
    assert as_vera.post(again).status_code == 403
    assert as_charlie.post(again).status_code == 404
    assert as_bob.get(again).status_code == 405
    assert as_bob.post(reverse("runs:replay_again", args=[10**9])).status_code == 404
    answer = as_bob.post(again)
    new = Replay.objects.exclude(pk=made.pk).get()
    assert answer["Location"] == reverse("runs:replay_report", args=[new.pk])
    assert (new.spec, new.cap, new.number, new.run) == (made.spec, 10, None, run)
    replays.do_replay(pk=new.pk)
    assert "nothing to do again" in as_bob.post(again.replace(str(made.pk), str(new.pk)), follow=True).content.decode()


def test_one_that_asks_somebody_is_not_done_again_unasked(run, grader, bob, as_bob, monkeypatch):
    monkeypatch.setattr(ExactChoice, "calls", 1)
    made = stopped(run, grader, bob)
    assert "at most 10 calls" in as_bob.get(reverse("runs:replay_report", args=[made.pk])).content.decode()
    again = reverse("runs:replay_again", args=[made.pk])
    assert "Tick the box" in as_bob.post(again, follow=True).content.decode()
    assert Replay.objects.count() == 1
    assert as_bob.post(again, {"agreed": "1"}).status_code == 302
    assert Replay.objects.count() == 2


def test_a_lost_one_goes_on_by_itself_and_one_that_costs_is_stopped(
    run, grader, bob, monkeypatch, django_capture_on_commit_callbacks
):
    lost = replays.order_replay(run=run, subject=draft_of(grader), cap=100, by=bob)
    Replay.claim(lost.pk)
    Replay.objects.update(updated_at=timezone.now() - 2 * STALE)
    with django_capture_on_commit_callbacks(execute=True):
        assert look_after_errands() == {"again": 1, "stopped": 0}
    lost.refresh_from_db()
    assert (lost.status, lost.done, lost.error) == ("done", 16, "")
    monkeypatch.setattr(ExactChoice, "calls", 1)
    Replay.objects.update(status="running", updated_at=timezone.now() - 2 * STALE)
    assert look_after_errands() == {"again": 0, "stopped": 1}
    lost.refresh_from_db()
    assert lost.status == "failed"
    assert "asks somebody else again" in lost.error


def test_it_is_fast_enough_to_be_asked_for_on_the_way(run, grader, bob):
    make_rollouts(run, ANSWERS * 100, step=2)
    made = replayed(run, grader, bob, cap=20_000)
    assert made.result["n"] == 1616
    assert made.result["recomputed"]["differ"] == 0
    assert TaskSet.objects.count() == 1
