"""A comparison's answers as evidence for or against its grader."""

import pytest
from django.urls import reverse

from rftstudio.graders.evidence import CalibrationSet, RegressionCase
from tests.evaluations.build import LABELS, make_comparison, make_tuned_run


@pytest.fixture
def comparison(workspace, bob):
    run = make_tuned_run(workspace=workspace, by=bob)
    right = [LABELS[number % 4] for number in range(8)]
    return make_comparison(run=run, base=["no idea"] * 8, tuned=right)


def address(name: str, pk: int) -> str:
    return reverse(f"evaluations:{name}", args=[pk])


def test_both_sides_have_the_buttons_for_who_may(comparison, as_rita, as_vera):
    text = as_rita.get(address("detail", comparison.pk)).content.decode()
    for answer in comparison.answers.filter(item_key="test-0"):
        assert address("wrong", answer.pk) in text
        assert address("calibrate", answer.pk) in text
    assert "The grader is wrong here" not in as_vera.get(address("detail", comparison.pk)).content.decode()


def test_objecting_and_calibrating(comparison, as_rita):
    answer = comparison.answers.get(item_key="test-1", model="base")
    url = address("wrong", answer.pk)
    assert "no idea" in as_rita.get(url).content.decode()
    back = f"/comparisons/{comparison.pk}/?show=worse%23task-2"
    response = as_rita.post(f"{url}?back={back}", {"rule": "at_most", "wanted": "0", "why": ""})
    assert response["Location"] == f"/comparisons/{comparison.pk}/?show=worse#task-2"
    case = RegressionCase.objects.get()
    assert (case.answer.text, case.answer.item_key, case.gave) == ("no idea", "test-1", 0.0)
    assert "base" not in case.answer.origin
    assert as_rita.post(address("calibrate", answer.pk)).status_code == 302
    assert CalibrationSet.objects.get().cases.get().answer == case.answer


def test_for_others(comparison, as_vera, as_charlie, as_rita):
    pk = comparison.answers.first().pk
    for name in ("wrong", "calibrate"):
        assert as_vera.post(address(name, pk)).status_code == 403
        assert as_charlie.post(address(name, pk)).status_code == 404
        assert as_rita.post(address(name, 10**9)).status_code == 404
    assert as_rita.get(address("calibrate", pk)).status_code == 405


def test_an_answer_whose_task_is_gone_is_not_found(comparison, as_rita):
    answer = comparison.answers.first()
    answer.item_key = "gone"
    answer.save()
    assert as_rita.get(address("wrong", answer.pk)).status_code == 404
