"""The list of task sets and the form that defines one."""

import json

import pytest
from django.urls import reverse

from rftstudio.tasksets.definition import definition_of
from rftstudio.tasksets.models import TaskSet

pytestmark = pytest.mark.django_db


def typed(**changes):
    form = {
        "name": "Triage",
        "instructions": "Answer a or b.",
        "answer_type": "choice",
        "choices-0-label": "a",
        "choices-1-label": "b",
        "choices-1-description": "when it is not a",
        "fields-0-uid": "new-1",
        "fields-0-label": "Patient's age",
        "fields-1-uid": "new-2",
        "fields-1-label": "Complaint",
        "fields-1-name": "complaint",
        "prompt_template": "{{ item.patient_s_age }}: {{ item.complaint }}",
        "examples-0-f.new-1": "40",
        "examples-0-f.new-2": "cough",
        "examples-0-answer": "a",
    }
    return {**form, **changes}


def test_list(as_vera, as_bob, taskset):
    url = reverse("tasksets:list", args=["ward-7"])
    page = as_vera.get(url)
    assert page.context["tasksets"][0].n_items == 12
    assert "New task set" not in page.content.decode()
    assert "New task set" in as_bob.get(url).content.decode()


def test_list_without_task_sets_says_what_to_do(as_bob, workspace):
    assert "No task sets yet" in as_bob.get(reverse("tasksets:list", args=["ward-7"])).content.decode()


def test_list_guards(guarded, taskset):
    guarded(reverse("tasksets:list", args=["ward-7"]), methods="GET", viewer=200, missing="/w/none/tasksets/")


def test_new_is_made_from_what_was_typed(as_bob, bob, workspace):
    answer = as_bob.post(reverse("tasksets:new", args=["ward-7"]), typed())
    taskset = TaskSet.objects.get()
    assert answer["Location"] == reverse("tasksets:detail", args=[taskset.pk])
    assert taskset.created_by == bob
    assert taskset.input_fields[0] == {"name": "patient_s_age", "label": "Patient's age", "help": ""}
    assert taskset.answer_options["choices"][1] == {"label": "b", "description": "when it is not a"}
    [example] = taskset.worked_examples.all()
    assert (example.fields, example.reference_answer) == ({"patient_s_age": "40", "complaint": "cough"}, "a")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"name": ""}, "This field is required"),
        ({"name": "a\0b"}, "Null characters are not allowed"),
        (
            {"prompt_template": "{{ item.age }}"},
            "{{ item.age }} is not an input field of this task. Known: {{ item.pati",
        ),
        ({"choices-1-label": ""}, "A choice is empty"),
        ({"choices-1-label": "", "choices-1-description": ""}, "fewer than two choices"),
        ({"choices-1-label": "A"}, "the same choice"),
        ({"fields-0-name": "messages"}, "meaning of its own"),
        ({"fields-0-name": "two words"}, "cannot be a field"),
        ({"fields-0-name": "complaint"}, "Two input fields"),
        ({"examples-0-answer": "c"}, "Allowed: a, b"),
        ({"examples-0-answer": ""}, "has no answer"),
        ({"answer_type": "number", "examples-0-answer": "much"}, "is not a number"),
        ({"answer_type": "json", "schema": "{"}, "not valid JSON"),
        ({"answer_type": "json", "schema": '{"type": 3}', "examples-0-answer": "{}"}, "schema is not valid"),
        ({"answer_type": "colour"}, "Select a valid choice"),
        ({"instructions": "a\u202eb"}, "reading direction"),
        ({"instructions": "x" * 200_000}, "200,000 characters"),
    ],
)
def test_a_wrong_form_keeps_what_was_typed(as_bob, workspace, changes, message):
    answer = as_bob.post(reverse("tasksets:new", args=["ward-7"]), typed(**changes))
    assert answer.status_code == 422
    page = answer.content.decode().replace("&#x27;", "'")
    assert message in page
    assert "when it is not a" in page or "choices-1-description" in changes
    assert "cough" in page
    assert not TaskSet.objects.exists()


def test_row_buttons_change_rows_and_save_nothing(as_bob, workspace):
    url = reverse("tasksets:new", args=["ward-7"])

    def press(do, **changes):
        answer = as_bob.post(url, typed(do=do, **changes))
        assert answer.status_code == 200
        return answer.context["form"]

    assert [row.get("label") for row in press("add:choices").choice_rows] == ["a", "b", ""]
    assert [row.get("label") for row in press("down:choices:0").choice_rows] == ["b", "a"]
    assert [row.get("label") for row in press("remove:choices:0").choice_rows] == ["b"]
    swapped = press("up:fields:1")
    assert list(swapped.names().values()) == ["complaint", "patient_s_age"]
    assert swapped.definition()["worked_examples"][0]["fields"]["complaint"] == "cough"
    assert len(press("remove:examples:0").example_rows) == 0
    assert len(press("remove:examples:9").example_rows) == 1
    assert not press("refresh", name="").errors
    assert not TaskSet.objects.exists()


def test_row_buttons_answer_htmx_with_the_form_alone(as_bob, workspace):
    answer = as_bob.post(
        reverse("tasksets:new", args=["ward-7"]), typed(do="add:fields"), headers={"HX-Request": "true"}
    )
    page = answer.content.decode()
    assert "<html" not in page
    assert 'name="fields-2-label"' in page


def test_edit_renames_a_field_everywhere(as_bob, taskset):
    url = reverse("tasksets:edit", args=[taskset.pk])
    form = as_bob.get(url).context["form"]
    assert [row.get("uid") for row in form.field_rows] == ["message"]
    data = {
        "name": "Inbox",
        "answer_type": "choice",
        **{f"choices-{place}-label": row.get("label") for place, row in enumerate(form.choice_rows)},
        "fields-0-uid": "message",
        "fields-0-label": "Words",
        "fields-0-name": "words",
        "prompt_template": "{{ item.words }}",
        "examples-0-f.message": "Send me the invoice.",
        "examples-0-answer": "billing",
    }
    assert as_bob.post(url, data).status_code == 302
    taskset.refresh_from_db()
    assert taskset.items.first().fields == {"words": "My chest hurts badly."}
    assert taskset.worked_examples.get().fields == {"words": "Send me the invoice."}


def test_edit_keeps_everything_it_shows(as_bob, workspace):
    options = {"schema": {"type": "object", "required": ["code"]}}
    as_bob.post(
        reverse("tasksets:new", args=["ward-7"]),
        typed(answer_type="json", schema=json.dumps(options["schema"]), **{"examples-0-answer": '{"code": "ü"}'}),
    )
    taskset = TaskSet.objects.get()
    before = definition_of(taskset)
    form = as_bob.get(reverse("tasksets:edit", args=[taskset.pk])).context["form"]
    assert form.definition() == before


def test_changing_the_answer_type_tells_how_many_items_no_longer_fit(as_bob, taskset):
    data = {
        "name": "Inbox",
        "answer_type": "number",
        "fields-0-uid": "message",
        "fields-0-label": "Message",
        "fields-0-name": "message",
    }
    answer = as_bob.post(reverse("tasksets:edit", args=[taskset.pk]), data, follow=True)
    assert "12 items now have a reference answer that does not fit" in answer.content.decode()
    assert taskset.items.filter(problem="answer").count() == 12


def test_preview_shows_what_is_typed(as_bob, taskset):
    url = reverse("tasksets:preview", args=[taskset.pk])
    data = {"fields-0-uid": "message", "fields-0-label": "M", "fields-0-name": "words", "at": "1"}
    data |= {"prompt_template": "Sort: {{ item.words }}", "instructions": "Be brief."}
    shown = as_bob.post(url, data).context["preview"]
    assert [message["content"] for message in shown.messages] == ["Be brief.", "Sort: Can I come on Friday?"]
    assert (shown.place, shown.count) == (1, 12)
    wrong = as_bob.post(url, data | {"prompt_template": "{{ item.message }}"})
    assert "is not an input field" in wrong.content.decode()


def test_preview_of_a_task_without_items_shows_labels(as_bob, workspace):
    url = reverse("tasksets:preview_new", args=["ward-7"])
    shown = as_bob.post(url, {"fields-0-label": "Complaint", "at": "99999999999"}).context["preview"]
    assert shown.messages == [{"role": "user", "content": "[Complaint]"}]


def test_preview_survives_half_typed_examples(as_bob, taskset):
    url = reverse("tasksets:preview", args=[taskset.pk])
    for kind in ("text", "number", "choice", "ranking", "set", "json"):
        data = typed(answer_type=kind, **{"examples-0-answer": "{half", "examples-1-answer": ""})
        assert as_bob.post(url, data).context["preview"].error == ""


def test_archive_and_back(as_bob, taskset):
    url = reverse("tasksets:archive", args=[taskset.pk])
    as_bob.post(url)
    taskset.refresh_from_db()
    assert taskset.archived_at
    assert list(as_bob.get(reverse("tasksets:list", args=["ward-7"])).context["tasksets"]) == []
    assert "Fetch back" in as_bob.get(reverse("tasksets:list", args=["ward-7"]) + "?show=archived").content.decode()
    as_bob.post(url, {"restore": "1"})
    taskset.refresh_from_db()
    assert taskset.archived_at is None


@pytest.mark.parametrize(("name", "methods"), [("edit", "GET POST"), ("preview", "POST"), ("archive", "POST")])
def test_guards(guarded, taskset, name, methods):
    missing = reverse(f"tasksets:{name}", args=[99999])
    guarded(reverse(f"tasksets:{name}", args=[taskset.pk]), methods=methods, viewer=403, missing=missing)


@pytest.mark.parametrize(("name", "methods"), [("new", "GET POST"), ("preview_new", "POST")])
def test_guards_of_what_is_new(guarded, taskset, name, methods):
    missing = reverse(f"tasksets:{name}", args=["none"])
    guarded(reverse(f"tasksets:{name}", args=["ward-7"]), methods=methods, viewer=403, missing=missing)
