"""An import from upload to saved items, through its actions: all or nothing becomes visible, faults are named."""

import json
from datetime import timedelta
from pathlib import Path

import pytest
from django.conf import settings
from django.utils import timezone

from rftstudio.engine.errors import SpecError
from rftstudio.tasksets import actions
from rftstudio.tasksets.actions import import_work as steps
from rftstudio.tasksets.definition import definition_of
from rftstudio.tasksets.imports.mapping import check_targets, guess
from rftstudio.tasksets.models import ItemImport, TaskItem
from rftstudio.tasksets.rows import draft_item

pytestmark = pytest.mark.django_db

GOOD = "Message,Label,Split,Tags,Comment\nI fell.,emergency,train,fall; home,ask Rita\nA bill?,Billing,dev,,\n"


def receive(taskset, content, name="items.csv", by=None):
    data = content if isinstance(content, bytes) else content.encode()
    return actions.receive_upload(taskset=taskset, by=by, name=name, chunks=[data])


def checked(taskset, content, targets=None, name="items.csv", all_or_nothing=False, by=None):
    found = receive(taskset, content, name, by)
    targets = targets or found.mapping["targets"]
    actions.map_import(found=found, targets=targets, all_or_nothing=all_or_nothing)
    done = actions.check_import(pk=found.pk)
    assert done is not None
    return done


def uploads():
    folder = Path(settings.MEDIA_ROOT)
    return list(folder.iterdir()) if folder.exists() else []


@pytest.fixture(autouse=True)
def _own_folder(settings, tmp_path):
    settings.MEDIA_ROOT = tmp_path / "uploads"


def test_the_whole_way(taskset, bob):
    found = checked(taskset, GOOD, by=bob)
    assert found.mapping["targets"] == ["field:message", "reference_answer", "split", "tags", "notes"]
    assert (found.report["rows"], found.report["good"], found.report["bad"]) == (2, 2, 0)
    assert found.report["preview"][0]["cells"] == ["I fell."]
    assert taskset.items.count() == 12
    actions.start_saving(found=found)
    saved = actions.save_import(pk=found.pk)
    assert (saved.status, saved.done) == ("saved", 2)
    first, second = taskset.items.filter(source_import=found)
    assert (first.fields, first.reference_answer, first.split) == ({"message": "I fell."}, "emergency", "train")
    assert (first.tags, first.notes, first.author) == (["fall", "home"], "ask Rita", bob)
    assert (second.reference_answer, second.split, second.deleted_at) == ("billing", "validation", None)
    assert uploads() == []


def test_every_fault_is_named_by_row_and_column(taskset):
    rows = [
        "Message,Label,Split,Tags,Id",
        "ok,billing,,,",
        "wrong label,urgent,train,,",
        ",billing,,,",
        "no label,,,,",
        "bad split,billing,sometimes,,",
        "nul\0byte,billing,,,",
        "bidi\u202e,billing,,,",
        f"{'x' * 1_000_000},billing,,,",
        "short",
        f"tags,billing,,{'t' * 60},",
        "two,wrong,sometimes,,",
        "id,billing,,,same",
        "id again,billing,,,same",
        "taken,billing,,,billing-0",
    ]
    found = checked(taskset, "\n".join(rows))
    problems = [(problem["line"], problem["column"], problem["message"]) for problem in found.report["problems"]]
    expected = [
        (3, "Label", "“urgent” is not one of the choices."),
        (4, "Message", "Every input field is empty."),
        (5, "Label", "The reference answer is empty."),
        (6, "Split", "“sometimes” is not a split."),
        (7, "Message", "Character 4 is a NUL byte."),
        (8, "Message", "reading direction"),
        (9, "Message", "1,000,000 characters"),
        (10, "", "only 1 of 5 cells"),
        (11, "Tags", "at most 40 fit"),
        (12, "Label", "“wrong” is not one"),
        (12, "Split", "“sometimes” is not a split"),
        (14, "Id", "stands in line 13 already"),
        (15, "Id", "already an item with the id"),
    ]
    assert len(problems) == len(expected)
    for (line, column, message), (at, where, what) in zip(problems, expected, strict=True):
        assert (line, column) == (at, where)
        assert what in message
    assert all(problem["fix"] for problem in found.report["problems"])
    assert (found.report["good"], found.report["bad"]) == (2, 12)
    assert found.report["by_column"]["Label"] == 3


def test_only_the_good_rows_come_in(taskset):
    found = checked(taskset, "Message,Label\ngood,billing\nbad,urgent\n")
    actions.start_saving(found=found)
    actions.save_import(pk=found.pk)
    assert [item.fields["message"] for item in taskset.items.filter(source_import=found)] == ["good"]


def test_all_or_nothing_means_it(taskset):
    found = checked(taskset, "Message,Label\ngood,billing\nbad,urgent\n", all_or_nothing=True)
    with pytest.raises(SpecError, match="all rows or none"):
        actions.start_saving(found=found)
    assert actions.save_import(pk=found.pk) is None
    assert taskset.items.count() == 12


def test_no_good_row_no_import(taskset):
    found = checked(taskset, "Message,Label\nbad,urgent\n")
    with pytest.raises(SpecError, match="no good row"):
        actions.start_saving(found=found)


def test_rft_rows_keep_their_conversation_and_their_keys(taskset):
    talk = [{"role": "developer", "content": "Be brief."}, {"role": "user", "content": "Where does it hurt?"}]
    rows = [
        {"messages": talk, "reference_answer": "billing", "severity": 3},
        {"messages": talk[:1], "reference_answer": "billing"},
        {"messages": "hello", "reference_answer": "billing"},
        {"messages": [*talk, {"role": "assistant", "content": "x"}], "reference_answer": "billing"},
        {"messages": [{"role": "tool", "content": "x"}], "reference_answer": "billing"},
        {"messages": [{"role": "user", "content": "a\u202eb"}], "reference_answer": "billing"},
    ]
    content = "\n".join(map(json.dumps, rows))
    found = checked(taskset, content, targets=["messages", "reference_answer", "new"], name="rows.jsonl")
    assert receive(taskset, content, "rows.jsonl").mapping["targets"][:2] == ["messages", "reference_answer"]
    assert found.report["good"] == 1
    assert {problem["column"] for problem in found.report["problems"]} == {"messages"}
    actions.start_saving(found=found)
    actions.save_import(pk=found.pk)
    taskset.refresh_from_db()
    item = taskset.items.get(source_import=found)
    assert [message.content for message in draft_item(taskset, item).messages] == ["Be brief.", "Where does it hurt?"]
    assert item.fields["severity"] == 3
    assert taskset.field_names == ["message", "severity"]
    assert draft_item(taskset, taskset.items.first()).fields["severity"] == ""


def test_messages_can_become_a_field(taskset):
    row = {
        "messages": [{"role": "system", "content": "s"}, {"role": "user", "content": "It hurts"}],
        "answer": "billing",
    }
    found = checked(taskset, json.dumps(row), targets=["field:message", "reference_answer"], name="rows.jsonl")
    assert found.report["preview"][0]["cells"] == ["It hurts"]


def test_a_new_field_is_made_only_when_the_rows_are_saved(taskset):
    found = checked(
        taskset, "Message,Label,Patient's age\nI fell,emergency,40\n", ["field:message", "reference_answer", "new"]
    )
    taskset.refresh_from_db()
    assert taskset.field_names == ["message"]
    assert found.report["new_fields"] == ["Patient's age"]
    actions.start_saving(found=found)
    actions.save_import(pk=found.pk)
    taskset.refresh_from_db()
    assert taskset.field_names == ["message", "patient_s_age"]
    assert taskset.items.last().fields == {"message": "I fell", "patient_s_age": "40"}
    assert taskset.worked_examples.count() == 1


def test_repeats_are_counted(taskset):
    found = checked(taskset, "Message,Label\nMy chest hurts badly.,emergency\nnew,billing\nnew,billing\n")
    assert (found.report["good"], found.report["repeats"]) == (3, 2)


@pytest.mark.parametrize(
    ("content", "kind", "options", "value"),
    [
        ("q;reference\nx;1.5 mg\n", "number", {"unit": "mg"}, 1.5),
        ("q,reference\nx,a; b\n", "ranking", {}, ["a", "b"]),
        ('q,reference\nx,"{""code"": 1}"\n', "json", {}, {"code": 1}),
    ],
)
def test_answers_are_read_by_type(workspace, content, kind, options, value):
    taskset = actions.create_taskset(
        workspace=workspace, by=None, name="T", answer_type=kind, answer_options=options, input_fields=[{"name": "q"}]
    )
    found = checked(taskset, content)
    actions.start_saving(found=found)
    actions.save_import(pk=found.pk)
    assert taskset.items.get().reference_answer == value


def test_guesses(taskset):
    def guessed(*columns, **lists):
        shaped = [{"name": name, "examples": ["x"], "is_list": lists.get(name, False)} for name in columns]
        return guess(shaped, definition_of(taskset))

    assert guessed("message", "reference_answer") == ["field:message", "reference_answer"]
    assert guessed("Text of mail", "Expected answer") == ["field:message", "reference_answer"]
    desks = [{"name": "text", "examples": ["x"]}, {"name": "desk", "examples": ["Billing", "?"]}]
    assert guess(desks, definition_of(taskset)) == ["field:message", "reference_answer"]
    assert guessed("a", "b", "target") == ["", "", "reference_answer"]
    assert guessed("messages", "answer", messages=True) == ["messages", "reference_answer"]
    assert guessed("messages", "message", messages=True) == ["messages_if_empty", "field:message"]
    assert guessed("id", "Tag", "Notes", "answer", "label")[:4] == ["key", "tags", "notes", "reference_answer"]


@pytest.mark.parametrize(
    ("targets", "message"),
    [
        (["field:message", "field:message"], "already used"),
        (["reference_answer", "tags"], "No column says what the model is asked"),
        (["field:unknown", ""], "cannot be chosen"),
        (["messages", ""], "cannot be chosen"),
    ],
)
def test_a_mapping_that_makes_no_sense(taskset, targets, message):
    columns = [{"name": "a", "examples": []}, {"name": "b", "examples": []}]
    assert message in str(check_targets(targets, columns, definition_of(taskset))[0])


def test_an_upload_that_cannot_be_read_leaves_nothing_behind(taskset, settings):
    settings.IMPORT_MAX_BYTES = 100
    for content, message in (("", "empty"), ("q,a\n" + "x" * 200, "larger than")):
        with pytest.raises(SpecError, match=message):
            receive(taskset, content)
    assert uploads() == []
    assert not ItemImport.objects.exists()


def test_too_many_rows(taskset, settings):
    settings.IMPORT_MAX_ROWS = 3
    found = checked(taskset, "Message,Label\n" + "x,billing\n" * 4)
    assert found.status == "failed"
    assert "more than 3 rows" in found.error


def test_a_save_that_fails_half_way_leaves_nothing(taskset, monkeypatch):
    monkeypatch.setattr(steps, "EVERY", 2)
    found = checked(taskset, "Message,Label,Id\n" + "".join(f"m{n},billing,k{n}\n" for n in range(6)))
    actions.start_saving(found=found)
    insert = steps.insert

    def clash(**kwargs):
        created = insert(**kwargs)
        if len(taskset.items.all()) == 16:  # after the second batch
            assert not taskset.items.live().filter(source_import=found).exists()
            raise RuntimeError("the machine is on fire")
        return created

    monkeypatch.setattr(steps, "insert", clash)
    failed = actions.save_import(pk=found.pk)
    assert failed.status == "failed"
    assert "nothing was imported" in failed.error
    assert taskset.items.count() == 12


def test_a_task_changed_meanwhile_stops_the_save(taskset, bob, monkeypatch):
    found = checked(taskset, GOOD)
    actions.start_saving(found=found)
    insert = steps.insert

    def change(**kwargs):
        definition = definition_of(taskset)
        choices = [*definition["answer_options"]["choices"], {"label": "other", "description": ""}]
        actions.update_taskset(
            taskset=taskset, by=bob, definition={**definition, "answer_options": {"choices": choices}}
        )
        return insert(**kwargs)

    monkeypatch.setattr(steps, "insert", change)
    failed = actions.save_import(pk=found.pk)
    assert "was changed while the rows were being saved" in failed.error
    assert taskset.items.count() == 12


def test_hidden_rows_are_nobodys_deleted_items(taskset, bob):
    found = checked(taskset, GOOD)
    actions.start_saving(found=found)
    TaskItem.objects.filter(key="billing-0").update(source_import=found, deleted_at=timezone.now())
    assert not taskset.items.deleted().exists()
    assert actions.restore_items(taskset=taskset, items=taskset.items.all(), by=bob) == 0


def test_cancelling_cleans_up(taskset):
    found = checked(taskset, GOOD)
    cancelled = actions.cancel_import(found=found)
    assert cancelled.status == "cancelled"
    assert uploads() == []
    assert actions.cancel_import(found=cancelled).status == "cancelled"
    with pytest.raises(SpecError, match="moved on"):
        actions.start_saving(found=found)


def test_cancelling_stops_a_check_under_way(taskset, monkeypatch):
    monkeypatch.setattr(steps, "EVERY", 1)
    found = receive(taskset, GOOD)
    actions.map_import(found=found, targets=found.mapping["targets"], all_or_nothing=False)
    note = steps._preview_row

    def cancel(*args):
        actions.cancel_import(found=found)
        return note(*args)

    monkeypatch.setattr(steps, "_preview_row", cancel)
    assert actions.check_import(pk=found.pk) is None
    found.refresh_from_db()
    assert found.status == "cancelled"


def test_only_one_worker_works_on_an_import(taskset):
    found = receive(taskset, GOOD)
    actions.map_import(found=found, targets=found.mapping["targets"], all_or_nothing=False)
    ItemImport.objects.filter(pk=found.pk).update(worker="somebody")
    assert actions.check_import(pk=found.pk) is None
    assert not actions.restart_import(found=found)  # it lived a moment ago
    ItemImport.objects.filter(pk=found.pk).update(updated_at=timezone.now() - timedelta(minutes=5))
    assert actions.restart_import(found=found)
    assert actions.check_import(pk=found.pk).status == "checked"


def test_a_worker_that_died_while_saving_is_replaced(taskset):
    found = checked(taskset, GOOD)
    actions.start_saving(found=found)
    half = TaskItem.objects.create(
        taskset=taskset, key="half", fields={"message": "half"}, source_import=found, deleted_at=timezone.now()
    )
    long_ago = timezone.now() - timedelta(minutes=5)
    ItemImport.objects.filter(pk=found.pk).update(worker="dead", updated_at=long_ago)
    assert actions.save_import(pk=found.pk).status == "saved"
    assert taskset.items.live().count() == 14
    assert not TaskItem.objects.filter(pk=half.pk).exists()


def test_an_import_can_be_undone_and_that_too(taskset, bob):
    found = checked(taskset, GOOD)
    actions.start_saving(found=found)
    found = actions.save_import(pk=found.pk)
    assert actions.undo_import(found=found, by=bob) == 2
    assert taskset.items.live().count() == 12
    assert actions.restore_items(taskset=taskset, items=taskset.items.filter(source_import=found), by=bob) == 2


def test_a_file_with_ids_can_be_imported_again_after_an_undo(taskset, bob):
    content = "Message,Label,Id\nm,billing,k1\n"
    for _ in range(2):
        found = checked(taskset, content)
        assert found.report["problems"] == []
        actions.start_saving(found=found)
        found = actions.save_import(pk=found.pk)
        assert found.status == "saved"
        last = taskset.items.live().get(key="k1")
        actions.undo_import(found=found, by=bob)
    assert actions.restore_items(taskset=taskset, items=taskset.items.filter(fields__message="m"), by=bob) == 2
    assert last.key == "k1"


def test_a_lost_upload_is_told(taskset):
    found = receive(taskset, GOOD)
    (Path(settings.MEDIA_ROOT) / found.path).unlink()
    actions.map_import(found=found, targets=found.mapping["targets"], all_or_nothing=False)
    assert "is gone. Upload it again" in actions.check_import(pk=found.pk).error


def test_forgotten_uploads_are_cleared_away(taskset):
    old = receive(taskset, GOOD)
    ItemImport.objects.filter(pk=old.pk).update(updated_at=timezone.now() - timedelta(days=8))
    receive(taskset, GOOD)
    assert not ItemImport.objects.filter(pk=old.pk).exists()
    assert len(uploads()) == 1
