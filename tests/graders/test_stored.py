"""“Try on 20 stored answers”: where they come from, what is shown of them, and graders that wait for a judge."""

import pytest
from django.urls import reverse

from rftstudio.engine.grading.exact_choice import ExactChoice
from rftstudio.evaluations.models import Answer, Comparison
from rftstudio.graders import actions
from rftstudio.graders.checking import check_references
from rftstudio.graders.forms.tree import texts_of
from rftstudio.graders.stored_answers import evenly, stored_answer, stored_answers
from rftstudio.graders.stored_trial import try_on_stored
from rftstudio.runs.models import Rollout
from tests.factories import make_grader, make_run, make_taskset

HTMX = {"HTTP_HX_REQUEST": "true"}


@pytest.fixture
def taskset(workspace, bob):
    return make_taskset(workspace=workspace, by=bob, published=True)


@pytest.fixture
def grader(taskset, bob):
    return make_grader(taskset=taskset, by=bob)


@pytest.fixture
def sampled(workspace, bob, taskset, grader):
    """A training and a comparison that left answers behind."""
    run = make_run(workspace=workspace, by=bob, taskset=taskset)
    texts = ("emergency", "It is an emergency", "billing", "x" * 30_000)
    Rollout.objects.bulk_create(
        Rollout(run=run, seq=seq, step=seq, phase="train", group=0, index=0, item_key="emergency-0", text=text)
        for seq, text in enumerate(texts)
    )
    Rollout.objects.create(run=run, seq=99, step=9, phase="train", group=0, index=0, item_key="gone", text="emergency")
    comparison = Comparison.objects.create(workspace=workspace, run=run)
    Answer.objects.create(comparison=comparison, seq=0, item_key="billing-0", model="tuned", text="no idea")
    return run


def test_answers_come_from_trainings_comparisons_and_references(taskset, sampled):
    found = stored_answers(taskset, 20)
    kinds = [answer.ref.partition(":")[0] for answer in found]
    assert set(kinds) == {"training", "comparison", "reference"}
    assert kinds.count("training") == 4
    assert "gone" not in {answer.item_key for answer in found}
    assert len({(answer.item_key, answer.text) for answer in found}) == len(found)
    assert {answer.whose for answer in found if answer.ref.startswith("comparison")} == {
        f"tuned model, comparison of {sampled}"
    }
    assert len(stored_answers(taskset, 3)) == 3


def test_without_trainings_there_are_the_references(taskset):
    assert {answer.whose for answer in stored_answers(taskset)} == {"reference answer"}


def test_somebody_elses_answers_are_nobodys(workspace, taskset, sampled):
    other = make_taskset(workspace=workspace, name="Other")
    rollout = Rollout.objects.first()
    assert stored_answer(taskset, f"training:{rollout.pk}").text == rollout.text
    for ref in (f"training:{rollout.pk}", f"reference:{taskset.items.first().pk}", "comparison:1", "magic:1", "x", ""):
        assert stored_answer(other, ref) is None
    assert not {each.ref for each in stored_answers(other)} & {each.ref for each in stored_answers(taskset)}


def test_numbers_are_taken_evenly():
    assert evenly(range(100), 5) == [0, 25, 50, 74, 99]
    assert evenly([1, 2], 5) == [1, 2]
    assert evenly([], 5) == []


def test_the_page_shows_spread_failures_cost_and_the_worst_first(taskset, grader, sampled, as_bob, as_vera):
    taskset.items.filter(key="billing-0").update(reference_answer="kitchen")
    address = reverse("graders:stored", args=[grader.pk])
    trial = as_bob.post(address, texts_of(grader.spec)).context["stored"]
    scores = [each.grade.score for each in trial.tried]
    assert scores[: trial.n_no_score] == [None, None]
    assert scores[2:] == sorted(scores[2:])
    assert trial.failures == [("other_error", "another reason", trial.n_no_score)]
    assert sum(trial.figure["data"][0]["y"]) == len(trial.scores) == len(scores) - trial.n_no_score
    assert all(len(each.answer.text) <= 20_000 for each in trial.tried)
    page = as_bob.post(address, texts_of(grader.spec), **HTMX).content.decode()
    assert "<html" not in page
    for words in ("Time a grade", "Judge tokens a grade", "not one of the choices", "It is an emergency", "data-chart"):
        assert words in page
    assert "<html" in as_vera.post(address).content.decode()


def test_an_unfinished_grader_is_finished_first(grader, as_bob):
    sent = {**texts_of(grader.spec), "g-partial": "x"}
    page = as_bob.post(reverse("graders:stored", args=[grader.pk]), sent, **HTMX).content.decode()
    assert "First correct" in page


def test_a_stored_answer_is_put_into_the_box(taskset, grader, sampled, as_bob):
    rollout = Rollout.objects.get(text="It is an emergency")
    address = reverse("graders:live", args=[grader.pk])
    tryout = as_bob.post(address, {**texts_of(grader.spec), "op": f"stored:training:{rollout.pk}"}).context["tryout"]
    assert (tryout.answer, tryout.row.key) == ("It is an emergency", "emergency-0")
    assert "step 1" in tryout.note
    gone = as_bob.post(address, {**texts_of(grader.spec), "answer": "kept", "op": "stored:training:0"}).context[
        "tryout"
    ]
    assert gone.answer == "kept"
    assert "no longer there" in gone.note


def test_out_of_time_says_how_many_were_left(taskset, grader, sampled, monkeypatch):
    monkeypatch.setattr("rftstudio.graders.stored_trial.MAX_SECONDS", -1.0)
    trial = try_on_stored(taskset, actions.check_spec(taskset, grader.spec))
    assert not trial.tried
    assert trial.n_left > 10


def test_a_grader_that_waits_is_only_asked_by_a_button(taskset, grader, as_bob, as_vera, monkeypatch):
    monkeypatch.setattr(ExactChoice, "calls", 1)
    address = reverse("graders:live", args=[grader.pk])
    sent = {**texts_of(grader.spec), "answer": "emergency"}
    response = as_bob.post(address, sent)
    assert response.context["tryout"].grade is None
    assert "Ask the server" in response.content.decode()
    asked = as_bob.post(address, {**sent, "op": "judge"})
    assert asked.context["tryout"].grade["score"] is not None
    stored = reverse("graders:stored", args=[grader.pk])
    assert as_vera.post(stored).context["stored_error"].endswith("Ask an author to try it.")
    assert as_bob.post(stored, sent).context["stored"].tried
    assert check_references(taskset, actions.check_spec(taskset, grader.spec)).n == 0
