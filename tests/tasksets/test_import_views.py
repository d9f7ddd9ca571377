"""The pages of an import: upload, columns, report, progress, end."""

import json

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from rftstudio.tasksets.models import ItemImport

pytestmark = pytest.mark.django_db
CSV = b"Message,Label\nI fell.,emergency\nWhat?,urgent\n"


@pytest.fixture(autouse=True)
def _own_folder(settings, tmp_path):
    settings.MEDIA_ROOT = tmp_path / "uploads"


@pytest.fixture
def uploaded(as_bob, taskset):
    as_bob.post(reverse("tasksets:import", args=[taskset.pk]), {"file": SimpleUploadedFile("items.csv", CSV)})
    return ItemImport.objects.get()


@pytest.fixture
def checked(as_bob, uploaded, django_capture_on_commit_callbacks):
    with django_capture_on_commit_callbacks(execute=True):
        as_bob.post(page_of(uploaded), {"column-0": "field:message", "column-1": "reference_answer"})
    uploaded.refresh_from_db()
    return uploaded


def page_of(found):
    return reverse("tasksets:import_page", args=[found.pk])


def test_the_whole_way(as_bob, taskset, uploaded, django_capture_on_commit_callbacks):
    page = as_bob.get(page_of(uploaded)).content.decode()
    assert "What is in each column?" in page
    assert "I fell." in page
    with django_capture_on_commit_callbacks(execute=True):
        data = {"column-0": "field:message", "column-1": "reference_answer"}
        assert as_bob.post(page_of(uploaded), data)["Location"] == page_of(uploaded)
    page = as_bob.get(page_of(uploaded)).content.decode()
    assert "Allowed: emergency, appointment, billing, prescription" in page
    assert "Import the 1 good row" in page
    with django_capture_on_commit_callbacks(execute=True):
        as_bob.post(reverse("tasksets:import_save", args=[uploaded.pk]))
    page = as_bob.get(page_of(uploaded)).content.decode()
    assert "1 item imported." in page
    assert taskset.items.live().count() == 13
    as_bob.post(reverse("tasksets:import_undo", args=[uploaded.pk]))
    assert taskset.items.live().count() == 12


def test_pasted_rows(as_bob, taskset):
    url = reverse("tasksets:import", args=[taskset.pk])
    answer = as_bob.post(url, {"pasted": "Message\tLabel\r\nI fell\temergency\r\n"})
    found = ItemImport.objects.get()
    assert answer["Location"] == page_of(found)
    assert found.dialect["delimiter"] == "\t"


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ({}, "Choose a file, or paste rows below"),
        ({"file": ("items.xlsx", b"PK\x03\x04")}, "neither CSV nor JSONL"),
        ({"file": ("items.csv", b"PK\x03\x04")}, "Excel workbook"),
        ({"file": ("items.csv", b"")}, "empty"),
        ({"file": ("items.csv", b"a,a\n1,2\n")}, "In line 1: Two columns are called"),
        ({"pasted": "a,b\n"}, "column names but no rows"),
    ],
)
def test_a_wrong_upload_says_what_to_do(as_bob, taskset, data, message):
    if "file" in data:
        data = {"file": SimpleUploadedFile(*data["file"])}
    answer = as_bob.post(reverse("tasksets:import", args=[taskset.pk]), data)
    assert answer.status_code == 422
    page = answer.content.decode()
    assert message in page
    assert not ItemImport.objects.exists()
    assert data.get("pasted", "") in page


def test_an_upload_is_cut_off_at_the_limit(as_bob, taskset, settings, monkeypatch):
    settings.IMPORT_MAX_BYTES = 1_048_576
    seen = []
    from rftstudio.tasksets import uploads

    receive = uploads.SizeLimit.receive_data_chunk
    monkeypatch.setattr(
        uploads.SizeLimit,
        "receive_data_chunk",
        lambda self, raw, start: seen.append(len(raw)) or receive(self, raw, start),
    )
    big = SimpleUploadedFile("items.csv", b"Message,Label\n" + b"x,billing\n" * 500_000)
    answer = as_bob.post(reverse("tasksets:import", args=[taskset.pk]), {"file": big})
    assert answer.status_code == 422
    assert "The file is larger than 1 MB. Split it" in answer.content.decode()
    assert sum(seen) < 2_000_000


def test_an_upload_needs_the_forms_token(alice, taskset):
    client = Client(enforce_csrf_checks=True)
    client.force_login(alice, backend="django.contrib.auth.backends.ModelBackend")
    url = reverse("tasksets:import", args=[taskset.pk])
    assert client.post(url, {"pasted": "a\n1\n"}).status_code == 403
    token = client.get(url).cookies["csrftoken"].value
    assert client.post(url, {"pasted": "a\n1\n", "csrfmiddlewaretoken": token}).status_code == 302


def test_a_wrong_mapping_comes_back_as_chosen(as_bob, uploaded):
    answer = as_bob.post(page_of(uploaded), {"column-0": "tags", "column-1": "tags"})
    assert answer.status_code == 422
    page = answer.content.decode()
    assert "“Message” is already used for this" in page
    assert "No column says what the model is asked" in page
    assert page.count('<option value="tags" selected>') == 2


def test_progress_asks_again_only_while_there_is_work(as_bob, uploaded):
    ItemImport.objects.filter(pk=uploaded.pk).update(status="checking", done=30, total=120, worker="w")
    page = as_bob.get(page_of(uploaded)).content.decode()
    assert 'hx-trigger="every 1s"' in page
    assert "25 %" in page
    assert "Start it again" not in page
    ItemImport.objects.filter(pk=uploaded.pk).update(updated_at=timezone.now() - timezone.timedelta(minutes=1))
    assert "Start it again" in as_bob.get(page_of(uploaded)).content.decode()
    ItemImport.objects.filter(pk=uploaded.pk).update(status="failed", error="Broken.")
    fragment = as_bob.get(page_of(uploaded), headers={"HX-Request": "true"}).content.decode()
    assert "every 1s" not in fragment
    assert "Broken." in fragment
    assert "<html" not in fragment


def test_starting_again(as_bob, uploaded, django_capture_on_commit_callbacks):
    old = timezone.now() - timezone.timedelta(minutes=1)
    targets = {"targets": ["field:message", "reference_answer"]}
    ItemImport.objects.filter(pk=uploaded.pk).update(status="checking", worker="dead", updated_at=old, mapping=targets)
    with django_capture_on_commit_callbacks(execute=True):
        as_bob.post(reverse("tasksets:import_restart", args=[uploaded.pk]))
    uploaded.refresh_from_db()
    assert uploaded.status == "checked"


def test_back_to_the_columns_and_again(as_bob, checked, django_capture_on_commit_callbacks):
    assert "What is in each column?" in as_bob.get(page_of(checked) + "?columns=1").content.decode()
    with django_capture_on_commit_callbacks(execute=True):
        as_bob.post(page_of(checked), {"column-0": "field:message", "column-1": "", "all_or_nothing": "on"})
    checked.refresh_from_db()
    assert (checked.report["good"], checked.report["bad"]) == (2, 0)


def test_all_or_nothing_on_the_page(as_bob, checked, taskset):
    ItemImport.objects.filter(pk=checked.pk).update(mapping={**checked.mapping, "all_or_nothing": True})
    assert "You asked for all rows or none" in as_bob.get(page_of(checked)).content.decode()
    answer = as_bob.post(reverse("tasksets:import_save", args=[checked.pk]), follow=True)
    assert "all rows or none, and some are not good" in answer.content.decode()
    assert taskset.items.count() == 12


def test_giving_up(as_bob, uploaded, taskset):
    answer = as_bob.post(reverse("tasksets:import_cancel", args=[uploaded.pk]), follow=True)
    assert "Nothing of it was saved" in answer.content.decode()
    assert as_bob.get(page_of(uploaded))["Location"] == reverse("tasksets:detail", args=[taskset.pk])


def test_what_a_file_says_is_shown_as_text(as_bob, taskset):
    url = reverse("tasksets:import", args=[taskset.pk])
    as_bob.post(url, {"file": SimpleUploadedFile("<b>.csv", b"<script>x</script>,Label\n<i>hi</i>,billing\n")})
    page = as_bob.get(page_of(ItemImport.objects.get())).content.decode()
    assert "<script>x" not in page
    assert "<i>hi" not in page


def test_a_conversation_file_offers_to_keep_it(as_bob, taskset):
    row = {"messages": [{"role": "user", "content": "hi"}], "reference_answer": "billing"}
    file = SimpleUploadedFile("rows.jsonl", json.dumps(row).encode())
    as_bob.post(reverse("tasksets:import", args=[taskset.pk]), {"file": file})
    found = ItemImport.objects.get()
    assert found.mapping["targets"] == ["messages", "reference_answer"]
    assert "The whole conversation, as it is" in as_bob.get(page_of(found)).content.decode()


@pytest.mark.parametrize(
    ("name", "methods"),
    [
        ("import_page", "GET POST"),
        ("import_save", "POST"),
        ("import_cancel", "POST"),
        ("import_restart", "POST"),
        ("import_undo", "POST"),
    ],
)
def test_guards(guarded, uploaded, name, methods):
    missing = reverse(f"tasksets:{name}", args=[99999])
    guarded(reverse(f"tasksets:{name}", args=[uploaded.pk]), methods=methods, viewer=403, missing=missing)


def test_upload_guards(guarded, taskset):
    missing = reverse("tasksets:import", args=[99999])
    guarded(reverse("tasksets:import", args=[taskset.pk]), methods="GET POST", viewer=403, missing=missing)
