"""Calibration: sets, blind scoring, what they say of a grader, and the condition for launch."""

import pytest
from django.urls import reverse

from rftstudio.engine.errors import SpecError
from rftstudio.graders import actions, calibration
from rftstudio.graders.agreement import agreement_of, require_agreement
from rftstudio.graders.evidence import CalibrationCase, CalibrationScore, CalibrationSet, KeptGrade
from rftstudio.graders.keeping import item_of, keep_answer
from rftstudio.graders.marking import draft_of
from rftstudio.graders.proof import NotProven
from tests.factories import DESKS, make_grader, make_taskset

EXACT = {"type": "exact_choice", "choices": list(DESKS)}


@pytest.fixture
def taskset(workspace, bob):
    return make_taskset(workspace=workspace, by=bob)


@pytest.fixture
def grader(taskset, bob):
    return make_grader(taskset=taskset, by=bob, spec=EXACT)


@pytest.fixture
def filled(taskset, bob):
    return calibration.create_set(taskset=taskset, name="Thirty", by=bob)


def page(grader, name, *more) -> str:
    return reverse(f"graders:{name}", args=[grader.pk, *more])


def score_all(found: CalibrationSet, by, give) -> None:
    for case in found.cases.select_related("answer"):
        calibration.score_case(case=case, by=by, score=give(case.answer))


def as_grader(answer) -> float:
    """What the exact grader gives: the reference and nothing else is right."""
    return float(answer.text == answer.item["reference_answer"])


def test_a_set_starts_with_right_wrong_and_odd_answers(filled):
    sources = list(filled.cases.values_list("answer__source", flat=True))
    assert {source: sources.count(source) for source in set(sources)} == {"reference": 8, "other": 8, "attack": 8}
    assert calibration.add_made(calibration_set=filled, source="reference", limit=8) == 0


def test_each_expert_has_an_own_order_that_stays(filled, bob, rita):
    mine = [case.pk for case in calibration.in_order(filled, bob)]
    assert mine == [case.pk for case in calibration.in_order(filled, bob)]
    assert mine != [case.pk for case in calibration.in_order(filled, rita)]
    assert mine != sorted(mine)


def test_scoring_is_blind_and_moves_on(grader, filled, rita, as_rita):
    url = page(grader, "score", filled.pk)
    shown = as_rita.get(url)
    text = shown.content.decode()
    assert "Answer 1 of 24" in text
    for hidden in ("red-team", "another item", "gives 0", "grade-tree", "score-number"):
        assert hidden not in text, hidden
    first = shown.context["case"]
    assert as_rita.post(url, {"case": first.pk, "score": "0.75", "note": "fine"}).status_code == 302
    given = CalibrationScore.objects.get()
    assert (given.case, given.by, given.score, given.note) == (first, rita, 0.75, "fine")
    after = as_rita.get(url)
    assert after.context["case"] != first
    assert "1 of 24 scored" in after.content.decode()
    again = as_rita.get(url, {"at": 1})
    assert again.context["case"] == first
    assert 'aria-pressed="true"' in again.content.decode()
    as_rita.post(url, {"case": first.pk, "score": "0.25"})
    assert CalibrationScore.objects.get().score == 0.25


def test_a_score_that_is_none_of_the_five_is_refused(grader, filled, as_rita):
    url = page(grader, "score", filled.pk)
    case = filled.cases.first().pk
    for bad in ("0.6", "much", "", "nan", "2"):
        as_rita.post(url, {"case": case, "score": bad})
    assert not CalibrationScore.objects.exists()
    assert as_rita.post(url, {"case": "x", "score": "1"}).status_code == 404


def test_when_all_is_scored_it_says_so(grader, filled, rita, as_rita):
    score_all(filled, rita, as_grader)
    assert "All 24 are scored" in as_rita.get(page(grader, "score", filled.pk)).content.decode()


def test_a_grader_that_does_what_experts_do_agrees(grader, filled, rita):
    score_all(filled, rita, as_grader)
    found = agreement_of(filled, draft_of(grader))
    assert found.n == 24
    assert found.spearman.value == pytest.approx(1)
    assert found.kendall.value == pytest.approx(1)
    assert found.kappa.value == pytest.approx(1)
    assert found.mean_error.mean == 0
    assert found.n_wrong == 0
    assert found.verdict[0] == "good"
    assert len(found.by_length) == 3
    assert not KeptGrade.objects.exists()


def test_wrongly_ordered_pairs_are_found(grader, filled, rita):
    score_all(filled, rita, lambda answer: 1 - as_grader(answer))
    found = agreement_of(filled, draft_of(grader))
    assert found.spearman.value == pytest.approx(-1)
    assert found.verdict[0] == "bad"
    right = sum(as_grader(row.answer) for row in found.rows)
    assert found.n_wrong == right * (24 - right) == found.n_comparable
    assert all(better.expert > worse.expert and better.given < worse.given for better, worse in found.wrong_pairs)


def test_few_scores_say_that_they_are_few(grader, filled, rita):
    for case in filled.cases.select_related("answer")[:3]:
        calibration.score_case(case=case, by=rita, score=1.0)
    found = agreement_of(filled, draft_of(grader))
    assert "3 scored answers are too few" in found.verdict[1]
    assert found.spearman is None  # all alike


def test_experts_are_averaged_and_compared_with_each_other(grader, filled, rita, bob):
    score_all(filled, rita, as_grader)
    score_all(filled, bob, lambda answer: 0.5 if as_grader(answer) else 0.0)
    found = agreement_of(filled, draft_of(grader))
    assert found.n_experts == 2
    assert found.n_shared == 24
    assert {row.expert for row in found.rows} == {0.0, 0.75}
    assert 0.2 < found.alpha < 0.9


def test_the_result_page_waits_until_one_has_scored(grader, filled, rita, bob, as_rita, as_bob, as_vera):
    url = page(grader, "calibration", filled.pk)
    assert "Nobody has scored anything yet" in as_rita.get(url).content.decode()
    score_all(filled, bob, as_grader)
    assert "You have 24 answers left" in as_rita.get(url).content.decode()
    assert "Kendall" not in as_rita.get(url).content.decode()
    for client, address in ((as_rita, f"{url}?look=1"), (as_bob, url), (as_vera, url)):
        text = client.get(address).content.decode()
        assert "Kendall" in text
        assert "It orders answers much as the experts do" in text


def test_versions_are_looked_at_too(grader, filled, bob, as_bob):
    actions.publish_grader(grader=grader, by=bob)
    spec = {"type": "string_check", "input": "a", "reference": "a", "operation": "eq"}
    actions.save_draft(grader=grader, spec=spec, by=bob)
    score_all(filled, bob, as_grader)
    url = page(grader, "calibration", filled.pk)
    assert "gives every answer the same score" in as_bob.get(url).content.decode()
    assert "It orders answers much as the experts do" in as_bob.get(f"{url}?version=1").content.decode()


def test_answers_are_added_and_taken_out(grader, filled, rita, as_bob):
    add, result = page(grader, "calibration_add", filled.pk), page(grader, "calibration", filled.pk)
    as_bob.post(add, {"item": "billing-2", "text": "Perhaps billing?"})
    case = filled.cases.get(answer__text="Perhaps billing?")
    assert "There is no item" in as_bob.post(add, {"item": "nope", "text": "x"}, follow=True).content.decode()
    assert "How many" in as_bob.post(add, {"source": "other", "limit": "no"}, follow=True).content.decode()
    as_bob.post(add, {"source": "other", "limit": "12"})
    others = filled.cases.filter(answer__source="other").values_list("answer__item_key", flat=True)
    assert len(set(others)) == 12  # every item has had its turn
    remove = page(grader, "calibration_remove", case.pk)
    calibration.score_case(case=case, by=rita, score=1)
    assert "so that their work is not lost" in as_bob.post(remove, {}, follow=True).content.decode()
    CalibrationScore.objects.all().delete()
    assert as_bob.post(remove)["Location"] == result
    assert not CalibrationCase.objects.filter(pk=case.pk).exists()


def test_a_new_set_by_form(grader, as_bob, as_vera):
    url = page(grader, "calibrate")
    assert "Nobody has scored anything yet" in as_vera.get(url).content.decode()
    made = as_bob.post(url, {"name": "  By  doctors ", "filled": "on"})
    found = CalibrationSet.objects.get()
    assert (found.name, found.cases.count()) == ("By doctors", 24)
    assert made["Location"] == page(grader, "calibration", found.pk)
    as_bob.post(url, {"name": ""})
    assert CalibrationSet.objects.filter(name="Calibration 2", cases=None).exists()
    assert as_bob.post(url, {"name": "x" * 121}).status_code == 422
    assert "By doctors" in as_vera.get(url).content.decode()


def test_a_condition_holds_up_versions_that_do_not_meet_it(grader, filled, rita, bob, as_bob):
    version = actions.publish_grader(grader=grader, by=bob)
    require_agreement(version)  # nothing is asked yet
    as_bob.post(page(grader, "calibration_require", filled.pk), {"asked": "on", "required": "0.6", "required_n": "20"})
    filled.refresh_from_db()
    assert (filled.required, filled.required_n) == (0.6, 20)
    with pytest.raises(NotProven, match="0 answers have a score") as caught:
        require_agreement(version)
    assert (caught.value.page, caught.value.arguments) == ("graders:calibration", (grader.pk, filled.pk))
    score_all(filled, rita, lambda answer: 1 - as_grader(answer))
    with pytest.raises(NotProven, match=r"version 1 reaches -1\.00 on 24"):
        require_agreement(version)
    score_all(filled, rita, as_grader)
    require_agreement(version)
    bad = as_bob.post(page(grader, "calibration_require", filled.pk), {"asked": "on", "required": "7"}, follow=True)
    assert "Spearman at least:" in bad.content.decode()
    as_bob.post(page(grader, "calibration_require", filled.pk), {"required": "0.6", "required_n": "20"})
    filled.refresh_from_db()
    assert filled.required is None


def test_a_full_set_takes_no_more(filled, taskset, monkeypatch):
    monkeypatch.setattr(calibration, "MAX_CASES", 24)
    answer = keep_answer(taskset=taskset, item=item_of(taskset, "billing-0"), text="one more")
    with pytest.raises(SpecError, match="at most 24 answers"):
        calibration.add_answers(calibration_set=filled, answers=[answer])


@pytest.mark.usefixtures("string_check_asks")
def test_a_grader_that_asks_somebody_is_asked_once_for_each_answer(
    taskset, bob, rita, as_bob, django_capture_on_commit_callbacks
):
    spec = {
        "type": "string_check",
        "input": "{{ sample.output_text }}",
        "reference": "{{ item.reference_answer }}",
        "operation": "eq",
    }
    grader = make_grader(taskset=taskset, by=bob, spec=spec)
    found = calibration.create_set(taskset=taskset, name="", by=bob)
    score_all(found, rita, as_grader)
    result, mark = page(grader, "calibration", found.pk), page(grader, "calibration_mark", found.pk)
    text = as_bob.get(f"{result}?look=1").content.decode()
    assert "24 scored answers have not been marked" in text
    assert "at most 24 calls" in text
    as_bob.post(mark)
    assert not grader.markings.exists()
    with django_capture_on_commit_callbacks(execute=True):
        as_bob.post(mark, {"agreed": "1"})
    assert KeptGrade.objects.count() == 24
    assert agreement_of(found, draft_of(grader)).spearman.value == pytest.approx(1)
    assert "Kendall" in as_bob.get(f"{result}?look=1").content.decode()
    as_bob.post(mark, {"agreed": "1"})
    assert grader.markings.count() == 1


def test_pages_for_others(grader, filled, as_vera, as_rita, as_charlie, as_bob):
    case = filled.cases.first()
    read = [page(grader, "calibrate"), page(grader, "calibration", filled.pk)]
    change = [
        page(grader, "calibrate"),
        *(page(grader, f"calibration_{verb}", filled.pk) for verb in ("mark", "add", "require")),
        page(grader, "calibration_remove", case.pk),
    ]
    for url in read:
        assert as_vera.get(url).status_code == 200
        assert as_charlie.get(url).status_code == 404
    for url in change:
        assert (as_vera.post(url).status_code, as_rita.post(url).status_code) == (403, 403), url
        assert as_charlie.post(url).status_code == 404
    for url in change[1:]:
        assert as_bob.get(url).status_code == 405
    score = page(grader, "score", filled.pk)
    assert (as_vera.get(score).status_code, as_vera.post(score).status_code) == (403, 403)
    assert as_charlie.get(score).status_code == 404
    assert as_rita.get(score).status_code == 200
    assert as_bob.post(read[1]).status_code == 405


def test_a_set_of_another_task_set_is_not_found(grader, workspace, bob, as_bob):
    other = calibration.create_set(taskset=make_taskset(workspace=workspace, by=bob, name="Other"), name="", by=bob)
    for name in ("calibration", "score"):
        assert as_bob.get(page(grader, name, other.pk)).status_code == 404
    for name in ("calibration_mark", "calibration_add", "calibration_require"):
        assert as_bob.post(page(grader, name, other.pk)).status_code == 404
    assert as_bob.post(page(grader, "calibration_remove", other.cases.first().pk)).status_code == 404
