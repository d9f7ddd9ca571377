"""Defining, filling and publishing a task set through its actions."""

import pytest

from rftstudio.engine.errors import SpecError
from rftstudio.engine.types import Message
from rftstudio.tasksets.actions import (
    add_items,
    create_taskset,
    delete_items,
    duplicate_item,
    propose_splits,
    publish_version,
    restore_items,
    save_item,
    set_split,
    update_taskset,
)
from rftstudio.tasksets.definition import definition_of
from rftstudio.tasksets.models import TaskItem
from rftstudio.tasksets.rows import draft_item, to_item, version_items
from tests.factories import make_taskset

pytestmark = pytest.mark.django_db


@pytest.fixture
def taskset(workspace, alice):
    return make_taskset(workspace=workspace, by=alice)


def test_the_model_sees_instructions_examples_and_prompt(taskset):
    item = taskset.items.first()
    assert draft_item(taskset, item).messages == (
        Message("system", taskset.instructions),
        Message("user", "Send me the invoice."),
        Message("assistant", "billing"),
        Message("user", "My chest hurts badly."),
    )


def test_a_version_and_a_draft_give_the_same_item(taskset, alice):
    version = publish_version(taskset=taskset, by=alice)
    for row in version.items.all():
        assert to_item(version, row) == draft_item(taskset, taskset.items.get(key=row.key))
    items = version_items(version, "test")
    assert [item.id for item in items] == [row.key for row in version.items.filter(split="test")]
    assert items[0].fields["reference_answer"] in {"emergency", "appointment", "billing", "prescription"}


def test_a_prompt_without_template_names_every_field(workspace):
    fields = [{"name": "age", "label": "Age"}, {"name": "complaint"}]
    taskset = create_taskset(workspace=workspace, by=None, name="T", answer_type="text", input_fields=fields)
    [item] = add_items(taskset=taskset, by=None, rows=[{"fields": {"age": 4}, "reference_answer": "x"}])
    assert draft_item(taskset, item).messages == (Message("user", "Age: 4\ncomplaint: "),)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"prompt_template": "{{ item.text }}"},
            "{{ item.text }} is not an input field of this task. Known: {{ item.m",
        ),
        ({"prompt_template": "{{ item.reference_answer }} {{ item.message }}"}, "the right answer"),
        ({"prompt_template": "{{ sample.output_text }}"}, "does not exist yet"),
        ({"prompt_template": "{{ item.message"}, "never closed"),
        ({"prompt_template": "Which desk?"}, "contains no input field"),
        ({"input_fields": []}, "There is no input field"),
        ({"input_fields": [{"name": "split"}]}, "meaning of its own"),
        ({"input_fields": [{"name": "2nd"}]}, "cannot be a field's name"),
        ({"input_fields": [{"name": "message"}, {"name": "message"}]}, "Two input fields"),
        ({"answer_options": {}}, "fewer than two choices"),
        ({"answer_type": "colour"}, "Unknown answer type"),
        ({"name": " "}, "no name"),
        ({"instructions": "a\0"}, "NUL byte"),
        ({"worked_examples": [{"fields": {"message": "x"}, "reference_answer": "urgent"}]}, "not one of the choices"),
        ({"worked_examples": [{"fields": {"message": " "}, "reference_answer": "billing"}]}, "asks nothing"),
    ],
)
def test_a_wrong_definition_is_refused(workspace, changes, message):
    with pytest.raises(SpecError) as caught:
        make_taskset(workspace=workspace, **changes)
    assert message in str(caught.value)


def test_adding_is_all_or_nothing(taskset, alice):
    rows = [{"fields": {"message": "ok"}, "reference_answer": "billing"}, {"fields": {}, "reference_answer": "billing"}]
    with pytest.raises(SpecError, match=r"row 2: fields"):
        add_items(taskset=taskset, by=alice, rows=rows)
    assert taskset.items.count() == 12


def test_a_key_is_used_once_and_made_from_the_content(taskset, alice):
    with pytest.raises(SpecError, match="already an item with the id"):
        add_items(taskset=taskset, by=alice, rows=[{"fields": {"message": "x"}, "key": "billing-0"}])
    row = {"fields": {"message": "twice"}, "reference_answer": "billing"}
    first, second = add_items(taskset=taskset, by=alice, rows=[row, row])
    assert second.key == f"{first.key}-2"


def test_saving_an_item_keeps_search_and_problem_in_step(taskset, alice):
    item = taskset.items.first()
    save_item(item=item, by=alice, reference_answer="", tags="Tricky, short", notes="Ask Rita")
    item.refresh_from_db()
    assert (item.reference_answer, item.problem, item.tags) == (None, "unanswered", ["Tricky", "short"])
    assert item.tag_text == "|Tricky|short|"
    assert "ask rita" in item.search_text
    save_item(item=item, by=alice, reference_answer="Emergency")
    assert (item.reference_answer, item.problem) == ("emergency", "")


def test_tags_can_be_saved_beside_a_reference_that_no_longer_fits(taskset, alice):
    TaskItem.objects.filter(key="billing-0").update(reference_answer="gone")
    item = save_item(item=taskset.items.get(key="billing-0"), by=alice, tags="x")
    assert (item.reference_answer, item.problem) == ("gone", "answer")


def test_renaming_a_field_renames_it_in_the_items(taskset, alice):
    definition = definition_of(taskset)
    definition["input_fields"] = [{"name": "words", "label": "Words", "help": ""}]
    definition["prompt_template"] = "{{ item.words }}"
    definition["worked_examples"] = []
    update_taskset(taskset=taskset, by=alice, definition=definition, renames={"message": "words"})
    assert taskset.items.first().fields == {"words": "My chest hurts badly."}


def test_removing_a_choice_marks_the_items_that_need_it(taskset, alice):
    definition = definition_of(taskset)
    definition["answer_options"] = {"choices": [{"label": "emergency"}, {"label": "billing"}]}
    update_taskset(taskset=taskset, by=alice, definition=definition)
    assert taskset.items.filter(problem="answer").count() == 6


def test_deleting_can_be_undone(taskset, alice):
    count, moment = delete_items(taskset=taskset, items=taskset.items.filter(key__startswith="billing"), by=alice)
    assert (count, taskset.items.live().count()) == (3, 9)
    assert restore_items(taskset=taskset, items=taskset.items.filter(deleted_at=moment), by=alice) == 3
    assert taskset.items.live().count() == 12


def test_a_duplicate_is_an_item_of_its_own(taskset, alice):
    item = taskset.items.first()
    copy = duplicate_item(item=item, by=alice)
    assert (copy.fields, copy.reference_answer) == (item.fields, item.reference_answer)
    assert copy.key != item.key


def test_a_manual_split_survives_the_proposal(taskset, alice):
    set_split(taskset=taskset, items=taskset.items.filter(key="billing-0"), split="test", by=alice)
    assert propose_splits(taskset=taskset) == 11
    assert taskset.items.get(key="billing-0").split == "test"
    before = dict(taskset.items.values_list("key", "split"))
    add_items(taskset=taskset, by=alice, rows=[{"fields": {"message": "new"}, "reference_answer": "billing"}])
    propose_splits(taskset=taskset)
    assert before.items() <= dict(taskset.items.values_list("key", "split")).items()


def test_publishing_freezes(taskset, alice):
    version = publish_version(taskset=taskset, by=alice, note="first")
    assert (version.number, sum(version.counts.values()), len(version.content_hash)) == (1, 12, 64)
    item = taskset.items.first()
    save_item(item=item, by=alice, reference_answer="billing")
    assert version.items.get(key=item.key).reference_answer == "emergency"
    second = publish_version(taskset=taskset, by=alice)
    assert (second.number, second.content_hash == version.content_hash) == (2, False)


def test_publishing_the_same_again_returns_the_same_version(taskset, alice):
    version = publish_version(taskset=taskset, by=alice)
    taskset.name = "Another name"
    taskset.save()
    save_item(item=taskset.items.first(), by=alice, notes="notes are not part of a version")
    assert publish_version(taskset=taskset, by=alice) == version


def test_the_hash_is_of_the_content_alone(workspace, alice, bob):
    one = publish_version(taskset=make_taskset(workspace=workspace, by=alice), by=alice)
    two = publish_version(taskset=make_taskset(workspace=workspace, by=bob, name="Other"), by=bob)
    assert one.content_hash == two.content_hash
    assert one.content_hash == "4c5546f5d2acaa98ca4e75b753d2cde338fcd98ea0f73ce3a1841303e98332bf"


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda items: items.all().delete(), "There are no items"),
        (lambda items: items.exclude(key="billing-0").delete(), "only one item"),
        (lambda items: items.update(split="train"), "validation split is empty"),
        (lambda items: items.filter(key="billing-0").update(reference_answer="urgent"), "urgent"),
        (lambda items: items.filter(key="billing-0").update(reference_answer=None), "no reference answer"),
        (
            lambda items: items.filter(key="billing-0").update(fields={"message": "Send me the invoice."}),
            "Worked example 1",
        ),
    ],
)
def test_publishing_refuses(taskset, alice, spoil, message):
    spoil(taskset.items)
    with pytest.raises(SpecError) as caught:
        publish_version(taskset=taskset, by=alice)
    assert message in str(caught.value)
    assert not taskset.versions.exists()


def test_a_test_item_may_not_be_in_training(taskset, alice):
    publish_version(taskset=taskset, by=alice)
    copy = duplicate_item(item=taskset.items.filter(split="test").first(), by=alice)
    publish_version(taskset=taskset, by=alice)  # twins in one split are only a waste
    set_split(taskset=taskset, items=taskset.items.filter(pk=copy.pk), split="train", by=alice)
    with pytest.raises(SpecError, match="test split also in another split"):
        publish_version(taskset=taskset, by=alice)
