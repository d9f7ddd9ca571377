"""The list of graders and their versions."""

from django.urls import reverse

from rftstudio.graders import actions
from rftstudio.graders.diff import changes_between
from tests.factories import DESKS, make_grader, make_taskset
from tests.graders.specs import NESTED, PLAIN


def test_the_list_shows_which_is_in_use_and_offers_the_rest(workspace, bob, as_bob, as_vera):
    taskset = make_taskset(workspace=workspace, by=bob)
    make_grader(taskset=taskset, by=bob, name="First", published=True)
    make_grader(taskset=taskset, by=bob, name="Second")
    address = reverse("graders:list", args=[taskset.pk])
    page = as_bob.get(address).content.decode()
    assert page.index("First") < page.index("Second")
    assert page.count("In use") == 1
    assert "one of emergency, appointment, billing, prescription" in page
    assert "Use this one" not in as_vera.get(address).content.decode()


def test_make_rename_use_copy_archive_and_restore(workspace, bob, as_bob):
    taskset = make_taskset(workspace=workspace, by=bob)
    first = make_grader(taskset=taskset, by=bob)
    as_bob.post(reverse("graders:create", args=[taskset.pk]), {"name": "Strict", "kind": "rubric"})
    second = taskset.graders.get(name="Strict")
    assert second.spec["type"] == "rubric"
    as_bob.post(reverse("graders:rename", args=[second.pk]), {"name": "Stricter"})
    as_bob.post(reverse("graders:use", args=[second.pk]))
    as_bob.post(reverse("graders:clone", args=[second.pk]))
    as_bob.post(reverse("graders:archive", args=[first.pk]))
    second.refresh_from_db()
    first.refresh_from_db()
    assert (second.name, second.in_use, first.archived_at is not None) == ("Stricter", True, True)
    assert taskset.graders.filter(name="Stricter (copy)").exists()
    shown = as_bob.get(reverse("graders:list", args=[taskset.pk]), {"show": "archived"}).content.decode()
    assert first.name in shown
    as_bob.post(reverse("graders:archive", args=[first.pk]), {"restore": "1"})
    first.refresh_from_db()
    assert first.archived_at is None


def test_an_empty_name_is_said_and_the_name_stays(workspace, bob, as_bob):
    grader = make_grader(taskset=make_taskset(workspace=workspace, by=bob), by=bob, name="Kept")
    page = as_bob.post(reverse("graders:rename", args=[grader.pk]), {"name": " "}, follow=True).content.decode()
    grader.refresh_from_db()
    assert grader.name == "Kept"
    assert "The name is empty." in page


def test_versions_show_what_changed(workspace, bob, as_bob):
    taskset = make_taskset(workspace=workspace, by=bob)
    grader = make_grader(taskset=taskset, by=bob, published=True)
    actions.save_draft(grader=grader, spec={**grader.spec, "partial": 0.35}, by=bob)
    page = as_bob.get(reverse("graders:versions", args=[grader.pk])).content.decode()
    assert "since version 1" in page
    assert "0.35" in page
    response = as_bob.post(reverse("graders:publish", args=[grader.pk]), {"note": "softer"})
    assert response["Location"] == reverse("graders:version", args=[grader.pk, 2])
    page = as_bob.get(response["Location"]).content.decode()
    assert "Against version 1" in page
    assert "<ins>0.35</ins>" in page
    page = as_bob.get(reverse("graders:version", args=[grader.pk, 1]), {"against": "2"}).content.decode()
    assert "<del>0.35</del>" in page
    for against, status in (("99", 404), ("x", 200), ("-1", 200), ("9" * 40, 200)):
        assert as_bob.get(reverse("graders:version", args=[grader.pk, 1]), {"against": against}).status_code == status


def test_publishing_what_cannot_mark_the_references_says_so(workspace, bob, as_bob):
    spec = {"type": "exact_choice", "choices": list(DESKS)[:2]}
    grader = make_grader(taskset=make_taskset(workspace=workspace, by=bob), by=bob, spec=spec)
    page = as_bob.post(reverse("graders:publish", args=[grader.pk]), follow=True).content.decode()
    assert "Not published." in page
    assert not grader.versions.exists()


def test_a_difference_is_told_field_by_field():
    before = PLAIN["rubric"]
    after = {**before, "criteria": [before["criteria"][1], {**before["criteria"][0], "weight": 4}]}
    found = {change.path: (change.kind, change.before, change.after) for change in changes_between(before, after)}
    assert found == {
        "criteria › drug › weight": ("changed", "3", "4"),
        "criteria › order": ("changed", '["drug", "blame"]', '["blame", "drug"]'),
    }
    assert changes_between(NESTED, NESTED) == []


def test_another_kind_is_a_difference_in_every_field():
    kinds = {change.path: change.kind for change in changes_between(PLAIN["number"], PLAIN["exact_choice"])}
    assert (kinds["type"], kinds["tolerance"], kinds["choices"]) == ("changed", "removed", "added")
