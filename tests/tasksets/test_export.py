"""Export in CSV and JSONL; what goes out comes back in."""

import csv
import io
import json

import pytest
from django.urls import reverse

from rftstudio.engine.types import Item
from rftstudio.tasksets import actions
from rftstudio.tasksets.models import TaskItem

pytestmark = pytest.mark.django_db
TALK = [{"role": "user", "content": "Hello\nthere"}]


@pytest.fixture(autouse=True)
def _own_folder(settings, tmp_path):
    settings.MEDIA_ROOT = tmp_path / "uploads"


@pytest.fixture
def odd(taskset, alice):
    rows = [
        {
            "fields": {"message": "=cmd()"},
            "reference_answer": "billing",
            "tags": ["a", "b"],
            "notes": "-1",
            "split": "test",
        },
        {"fields": {"message": 'Quote " and, comma\nline'}, "reference_answer": None, "key": "@key"},
        {"messages": TALK, "fields": {"severity": 3}, "reference_answer": "billing", "key": "talk"},
    ]
    actions.add_items(taskset=taskset, by=alice, rows=rows)
    return taskset


def download(client, taskset, **query):
    answer = client.get(reverse("tasksets:export", args=[taskset.pk]), query)
    assert answer.status_code == 200
    return answer, b"".join(answer.streaming_content).decode()


def test_csv(as_vera, odd):
    answer, text = download(as_vera, odd, format="csv")
    assert answer["Content-Disposition"] == 'attachment; filename="inbox-draft.csv"'
    assert text.startswith("\ufeffid,message,messages,reference_answer,split,tags,notes\r\n")
    rows = {row["id"]: row for row in csv.DictReader(io.StringIO(text.removeprefix("\ufeff")))}
    assert len(rows) == 15
    formula = next(row for row in rows.values() if row["tags"] == "a, b")
    assert (formula["message"], formula["notes"]) == ("'=cmd()", "'-1")
    assert rows["'@key"]["message"] == 'Quote " and, comma\nline'


def test_no_cell_starts_a_formula(as_vera, odd):
    _, text = download(as_vera, odd, format="csv")
    for row in list(csv.reader(io.StringIO(text.removeprefix("\ufeff")))):
        assert not any(cell[:1] in ("=", "+", "-", "@", "\t", "\r") for cell in row if cell)


def test_jsonl_rows_are_the_engines(as_vera, odd):
    _, text = download(as_vera, odd, format="jsonl")
    lines = [json.loads(line) for line in text.splitlines()]
    first = Item.from_json(lines[0])
    assert first.messages[-1].content == "My chest hurts badly."
    assert (first.fields["message"], first.fields["reference_answer"]) == ("My chest hurts badly.", "emergency")
    assert lines[-1]["messages"] == TALK


def test_a_version_and_one_split_of_it(as_vera, published, alice):
    before = published.items.filter(split="test").count()
    actions.delete_items(taskset=published, items=published.items.all(), by=alice)
    answer, text = download(as_vera, published, format="jsonl", version="1", split="test")
    assert answer["Content-Disposition"] == 'attachment; filename="inbox-v1-test.jsonl"'
    assert len(text.splitlines()) == before


@pytest.mark.parametrize("kind", ["csv", "jsonl"])
def test_what_goes_out_comes_back_in(as_vera, odd, workspace, alice, kind):
    _, text = download(as_vera, odd, format=kind)
    other = actions.create_taskset(
        workspace=workspace,
        by=alice,
        name="Copy",
        answer_type="choice",
        answer_options=odd.answer_options,
        input_fields=odd.input_fields,
    )
    TaskItem.objects.filter(taskset=odd, key="@key").update(reference_answer="billing")
    _, text = download(as_vera, odd, format=kind)
    found = actions.receive_upload(taskset=other, by=alice, name=f"x.{kind}", chunks=[text.encode()])
    actions.map_import(found=found, targets=found.mapping["targets"], all_or_nothing=True)
    found = actions.check_import(pk=found.pk)
    assert found.report["problems"] == []
    actions.start_saving(found=found)
    actions.save_import(pk=found.pk)
    columns = ("key", "messages", "reference_answer", "split", "tags", "notes")
    assert list(other.items.values_list(*columns)) == list(odd.items.values_list(*columns))
    assert other.items.first().fields == odd.items.first().fields


@pytest.mark.parametrize("query", ["format=xlsx", "version=9", "version=x"])
def test_what_is_not_there(as_vera, published, query):
    assert as_vera.get(reverse("tasksets:export", args=[published.pk]) + f"?{query}").status_code == 404


def test_guards(guarded, taskset):
    missing = reverse("tasksets:export", args=[99999])
    guarded(reverse("tasksets:export", args=[taskset.pk]), methods="GET", viewer=200, missing=missing)
