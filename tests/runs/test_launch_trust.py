"""A launch refuses a grader that something speaks against, with a sentence and a link to it."""

import pytest
from django.urls import reverse

from rftstudio.graders import calibration, cases
from rftstudio.graders.actions import publish_grader, save_draft
from rftstudio.graders.keeping import item_of, keep_answer
from rftstudio.runs.models import Run
from tests.factories import DESKS, make_base_model, make_grader, make_taskset

ANYWHERE = {
    "type": "string_check",
    "input": "{{ sample.output_text }}",
    "reference": "{{ item.reference_answer }}",
    "operation": "like",
}


@pytest.fixture
def taskset(workspace, bob):
    return make_taskset(workspace=workspace, by=bob, published=True)


@pytest.fixture
def grader(taskset, bob):
    return make_grader(taskset=taskset, by=bob)


@pytest.fixture
def launch(taskset, as_bob):
    model = make_base_model()

    def _launch(grader_version):
        sent = {
            "taskset_version": taskset.latest_version.pk,
            "grader_version": grader_version,
            "base_model": model.pk,
            "preset": "quick",
            "seed": 0,
            "name": "",
        }
        return as_bob.post(reverse("runs:launch", args=[taskset.pk]), sent)

    return _launch


def test_a_threshold_that_is_not_reached(taskset, grader, bob, rita, launch):
    version = publish_grader(grader=grader, by=bob)
    found = calibration.create_set(taskset=taskset, name="Thirty", by=bob)
    calibration.set_requirement(calibration_set=found, required=0.6, required_n=20, by=bob)
    link = f'<a href="{reverse("graders:calibration", args=[grader.pk, found.pk])}">Look at the calibration</a>'
    refused = launch(version.pk)
    assert refused.status_code == 422
    text = refused.content.decode()
    assert "asks for a Spearman correlation with experts of at least 0.60 on at least 20 scored answers" in text
    assert link in text
    for case in found.cases.select_related("answer"):
        right = case.answer.text == case.answer.item["reference_answer"]
        calibration.score_case(case=case, by=rita, score=1.0 if right else 0.0)
    assert launch(version.pk).status_code == 302
    assert Run.objects.count() == 1


def test_a_draft_that_pays_what_it_should_not(grader, bob, launch, as_bob):
    save_draft(grader=grader, spec=ANYWHERE, by=bob)
    refused = launch("draft")
    text = refused.content.decode()
    assert refused.status_code == 422
    assert "It pays “" in text
    assert reverse("graders:check", args=[grader.pk]) in text
    assert not grader.versions.exists()
    found = as_bob.get(reverse("graders:check", args=[grader.pk])).content.decode()
    assert "Every label at once" in found
    assert "The draft pays" in found
    version = publish_grader(grader=grader, by=bob)  # somebody looked, and published it anyway
    assert launch(version.pk).status_code == 302


def test_a_draft_that_is_wrong_about_a_case(taskset, grader, bob, launch):
    answer = keep_answer(taskset=taskset, item=item_of(taskset, "billing-0"), text="<b>invoices</b>")
    cases.add_case(grader=grader, answer=answer, rule="at_least", wanted=1, why="", gave=0, by=bob)
    refused = launch("draft").content.decode()
    assert "1 regression case is not passed" in refused
    assert reverse("graders:cases", args=[grader.pk]) in refused
    assert "&lt;b&gt;invoices" in refused
    assert "<b>invoices" not in refused
    kinder = {"type": "exact_choice", "choices": list(DESKS), "synonyms": {"billing": ["<b>invoices</b>"]}}
    save_draft(grader=grader, spec=kinder, by=bob)
    assert launch("draft").status_code == 302
