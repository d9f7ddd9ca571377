"""The red-team: run, kept by content hash, asked about where it costs, and in the way of publishing."""

from itertools import permutations

import pytest
from django.urls import reverse

from rftstudio.engine.grading import redteam as attacks
from rftstudio.graders import actions, redteam
from rftstudio.graders.evidence import RedTeam
from rftstudio.graders.marking import cost_of, draft_of
from rftstudio.graders.models import GraderVersion
from rftstudio.graders.proof import NotProven
from tests.factories import DESKS, make_grader, make_taskset

ANYWHERE = {
    "type": "string_check",
    "input": "{{ sample.output_text }}",
    "reference": "{{ item.reference_answer }}",
    "operation": "like",
}


@pytest.fixture
def taskset(workspace, bob):
    return make_taskset(workspace=workspace, by=bob)


@pytest.fixture
def grader(taskset, bob):
    return make_grader(taskset=taskset, by=bob)


@pytest.fixture
def gullible(taskset, bob):
    return make_grader(taskset=taskset, by=bob, spec=ANYWHERE)


def page(grader, name="check", *more) -> str:
    return reverse(f"graders:{name}", args=[grader.pk, *more])


def test_a_sound_grader_is_not_flagged_and_publishes(grader, bob):
    row = redteam.red_team(subject=draft_of(grader), by=bob)
    assert row.status == "done"
    assert row.n_items == 8
    assert redteam.flagged(row) == []
    assert actions.publish_tested(grader=grader, by=bob).number == 1


def test_a_grader_that_pays_every_label_is_stopped_with_the_answer_and_the_score(gullible, bob):
    with pytest.raises(NotProven, match=r"with 1\.00 on") as caught:
        actions.publish_tested(grader=gullible, by=bob)
    assert caught.value.page == "graders:check"
    assert not gullible.versions.exists()
    row = RedTeam.objects.get(grader=gullible)
    assert {result.kind.name for result in redteam.flagged(row)} >= {"labels", "instructions"}
    labels = next(result for result in redteam.flagged(row) if result.kind.name == "labels")
    assert set(labels.worst["text"].splitlines()) == set(DESKS)
    assert actions.publish_tested(grader=gullible, by=bob, anyway=True).number == 1


def test_it_is_kept_by_what_the_grader_says(grader, gullible, bob):
    first = redteam.red_team(subject=draft_of(grader), by=bob)
    actions.save_draft(grader=grader, spec=ANYWHERE, by=bob)
    grader.refresh_from_db()
    assert redteam.stored_for(draft_of(grader)) is None
    second = redteam.red_team(subject=draft_of(grader), by=bob)
    assert (first.pk, first.content_hash) != (second.pk, second.content_hash)
    assert redteam.red_team(subject=draft_of(grader), by=bob).pk == second.pk
    assert RedTeam.objects.filter(grader=grader).count() == 2


def test_the_page_runs_it_and_shows_what_is_paid(gullible, as_bob):
    assert b"Not tried yet" in as_bob.get(page(gullible)).content
    assert as_bob.post(page(gullible)).status_code == 302
    text = as_bob.get(page(gullible)).content.decode()
    assert "Every label at once" in text
    assert "Publish anyway" in text
    assert any("\n".join(order) in text for order in permutations(DESKS))


def test_publishing_from_the_builder_leads_to_what_speaks_against_it(gullible, as_bob):
    answer = as_bob.post(page(gullible, "publish"), follow=True)
    assert answer.redirect_chain[-1][0] == page(gullible)
    assert "Not published. It pays" in answer.content.decode()
    assert not gullible.versions.exists()
    as_bob.post(page(gullible, "publish"), {"anyway": "1"})
    assert gullible.versions.count() == 1
    assert "Publish anyway" not in as_bob.get(page(gullible)).content.decode()


def test_htmx_is_led_there_too(gullible, as_bob):
    sent = {"op": "publish", "g-kind": "string_check"}
    page_now = as_bob.get(reverse("graders:builder", args=[gullible.pk]))
    sent |= page_now.context["bench"].texts
    answer = as_bob.post(reverse("graders:builder", args=[gullible.pk]), sent, headers={"HX-Request": "true"})
    assert answer["HX-Redirect"] == page(gullible)
    assert not GraderVersion.objects.filter(grader=gullible).exists()


def test_nothing_is_tried_where_nothing_has_an_answer(workspace, bob, as_bob):
    grader = make_grader(taskset=make_taskset(workspace=workspace, by=bob, items=0), by=bob)
    answer = as_bob.post(page(grader), follow=True)
    assert "No item has a reference answer yet" in answer.content.decode()
    assert not RedTeam.objects.exists()
    assert actions.publish_tested(grader=grader, by=bob).number == 1


@pytest.mark.usefixtures("string_check_asks")
def test_a_grader_that_asks_somebody_is_not_asked_unasked(gullible, bob, as_bob, django_capture_on_commit_callbacks):
    with pytest.raises(NotProven, match="not been red-teamed yet, since that asks a judge"):
        actions.publish_tested(grader=gullible, by=bob)
    text = as_bob.get(page(gullible)).content.decode()
    assert "at most" in text
    assert "tokens" in text
    as_bob.post(page(gullible))
    assert not RedTeam.objects.exists()
    with django_capture_on_commit_callbacks(execute=True):
        as_bob.post(page(gullible), {"agreed": "1"})
    row = RedTeam.objects.get()
    assert (row.status, row.n_items, row.done) == ("done", 3, 3)
    with pytest.raises(NotProven, match="It pays"):
        actions.publish_tested(grader=gullible, by=bob)


@pytest.mark.usefixtures("string_check_asks")
def test_the_page_polls_only_while_it_runs(gullible, as_bob, bob):
    redteam.red_team(subject=draft_of(gullible), by=bob)  # no worker comes: the transaction is not committed
    waiting = as_bob.get(page(gullible), headers={"HX-Request": "true"}).content.decode()
    assert "every 1s" in waiting
    redteam.do_red_team(pk=RedTeam.objects.get().pk)
    assert "every 1s" not in as_bob.get(page(gullible), headers={"HX-Request": "true"}).content.decode()


@pytest.mark.usefixtures("string_check_asks")
def test_what_it_costs_is_counted_by_leaf_and_answer(taskset, bob):
    spec = {"type": "multi", "graders": {"a": ANYWHERE, "b": ANYWHERE}, "calculate_output": "a * b"}
    cost = cost_of(draft_of(make_grader(taskset=taskset, by=bob, spec=spec)), 10)
    assert (cost.answers, cost.calls, cost.measured) == (10, 20, False)
    assert "at most 20 calls for 10 answers" in cost.sentence


def test_a_free_grader_costs_nothing(grader):
    assert redteam.cost_for(draft_of(grader)) is None


def test_a_second_worker_finds_nothing_to_do(grader, bob):
    row = redteam.red_team(subject=draft_of(grader), by=bob)
    assert redteam.do_red_team(pk=row.pk) is None


def test_an_old_version_can_be_looked_at(gullible, bob, as_bob):
    actions.publish_grader(grader=gullible, by=bob)
    actions.save_draft(grader=gullible, spec={"type": "exact_choice", "choices": list(DESKS)}, by=bob)
    as_bob.post(page(gullible) + "?version=1")
    assert "Every label at once" in as_bob.get(page(gullible) + "?version=1").content.decode()
    assert "Publish anyway" not in as_bob.get(page(gullible) + "?version=1").content.decode()
    assert "Not tried yet" in as_bob.get(page(gullible)).content.decode()


def test_results_of_other_attacks_are_not_believed(grader, bob, monkeypatch):
    redteam.red_team(subject=draft_of(grader), by=bob)
    assert redteam.stored_for(draft_of(grader)).status == "done"
    attacks.fingerprint.cache_clear()
    monkeypatch.setattr(attacks, "_CHATTER", ("Dear reader,", "Yours."))
    assert redteam.stored_for(draft_of(grader)) is None
    actions.publish_tested(grader=grader, by=bob)
    assert RedTeam.objects.filter(grader=grader).count() == 2
    attacks.fingerprint.cache_clear()


def test_a_red_team_that_was_cut_off_is_made_before_publishing(gullible, bob):
    row = redteam.red_team(subject=draft_of(gullible), by=bob)
    RedTeam.objects.filter(pk=row.pk).update(status="running", shots=[], worker="gone")
    with pytest.raises(NotProven, match="It pays"):
        actions.publish_tested(grader=gullible, by=bob)


def test_a_grader_that_pays_nothing_at_all_is_not_praised(taskset, bob, as_bob):
    spec = {**ANYWHERE, "reference": "something that nobody says", "operation": "eq"}
    grader = make_grader(taskset=taskset, by=bob, spec=spec)
    as_bob.post(page(grader))
    text = as_bob.get(page(grader)).content.decode()
    assert "pays nothing here, the right answers included" in text
    assert "None of the answers that should get next to nothing is paid" not in text
