"""Creating, saving, publishing, using, copying and archiving graders."""

import pytest

from rftstudio.engine.errors import SpecError
from rftstudio.graders import actions
from rftstudio.graders.checking import check_references, known_fields
from rftstudio.graders.models import Grader
from rftstudio.tasksets.actions import add_items
from tests.factories import DESKS, make_grader, make_taskset

LABELS = list(DESKS)
PLAIN = {"type": "exact_choice", "choices": LABELS}


@pytest.fixture
def taskset(workspace, bob):
    return make_taskset(workspace=workspace, by=bob)


def test_the_first_grader_works_already_and_is_in_use(taskset, bob):
    grader = make_grader(taskset=taskset, by=bob)
    assert grader.spec["choices"] == LABELS
    assert grader.in_use
    assert Grader.objects.used_by(taskset) == grader
    checked = check_references(taskset, actions.check_spec(taskset, grader.spec))
    assert (checked.n, checked.no_score, checked.below_full, checked.warning) == (12, [], [], "")
    second = make_grader(taskset=taskset, by=bob)
    assert not second.in_use
    assert second.name != grader.name


@pytest.mark.parametrize(
    ("answer_type", "options", "reference"),
    [
        ("text", {}, "Take two tablets."),
        ("number", {"unit": "mg"}, 12.5),
        ("ranking", {}, ["FBN1", "TGFBR2"]),
        ("set", {}, ["fever", "cough"]),
        ("json", {"schema": {"type": "object", "properties": {"code": {"type": "string"}}}}, {"code": "I21"}),
    ],
)
def test_every_answer_type_starts_with_a_grader_that_pays_the_reference(
    workspace, bob, answer_type, options, reference
):
    taskset = make_taskset(
        workspace=workspace, by=bob, items=0, answer_type=answer_type, answer_options=options, worked_examples=[]
    )
    add_items(taskset=taskset, by=bob, rows=[{"fields": {"message": "?"}, "reference_answer": reference}])
    version = actions.publish_grader(grader=make_grader(taskset=taskset, by=bob), by=bob)
    assert version.number == 1
    checked = check_references(taskset, actions.check_spec(taskset, version.spec))
    assert checked.n == 1
    assert not checked.below_full


def test_publishing_freezes_and_nothing_changed_is_no_new_version(taskset, bob):
    grader = make_grader(taskset=taskset, by=bob)
    first = actions.publish_grader(grader=grader, by=bob, note=" first\0 ")
    assert (first.number, first.note, len(first.content_hash)) == (1, "first", 64)
    assert actions.publish_grader(grader=grader, by=bob) == first
    actions.save_draft(grader=grader, spec={**PLAIN, "partial": 0.5}, by=bob)
    first.refresh_from_db()
    assert first.spec["partial"] != 0.5
    second = actions.publish_grader(grader=grader, by=bob)
    assert second.number == 2
    actions.save_draft(grader=grader, spec=first.spec, by=bob)
    assert actions.publish_grader(grader=grader, by=bob).content_hash == first.content_hash


def test_a_wrong_variable_names_the_field_and_the_known_ones(taskset, bob):
    grader = make_grader(taskset=taskset, by=bob)
    before = grader.spec
    with pytest.raises(SpecError) as caught:
        actions.save_draft(grader=grader, spec={**PLAIN, "reference": "{{ item.colour }}"}, by=bob)
    assert caught.value.path == "reference"
    assert "colour" in caught.value.message
    assert "message" in caught.value.fix
    assert "reference_answer" in caught.value.fix
    grader.refresh_from_db()
    assert grader.spec == before


def test_columns_of_imported_items_are_known(taskset, bob):
    taskset.items.filter(pk=taskset.items.first().pk).update(fields={"message": "x", "synonyms": "y"})
    assert known_fields(taskset) == ["message", "synonyms", "reference_answer"]


def test_a_reference_that_cannot_be_marked_stops_publishing_and_is_named(taskset, bob):
    spec = {"type": "exact_choice", "choices": [label for label in LABELS if label != "billing"]}
    grader = make_grader(taskset=taskset, by=bob, spec=spec)
    with pytest.raises(SpecError, match="billing-0 and 2 more"):
        actions.publish_grader(grader=grader, by=bob)
    assert grader.latest_version is None


def test_a_reference_below_full_marks_is_a_warning(taskset, bob):
    template = {"input": "{{ sample.output_text }}", "reference": "emergency"}
    grader = make_grader(taskset=taskset, by=bob, spec={"type": "string_check", **template, "operation": "eq"})
    version = actions.publish_grader(grader=grader, by=bob)
    checked = check_references(taskset, actions.check_spec(taskset, version.spec))
    assert len(checked.below_full) == 9
    assert "9 of 12 items" in checked.warning
    assert "0.00" in checked.warning


def test_an_item_without_a_reference_or_deleted_is_not_asked(taskset, bob):
    first, second = taskset.items.all()[:2]
    taskset.items.filter(pk=first.pk).update(reference_answer=None)
    taskset.items.filter(pk=second.pk).update(deleted_at="2026-01-01T00:00Z", reference_answer="nonsense")
    grader = make_grader(taskset=taskset, by=bob)
    assert check_references(taskset, actions.check_spec(taskset, grader.spec)).n == 10
    actions.publish_grader(grader=grader, by=bob)


def test_too_large_a_grader_is_refused(taskset, bob):
    names = {"billing": [f"name {number} {'x' * 100}" for number in range(8000)]}
    with pytest.raises(SpecError, match="640 KiB"):
        make_grader(taskset=taskset, by=bob, spec={"type": "set_match", "synonyms": names})


def test_one_grader_is_in_use_and_that_one_stays(taskset, bob):
    first, second = make_grader(taskset=taskset, by=bob), make_grader(taskset=taskset, by=bob)
    actions.use_grader(grader=second, by=bob)
    assert Grader.objects.used_by(taskset) == second
    assert taskset.graders.filter(in_use=True).count() == 1
    with pytest.raises(SpecError, match="in use"):
        actions.archive_grader(grader=second, by=bob)
    first.refresh_from_db()
    actions.archive_grader(grader=first, by=bob)
    assert list(taskset.graders.active()) == [second]
    with pytest.raises(SpecError, match="archived"):
        actions.use_grader(grader=first, by=bob)
    actions.restore_grader(grader=first, by=bob)
    assert taskset.graders.active().count() == 2


def test_a_copy_has_the_draft_and_no_versions(taskset, bob):
    grader = make_grader(taskset=taskset, by=bob, published=True)
    copy = actions.clone_grader(grader=grader, by=bob)
    assert copy.spec == grader.spec
    assert copy.latest_version is None
    assert copy.name == f"{grader.name} (copy)"
    assert actions.clone_grader(grader=grader, by=bob).name == f"{grader.name} (copy) 2"


@pytest.mark.parametrize("name", ["", "   ", "x" * 121, "a\0b"])
def test_a_name_that_cannot_be_shown_is_refused(taskset, bob, name):
    with pytest.raises(SpecError) as caught:
        actions.rename_grader(grader=make_grader(taskset=taskset, by=bob), name=name, by=bob)
    assert caught.value.path == "name"
