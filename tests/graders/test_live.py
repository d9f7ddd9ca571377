"""The panel beside the form: a real grade of the typed answer by the typed grader, and the trial on the items."""

import json
import re

import pytest
from django.urls import reverse

from rftstudio.graders.forms.tree import texts_of
from rftstudio.graders.trial import other_answers, try_on_items
from rftstudio.graders.workbench import Workbench
from rftstudio.tasksets.actions import add_items
from tests.factories import DESKS, make_grader, make_taskset
from tests.graders.specs import PLAIN

HTMX = {"HTTP_HX_REQUEST": "true"}
LABELS = list(DESKS)


@pytest.fixture
def taskset(workspace, bob):
    return make_taskset(workspace=workspace, by=bob)


@pytest.fixture
def grader(taskset, bob):
    return make_grader(taskset=taskset, by=bob, spec={"type": "exact_choice", "choices": LABELS})


def live(client, grader, **sent):
    return client.post(reverse("graders:live", args=[grader.pk]), {**texts_of(grader.spec), **sent})


def state(response) -> dict:
    found = re.search(
        r'<script id="live-state" type="application/json">(.*?)</script>', response.content.decode(), re.S
    )
    assert found
    return json.loads(found[1])


def test_the_unsaved_grader_marks_the_typed_answer(grader, as_bob):
    sent = {**texts_of(grader.spec), "answer": "It is an emergency!", "g-partial": "0.35"}
    page = as_bob.post(reverse("graders:live", args=[grader.pk]), sent, **HTMX).content.decode()
    assert '<span class="score-number">0.35</span>' in page
    assert "mentions “emergency”" in page
    assert "Not saved" in page
    assert "<html" not in page
    grader.refresh_from_db()
    assert grader.spec["partial"] == 0.0


def test_without_scripts_the_whole_page_comes_back(grader, as_bob):
    response = as_bob.post(
        reverse("graders:live", args=[grader.pk]), {**texts_of(grader.spec), "answer": "billing", "g-partial": "0.5"}
    )
    page = response.content.decode()
    assert "<html" in page
    assert 'value="0.5"' in page
    assert response.context["tryout"].grade["score"] == 0.0


def test_errors_go_to_their_fields_while_one_types(grader, as_bob):
    response = live(as_bob, grader, answer="x", **{"g-partial": "2", "g-input": "{{ sample.text }}"})
    found = state(response)
    assert set(found["errors"]) == {"id_g-partial", "id_g-input"}
    assert "2 things to correct" in response.content.decode()


def test_shares_names_and_words_follow_the_form(taskset, as_bob, bob):
    spec = {
        **PLAIN["multi"],
        "graders": {**PLAIN["multi"]["graders"], "right": {"type": "exact_choice", "choices": LABELS}},
    }
    grader = make_grader(taskset=taskset, by=bob, spec=spec)
    found = state(live(as_bob, grader, **{"g-r0-key": "desk"}))
    assert found["names"]["g"] == ["desk", "short"]
    assert "right" in found["errors"]["id_g-calculate_output"]
    assert found["texts"]["g-r1-words"] == "is exactly the reference answer"


def test_the_page_moves_between_items(grader, taskset, as_bob):
    keys = list(taskset.items.values_list("key", flat=True))
    pks = list(taskset.items.values_list("pk", flat=True))

    def at(item: int, word: str) -> str:
        return live(as_bob, grader, item=str(item), op=f"item:{word}").context["tryout"].row.key

    assert at(pks[0], "next") == keys[1]
    assert at(pks[0], "previous") == keys[-1]
    assert at(pks[-1], "next") == keys[0]
    assert at(pks[0], str(pks[5])) == keys[5]
    assert at(pks[0], "random") in keys
    assert at(pks[3], "nonsense") == keys[3]


def test_a_moved_item_brings_its_own_answer(grader, taskset, as_bob):
    tryout = live(as_bob, grader, item=str(taskset.items.first().pk), answer="typed", op="item:next").context["tryout"]
    assert tryout.answer == tryout.row.reference_answer
    assert tryout.grade["score"] == 1.0


@pytest.mark.parametrize(("word", "score"), [("reference", 1.0), ("empty", 0.0), ("other", 0.0), ("wrong", 0.0)])
def test_answers_are_filled_in_by_buttons(grader, as_bob, word, score):
    tryout = live(as_bob, grader, answer="typed", op=f"answer:{word}").context["tryout"]
    assert tryout.answer != "typed"
    assert tryout.grade["score"] == score


def test_a_wrong_label_goes_round_all_of_them(grader, as_bob):
    seen, answer = [], "x"
    for _ in range(4):
        answer = live(as_bob, grader, answer=answer, op="answer:wrong").context["tryout"].answer
        seen.append(answer)
    assert set(seen) == set(LABELS) - {"emergency"}


@pytest.mark.parametrize("item", ["0", "-1", "9" * 30, "x", "1; DROP", ""])
def test_an_item_that_is_not_there_is_the_first_one(grader, as_bob, item):
    assert live(as_bob, grader, item=item).context["tryout"].position == 1


def test_another_task_sets_item_is_not_shown(grader, workspace, as_bob):
    other = make_taskset(workspace=workspace, name="Other", items=1)
    tryout = live(as_bob, grader, item=str(other.items.get().pk)).context["tryout"]
    assert tryout.row.taskset_id == grader.taskset_id


def test_an_endless_answer_is_refused_in_words(grader, as_bob):
    tryout = live(as_bob, grader, answer="x" * 20_001).context["tryout"]
    assert tryout.grade is None
    assert "20,000" in tryout.problem


def test_texts_too_long_to_compare_are_refused_in_words(taskset, as_bob, bob):
    grader = make_grader(taskset=taskset, by=bob, spec=PLAIN["text_similarity"])
    row = taskset.items.first()
    taskset.items.filter(pk=row.pk).update(reference_answer="word " * 15_000)
    tryout = live(as_bob, grader, answer="word " * 3_000).context["tryout"]
    assert "too long" in tryout.problem


def test_without_items_the_panel_says_so(workspace, as_bob, bob):
    grader = make_grader(taskset=make_taskset(workspace=workspace, items=0), by=bob)
    response = live(as_bob, grader)
    assert response.context["tryout"].grade is None
    page = as_bob.get(reverse("graders:builder", args=[grader.pk])).content.decode()
    assert "no item yet" in page
    assert "Add an item" in page


def test_a_reference_outside_the_labels_is_no_score_and_never_0(grader, taskset, as_bob):
    taskset.items.filter(pk=taskset.items.first().pk).update(reference_answer="kitchen")
    response = live(as_bob, grader, answer="kitchen")
    assert response.context["tryout"].grade["score"] is None
    assert "no score" in response.content.decode()


def test_somebody_who_may_only_look_tries_the_saved_draft(grader, as_vera):
    response = as_vera.post(reverse("graders:live", args=[grader.pk]), {"answer": "emergency"}, **HTMX)
    assert response.context["tryout"].grade["score"] == 1.0


def test_the_trial_tells_right_from_wrong(grader, as_bob):
    address = reverse("graders:trial", args=[grader.pk])
    trial = as_bob.post(address, texts_of(grader.spec)).context["trial"]
    assert (trial.n_items, trial.right.mean, trial.wrong.mean) == (12, 1.0, 0.0)
    assert (trial.right.bars[9], trial.wrong.bars[0]) == (12, 12)
    assert trial.verdict[0] == "good"
    part = as_bob.post(address, texts_of(grader.spec), **HTMX).content.decode()
    assert "tells them apart" in part
    assert "<html" not in part


def test_the_trial_of_an_unfinished_grader_asks_to_finish_it(grader, as_bob):
    sent = {**texts_of(grader.spec), "g-partial": "x"}
    response = as_bob.post(reverse("graders:trial", args=[grader.pk]), sent, **HTMX)
    assert "First correct" in response.content.decode()
    assert "graded, mean" not in response.content.decode()


def test_the_trial_names_what_is_wrongly_paid_or_not(taskset, bob, as_bob):
    template = {"input": "{{ sample.output_text }}", "operation": "ne"}
    grader = make_grader(taskset=taskset, by=bob, spec={"type": "string_check", "reference": "emergency", **template})
    bench = Workbench.stored(grader, {})
    trial = try_on_items(taskset, bench.spec)
    assert {marked.key for marked in trial.right.odd} == {"emergency-0", "emergency-1", "emergency-2"}
    assert trial.verdict[0] == "warn"
    assert all(marked.score == 1.0 for marked in trial.wrong.odd)
    page = as_bob.post(reverse("graders:trial", args=[grader.pk]), texts_of(grader.spec)).content.decode()
    assert "emergency-0" in page


def test_the_trial_counts_no_score_apart(taskset, bob):
    taskset.items.filter(pk=taskset.items.first().pk).update(reference_answer="kitchen")
    grader = make_grader(taskset=taskset, by=bob)
    trial = try_on_items(taskset, Workbench.stored(grader, {}).spec)
    assert trial.right.n_no_score == 1
    assert trial.right.n == 11
    assert trial.verdict[0] == "bad"


def test_the_trial_takes_200_items_from_first_to_last(taskset, bob):
    add_items(
        taskset=taskset,
        by=bob,
        rows=[{"fields": {"message": f"m{n}"}, "reference_answer": LABELS[n % 4]} for n in range(300)],
    )
    trial = try_on_items(taskset, Workbench.stored(make_grader(taskset=taskset, by=bob), {}).spec)
    assert (trial.n_items, trial.n_total) == (200, 312)
    assert trial.right.mean == 1.0


@pytest.mark.parametrize(
    ("answers", "expected"),
    [
        ([], []),
        (["a"], [None]),
        (["a", "a"], [None, None]),
        (["a", "b"], [1, 0]),
        (["a", "a", "b"], [2, 2, 0]),
        (["a", "b", "a"], [1, 2, 1]),
    ],
)
def test_the_other_answer_differs(answers, expected):
    assert other_answers(answers) == expected
