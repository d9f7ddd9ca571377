"""Regression cases: objecting, what passes, and that no version is published that is wrong again."""

import pytest
from django.urls import reverse

from rftstudio.engine.errors import SpecError
from rftstudio.graders import actions, cases
from rftstudio.graders.evidence import KeptAnswer, KeptGrade, RegressionCase
from rftstudio.graders.keeping import item_of, keep_answer
from rftstudio.graders.marking import draft_of
from rftstudio.graders.proof import NotProven
from tests.factories import DESKS, make_grader, make_taskset

EXACT = {"type": "exact_choice", "choices": list(DESKS)}
KINDER = {**EXACT, "synonyms": {"billing": ["invoice desk"]}}


@pytest.fixture
def grader(workspace, bob):
    return make_grader(taskset=make_taskset(workspace=workspace, by=bob), by=bob, spec=EXACT)


@pytest.fixture
def case(grader, bob):
    answer = keep_answer(taskset=grader.taskset, item=item_of(grader.taskset, "billing-0"), text="Invoice desk")
    return cases.add_case(
        grader=grader, answer=answer, rule="at_least", wanted=0.8, why="It says billing.", gave=0.0, by=bob
    )


def page(grader) -> str:
    return reverse("graders:cases", args=[grader.pk])


@pytest.mark.parametrize(
    ("rule", "wanted", "right", "wrong"),
    [("at_least", 0.8, 0.8, 0.79), ("at_most", 0.2, 0.2, 0.21), ("about", 0.5, 0.6, 0.61), ("about", 0.5, 0.4, 0.39)],
)
def test_what_passes(rule, wanted, right, wrong):
    case = RegressionCase(rule=rule, wanted=wanted)
    assert case.passes(right)
    assert not case.passes(wrong)
    assert not case.passes(None)


def test_a_version_that_is_wrong_about_a_case_is_not_published(grader, case, bob):
    with pytest.raises(NotProven, match="billing-0, “Invoice desk”, should get at least 0.80 and gets 0.00"):
        actions.publish_grader(grader=grader, by=bob)
    assert not grader.versions.exists()
    actions.save_draft(grader=grader, spec=KINDER, by=bob)
    assert actions.publish_grader(grader=grader, by=bob).number == 1


def test_publishing_leads_to_the_cases(grader, case, as_bob):
    answer = as_bob.post(reverse("graders:publish", args=[grader.pk]), follow=True)
    assert answer.redirect_chain[-1][0] == page(grader)
    text = answer.content.decode()
    assert "The draft is wrong about 1 of 1" in text
    assert "Invoice desk" in text
    assert "It says billing." in text


def test_versions_stand_beside_the_draft(grader, bob, as_vera):
    actions.publish_grader(grader=grader, by=bob)
    answer = keep_answer(taskset=grader.taskset, item=item_of(grader.taskset, "billing-0"), text="Invoice desk")
    cases.add_case(grader=grader, answer=answer, rule="at_least", wanted=1, why="", gave=None, by=bob)
    actions.save_draft(grader=grader, spec=KINDER, by=bob)
    shown = as_vera.get(page(grader))
    (row,) = shown.context["rows"]
    assert [each.state for each in row["tried"]] == ["passed", "failed"]
    assert [column.label for column in shown.context["columns"]] == ["the draft", "version 1"]
    assert "The draft is right about it." in shown.content.decode()
    assert not KeptGrade.objects.exists()


def test_the_same_answer_has_one_case(grader, case, bob):
    again = cases.add_case(grader=grader, answer=case.answer, rule="at_most", wanted=0.1, why="", gave=None, by=bob)
    assert again.pk == case.pk
    assert again.asks == "at most 0.10"


def test_a_case_is_changed_and_retired_with_a_reason_and_taken_up_again(grader, case, as_bob, bob):
    change, retire = (reverse(f"graders:case_{verb}", args=[case.pk]) for verb in ("change", "retire"))
    as_bob.post(change, {"rule": "about", "wanted": "0.5", "why": "Half right."})
    case.refresh_from_db()
    assert (case.rule, case.wanted, case.why) == ("about", 0.5, "Half right.")
    answer = as_bob.post(change, {"rule": "about", "wanted": "7"}, follow=True)
    assert "Score:" in answer.content.decode()
    assert "Say why it no longer counts" in as_bob.post(retire, {"why": " "}, follow=True).content.decode()
    as_bob.post(retire, {"why": "The desk was closed."})
    case.refresh_from_db()
    assert (case.retired_why, case.retired_by) == ("The desk was closed.", bob)
    assert actions.publish_grader(grader=grader, by=bob).number == 1
    assert "The desk was closed." in as_bob.get(page(grader)).content.decode()
    as_bob.post(retire, {"take_up": "1"})
    case.refresh_from_db()
    assert case.retired_at is None


def test_a_retired_case_with_a_newer_twin_stays_retired(grader, case, bob):
    cases.retire_case(case=case, why="no", by=bob)
    cases.add_case(grader=grader, answer=case.answer, rule="at_most", wanted=0, why="", gave=None, by=bob)
    with pytest.raises(SpecError, match="newer case"):
        cases.take_up_case(case=case, by=bob)
    with pytest.raises(SpecError, match="retired"):
        cases.change_case(case=case, rule="at_most", wanted=0, why="", by=bob)


def test_objecting_from_the_builder(grader, as_rita, as_vera, as_charlie):
    item = grader.taskset.items.get(key="billing-1")
    here = reverse("graders:wrong_here", args=[grader.pk])
    typed = {"item": item.pk, "answer": "Invoice desk"}
    assert (as_vera.post(here, typed).status_code, as_charlie.post(here, typed).status_code) == (403, 404)
    assert as_rita.get(here).status_code == 405
    url = as_rita.post(here, typed)["Location"]
    assert as_rita.post(here, typed, headers={"HX-Request": "true"})["HX-Redirect"] == url
    answer = KeptAnswer.objects.get()
    assert url.startswith(reverse("graders:wrong", args=[grader.pk, answer.pk]))
    shown = as_rita.get(url)
    assert shown.context["form"]["rule"].value() == "at_least"  # it got 0, so it should have got more
    sent = {"rule": "at_least", "wanted": "0.9", "why": "clear"}
    assert (as_vera.post(url, sent).status_code, as_charlie.post(url, sent).status_code) == (403, 404)
    assert as_rita.post(url, {**sent, "wanted": "3"}).status_code == 422
    assert not RegressionCase.objects.exists()
    assert as_rita.post(url, sent)["Location"] == f"/graders/{grader.pk}/?item={item.pk}"
    kept = RegressionCase.objects.get()
    assert (kept.answer, kept.answer.item_key, kept.gave, kept.asks) == (answer, "billing-1", 0.0, "at least 0.90")


def test_objecting_without_an_item_says_so(grader, as_bob):
    here = reverse("graders:wrong_here", args=[grader.pk])
    answer = as_bob.post(here, {"answer": "x", "item": "nine"}, follow=True)
    assert "Choose an item first" in answer.content.decode()


def test_an_answer_that_cannot_be_kept_is_refused(grader, as_bob):
    item = grader.taskset.items.first()
    here = reverse("graders:wrong_here", args=[grader.pk])
    answer = as_bob.post(here, {"item": item.pk, "answer": "a\u202eb"}, follow=True)
    assert "This answer cannot be kept" in answer.content.decode()
    assert not KeptAnswer.objects.exists()


def test_one_never_leaves_the_studio_by_the_way_back(grader, case, as_bob):
    url = reverse("graders:wrong", args=[grader.pk, case.answer_id])
    sent = {"rule": "at_most", "wanted": "0", "back": "https://example.com/"}
    assert as_bob.post(url, sent)["Location"] == f"/graders/{grader.pk}/"


def test_an_answer_of_another_task_set_is_not_found(grader, case, workspace, bob, as_bob):
    other = make_grader(taskset=make_taskset(workspace=workspace, by=bob, name="Other"), by=bob)
    assert as_bob.get(reverse("graders:wrong", args=[other.pk, case.answer_id])).status_code == 404


@pytest.mark.usefixtures("string_check_asks")
def test_a_grader_that_asks_somebody_waits_until_the_cases_are_tried(
    workspace, bob, as_bob, django_capture_on_commit_callbacks
):
    spec = {
        "type": "string_check",
        "input": "{{ sample.output_text }}",
        "reference": "{{ item.reference_answer }}",
        "operation": "like",
    }
    grader = make_grader(taskset=make_taskset(workspace=workspace, by=bob), by=bob, spec=spec)
    answer = keep_answer(taskset=grader.taskset, item=item_of(grader.taskset, "billing-0"), text="billing")
    cases.add_case(grader=grader, answer=answer, rule="at_least", wanted=1, why="", gave=None, by=bob)
    with pytest.raises(NotProven, match="not tried yet"):
        actions.publish_grader(grader=grader, by=bob)
    assert "at most 1 call for 1 answer" in as_bob.get(page(grader)).content.decode()
    as_bob.post(page(grader))
    assert not KeptGrade.objects.exists()
    with django_capture_on_commit_callbacks(execute=True):
        as_bob.post(page(grader), {"agreed": "1"})
    assert KeptGrade.objects.get().score == 1
    assert [each.state for each in cases.try_cases(draft_of(grader), cases.current_cases(grader))] == ["passed"]
    assert actions.publish_grader(grader=grader, by=bob).number == 1


def test_pages_for_others(grader, case, as_vera, as_rita, as_charlie, as_bob):
    assert as_vera.get(page(grader)).status_code == 200
    assert as_charlie.get(page(grader)).status_code == 404
    assert as_vera.post(page(grader)).status_code == 403
    assert as_bob.get(reverse("graders:cases", args=[10**9])).status_code == 404
    for verb in ("change", "retire"):
        url = reverse(f"graders:case_{verb}", args=[case.pk])
        assert (as_vera.post(url).status_code, as_rita.post(url).status_code) == (403, 403)
        assert as_charlie.post(url).status_code == 404
        assert as_bob.get(url).status_code == 405
        assert as_bob.post(reverse(f"graders:case_{verb}", args=[10**9])).status_code == 404
