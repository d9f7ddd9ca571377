"""“How would you mark this answer?”: every kind by question, for a new grader and in place of a part."""

import pytest
from django.urls import reverse

from rftstudio.graders.chooser import GROUPS, choices, group_of
from rftstudio.graders.forms import FORMS, KindForm
from rftstudio.graders.forms.tree import texts_of
from rftstudio.graders.starts import starting_specs
from tests.factories import make_grader, make_taskset
from tests.graders.test_judges import make_judge


@pytest.fixture
def taskset(workspace, bob):
    return make_taskset(workspace=workspace, by=bob)


def test_every_kind_is_there_once_with_a_question_and_an_example(taskset):
    found = choices(taskset, starting_specs(taskset))
    kinds = [choice.kind for _, options in found for choice in options]
    assert sorted(kinds) == sorted(FORMS)
    assert [heading for heading, _ in found] == [each for each in GROUPS.values() if each in dict(found)]
    for _, options in found:
        for choice in options:
            assert choice.question
            assert choice.example.endswith((".", "?"))
            assert choice.usual == (choice.kind == "exact_choice")


def test_a_kind_that_names_no_group_has_one_all_the_same():
    class Odd(KindForm):
        kind = "odd"
        question = "Odd"

    class Python(Odd):
        kind = "python"

    class Grouped(Odd):
        heading = "judgement"

    assert [group_of(each) for each in (Odd, Python, Grouped)] == ["words", "program", "judgement"]


def test_a_kind_without_a_start_is_not_offered(taskset):
    found = choices(taskset, ["number"])
    assert [(heading, [choice.kind for choice in options]) for heading, options in found] == [
        (GROUPS["number"], ["number"])
    ]


@pytest.mark.parametrize("kind", sorted(FORMS))
def test_a_new_grader_of_any_kind_works_at_once(taskset, as_bob, kind):
    make_judge(taskset.workspace)
    address = reverse("graders:create", args=[taskset.pk])
    page = as_bob.get(address).content.decode()
    assert f'name="kind" value="{kind}"' in page
    response = as_bob.post(address, {"kind": kind, "name": "Mine"})
    grader = taskset.graders.get(name="Mine")
    assert response["Location"] == reverse("graders:builder", args=[grader.pk])
    assert as_bob.get(response["Location"]).context["bench"].spec.type == kind


def test_the_choices_open_for_the_grader_that_is_asked_about_and_nothing_is_lost(taskset, as_bob, bob):
    grader = make_grader(taskset=taskset, by=bob, spec=starting_specs(taskset)["rubric"])
    address = reverse("graders:builder", args=[grader.pk])
    closed = as_bob.get(address).content.decode()
    assert 'value="choose:g-r0-g"' in closed
    assert 'value="kind:g-r0-g:number"' not in closed
    sent = {**texts_of(grader.spec), "g-r0-sentence": "Typed just now", "op": "choose:g-r0-g"}
    response = as_bob.post(address, sent)
    page = response.content.decode()
    assert 'value="kind:g-r0-g:number"' in page
    assert 'value="kind:g:number"' not in page
    assert "Typed just now" in page
    assert response.context["bench"].open_rows == ["g-r0"]
    left = as_bob.post(address, {**response.context["bench"].texts, "op": "choose:"}).content.decode()
    assert 'value="kind:g-r0-g:number"' not in left


def test_a_way_that_needs_a_judge_says_so_and_keeps_the_name_where_there_is_none(taskset, as_bob, workspace):
    address = reverse("graders:create", args=[taskset.pk])
    assert as_bob.get(address).content.decode().count("needs a judge") == 4
    answer = as_bob.post(address, {"kind": "judge", "name": "Kind letters"})
    text = answer.content.decode()
    assert answer.status_code == 422
    assert 'value="Kind letters"' in text
    assert reverse("graders:judges", args=[workspace.slug]) in text.partition('role="alert"')[2][:600]
    assert not taskset.graders.exists()
    make_judge(workspace)
    assert "needs a judge" not in as_bob.get(address).content.decode()


def test_a_name_that_is_refused_is_kept(taskset, as_bob):
    answer = as_bob.post(reverse("graders:create", args=[taskset.pk]), {"kind": "number", "name": "n" * 121})
    assert answer.status_code == 422
    assert "n" * 121 in answer.content.decode()
    assert "No grader was made" in answer.content.decode()
