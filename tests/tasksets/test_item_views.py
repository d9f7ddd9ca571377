"""The page of one item, and its rows and cells in the table."""

import pytest
from django.urls import reverse

from rftstudio.tasksets.actions import add_items, create_taskset
from rftstudio.tasksets.models import TaskItem

pytestmark = pytest.mark.django_db
TALK = [{"role": "system", "content": "Be kind."}, {"role": "user", "content": "Hello"}]


@pytest.fixture
def item(taskset):
    return taskset.items.first()


@pytest.fixture
def conversation(taskset, alice):
    [made] = add_items(taskset=taskset, by=alice, rows=[{"messages": TALK, "reference_answer": "billing"}])
    return made


def test_saving_and_next_stays_within_the_filter(as_bob, item):
    first, second = item.taskset.items.filter(reference_answer="billing")[:2]
    url = reverse("tasksets:item", args=[first.pk]) + "?q=billing"
    data = {"field-message": "New words", "reference_answer": "billing", "tags": "x, y", "notes": "n", "then": "next"}
    answer = as_bob.post(url, data)
    assert answer["Location"] == reverse("tasksets:item", args=[second.pk]) + "?q=billing"
    first.refresh_from_db()
    assert (first.fields, first.tags, first.notes) == ({"message": "New words"}, ["x", "y"], "n")


def test_next_after_the_last_goes_back_to_the_table(as_bob, item):
    last = item.taskset.items.last()
    answer = as_bob.post(
        reverse("tasksets:item", args=[last.pk]),
        {"field-message": "x", "reference_answer": "billing", "then": "next"},
    )
    assert answer["Location"] == reverse("tasksets:detail", args=[item.taskset_id])


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"reference_answer": "urgent"}, "Allowed: emergency, appointment, billing, prescription"),
        ({"field-message": "  "}, "Fill in what the model is asked"),
        ({"field-message": "a\0b"}, "Null characters"),
        ({"field-message": "a\x1bb"}, "control character"),
        ({"field-message": "x" * 1_000_000}, "1,000,000 characters"),
        ({"tags": "t" * 50}, "at most 40 fit"),
        ({"tags": ",".join(map(str, range(30)))}, "at most 20 fit"),
        ({"tags": ",".join(f"{n}{'t' * 30}" for n in range(15))}, "more than 400 characters together"),
        ({"notes": "n" * 30_000}, "at most 20000 characters"),
        ({"split": "both"}, "Select a valid choice"),
    ],
)
def test_a_wrong_item_keeps_what_was_typed(as_bob, item, changes, message):
    data = {"field-message": "Typed text", "reference_answer": "billing", "notes": "typed notes"} | changes
    answer = as_bob.post(reverse("tasksets:item", args=[item.pk]), data)
    assert answer.status_code == 422
    page = answer.content.decode()
    assert message in page
    assert data["notes"][:11] in page
    item.refresh_from_db()
    assert item.fields == {"message": "My chest hurts badly."}


def test_an_item_may_wait_for_its_answer(as_bob, item):
    answer = as_bob.post(reverse("tasksets:item", args=[item.pk]), {"field-message": "x"}, follow=True)
    assert "There is no reference answer" in answer.content.decode()


def test_new_and_another(as_bob, taskset):
    url = reverse("tasksets:item_new", args=[taskset.pk])
    data = {"field-message": "A new one", "reference_answer": "billing", "then": "next"}
    assert as_bob.post(url, data)["Location"] == url
    made = taskset.items.last()
    assert (made.fields, made.author.first_name) == ({"message": "A new one"}, "Bob")
    assert as_bob.post(url, data | {"field-message": ""}).status_code == 422


def test_a_conversation_is_edited_message_by_message(as_bob, conversation):
    url = reverse("tasksets:item", args=[conversation.pk])
    page = as_bob.get(url)
    assert page.context["preview"].messages == TALK
    data = {"turns-0-role": "system", "turns-0-content": "Be kind.", "turns-1-role": "user", "turns-1-content": "Hi"}
    more = as_bob.post(url, data | {"do": "add:turns"})
    assert len(more.context["form"].turns) == 3
    assert as_bob.post(url, data | {"reference_answer": "billing"}).status_code == 302
    conversation.refresh_from_db()
    assert conversation.messages == [TALK[0], {"role": "user", "content": "Hi"}]
    wrong = as_bob.post(url, data | {"turns-1-role": "assistant"})
    assert "The last message must come from the user" in wrong.content.decode()


def test_numbers_and_lists_in_fields_keep_their_kind(as_bob, workspace, alice):
    fields = [{"name": "age"}, {"name": "findings"}]
    taskset = create_taskset(workspace=workspace, by=alice, name="T", answer_type="text", input_fields=fields)
    row = {"fields": {"age": 4, "findings": ["a", "b"], "extra": {"k": 1}}, "reference_answer": "x"}
    [item] = add_items(taskset=taskset, by=alice, rows=[row])
    url = reverse("tasksets:item", args=[item.pk])
    assert "extra" in as_bob.get(url).content.decode()
    as_bob.post(url, {"field-age": "5", "field-findings": '["c"]', "reference_answer": "x"})
    item.refresh_from_db()
    assert item.fields == {"age": 5, "findings": ["c"], "extra": {"k": 1}}


def test_preview_shows_the_item_as_typed(as_bob, item, taskset):
    for url in (
        reverse("tasksets:item_preview", args=[item.pk]),
        reverse("tasksets:item_new_preview", args=[taskset.pk]),
    ):
        shown = as_bob.post(url, {"field-message": "Just typed"}).context["preview"]
        assert shown.messages[-1] == {"role": "user", "content": "Just typed"}
        assert (len(shown.opening), len(shown.examples), len(shown.rest)) == (1, 2, 1)


@pytest.mark.parametrize(
    ("kind", "options", "value", "expected"),
    [
        ("number", {"unit": "mg"}, 12.5, ['value="12.5"', "mg"]),
        ("ranking", {}, ["a", "b"], ['data-list="ranking"', "a\nb"]),
        ("set", {}, ["a", "b"], ['data-list="set"']),
        ("json", {}, {"a": 1}, ["data-json", "&quot;a&quot;: 1"]),
        ("text", {}, "<b>", ["&lt;b&gt;"]),
        ("choice", {"choices": [{"label": str(n)} for n in range(9)]}, "3", ['<option value="3" selected']),
        ("choice", {"choices": [{"label": "a"}, {"label": "b"}]}, "b", ['value="b"', "checked"]),
    ],
)
def test_the_widget_fits_the_answer_type(as_bob, workspace, alice, kind, options, value, expected):
    taskset = create_taskset(
        workspace=workspace, by=alice, name="T", answer_type=kind, answer_options=options, input_fields=[{"name": "q"}]
    )
    [item] = add_items(taskset=taskset, by=alice, rows=[{"fields": {"q": "?"}, "reference_answer": value}])
    page = as_bob.get(reverse("tasksets:item", args=[item.pk])).content.decode()
    for part in expected:
        assert part in page


def test_an_answer_that_is_no_choice_any_more_is_shown(as_bob, item):
    TaskItem.objects.filter(pk=item.pk).update(reference_answer="triage", problem="answer")
    page = as_bob.get(reverse("tasksets:item", args=[item.pk])).content.decode()
    assert "Not one of the task’s choices" in page
    assert "is not one of the choices" in page


def test_a_viewer_sees_an_item_and_no_buttons(as_vera, item):
    page = as_vera.get(reverse("tasksets:item", args=[item.pk])).content.decode()
    assert "My chest hurts badly." in page
    assert "Save and next" not in page


@pytest.mark.parametrize(
    ("cell", "value", "shown"),
    [("reference_answer", "billing", "billing"), ("split", "test", "Test"), ("tags", "a, b", '<span class="tag">a')],
)
def test_a_cell_is_changed_in_place(as_bob, item, cell, value, shown):
    url = reverse("tasksets:item_row", args=[item.pk])
    htmx = {"HX-Request": "true"}
    form = as_bob.get(f"{url}?edit={cell}", headers=htmx).content.decode()
    assert f'name="{cell}"' in form
    assert "<html" not in form
    saved = as_bob.post(url, {"cell": cell, cell: value}, headers=htmx)
    assert saved.status_code == 200
    assert shown in saved.content.decode()
    left = as_bob.get(f"{url}?left={cell}", headers=htmx).content.decode()
    assert "autofocus" in left


def test_a_wrong_cell_says_so_in_place(as_bob, item):
    url = reverse("tasksets:item_row", args=[item.pk])
    answer = as_bob.post(url, {"cell": "reference_answer", "reference_answer": "no"}, headers={"HX-Request": "true"})
    assert answer.status_code == 422
    assert "Allowed: emergency" in answer.content.decode()
    assert as_bob.post(url, {"cell": "notes", "notes": "x"}, headers={"HX-Request": "true"}).status_code == 200
    item.refresh_from_db()
    assert (item.reference_answer, item.notes) == ("emergency", "")


def test_cells_work_without_javascript(as_bob, item):
    url = reverse("tasksets:item_row", args=[item.pk])
    table = reverse("tasksets:detail", args=[item.taskset_id])
    assert as_bob.post(url, {"cell": "split", "split": "test", "next": f"{table}?q=x"})["Location"] == f"{table}?q=x"
    assert as_bob.post(url, {"cell": "split", "split": "test", "next": "https://evil.example/"})["Location"] == table


def test_duplicate_opens_the_copy(as_bob, item):
    answer = as_bob.post(reverse("tasksets:item_duplicate", args=[item.pk]))
    copy = item.taskset.items.last()
    assert answer["Location"] == reverse("tasksets:item", args=[copy.pk])
    assert copy.fields == item.fields


def test_delete_offers_an_undo_that_works(as_bob, item):
    table = reverse("tasksets:detail", args=[item.taskset_id])
    as_bob.post(reverse("tasksets:item_delete", args=[item.pk]))
    page = as_bob.get(table)
    assert "Deleted 1 item." in page.content.decode()
    assert as_bob.get(reverse("tasksets:item", args=[item.pk])).status_code == 404
    as_bob.post(reverse("tasksets:undo", args=[item.taskset_id]), {"at": page.context["undo"]["at"]})
    assert as_bob.get(reverse("tasksets:item", args=[item.pk])).status_code == 200
    assert "Deleted" not in as_bob.get(table).content.decode()


@pytest.mark.parametrize(
    ("name", "methods", "viewer"),
    [
        ("item", "GET POST", 200),
        ("item_preview", "POST", 403),
        ("item_row", "GET POST", 403),
        ("item_duplicate", "POST", 403),
        ("item_delete", "POST", 403),
    ],
)
def test_guards(guarded, item, name, methods, viewer):
    missing = reverse(f"tasksets:{name}", args=[99999])
    guarded(reverse(f"tasksets:{name}", args=[item.pk]), methods=methods, viewer=viewer, missing=missing)


@pytest.mark.parametrize(("name", "methods"), [("item_new", "GET POST"), ("item_new_preview", "POST")])
def test_guards_of_a_new_item(guarded, taskset, name, methods):
    missing = reverse(f"tasksets:{name}", args=[99999])
    guarded(reverse(f"tasksets:{name}", args=[taskset.pk]), methods=methods, viewer=403, missing=missing)
