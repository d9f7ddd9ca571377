"""The pages of word lists, for those who may and those who may not."""

import io

import pytest
from django.urls import reverse

from rftstudio.graders.lists import actions
from rftstudio.graders.models import WordList, WordListUpload
from tests.factories import make_grader, make_taskset
from tests.graders.test_word_lists import CHOICE, DESKS, make_list


def file(text: bytes = DESKS, name: str = "desks.csv") -> io.BytesIO:
    found = io.BytesIO(text)
    found.name = name
    return found


@pytest.fixture
def word_list(workspace) -> WordList:
    return make_list(workspace).word_list


@pytest.fixture
def upload(workspace) -> WordListUpload:
    return actions.receive_list(workspace=workspace, by=None, name="New", file_name="n.csv", chunks=[DESKS])


def test_from_the_empty_page_to_a_list(workspace, as_bob):
    url = reverse("graders:lists", args=["ward-7"])
    assert "No word list yet" in as_bob.get(url).content.decode()
    assert as_bob.get(reverse("graders:list_create", args=["ward-7"])).status_code == 200
    sent = as_bob.post(reverse("graders:list_create", args=["ward-7"]), {"name": "Desks", "file": file()}, follow=True)
    page = sent.content.decode()
    assert "Save 2 labels as version 1" in page
    assert "Nothing is saved yet" in page
    upload = WordListUpload.objects.get()
    assert upload.created_by.first_name == "Bob"
    assert "desks.csv" in as_bob.get(url).content.decode()
    page = as_bob.post(reverse("graders:list_upload_save", args=[upload.pk]), follow=True).content.decode()
    assert "Version 1 of “Desks” is saved" in page
    assert "casualty" in page
    assert "desks" in as_bob.get(url).content.decode()


def test_reading_it_another_way(as_bob, upload):
    url = reverse("graders:list_upload", args=[upload.pk])
    given = {"label": "1", "names": ["0"], "separator": "commas", "headless": "on"}
    page = as_bob.post(url, given, follow=True).content.decode()
    assert "Save 3 labels" in page
    bad = as_bob.post(url, {**given, "names": ["1"]})
    assert bad.status_code == 422
    assert "cannot hold other names too" in bad.content.decode()
    assert as_bob.post(url, {**given, "names": []}).status_code == 422
    assert as_bob.post(url, {**given, "label": "99"}).status_code == 422
    upload.refresh_from_db()
    assert upload.reading["label"] == 1


def test_a_headless_file_is_asked_about(workspace, as_bob):
    sent = {"name": "Genes", "file": file(b"CFTR,ABCC7\nFBN1,SGS\n")}
    page = as_bob.post(reverse("graders:list_create", args=["ward-7"]), sent, follow=True).content.decode()
    assert "was taken for the names of the columns" in page


def test_problems_stand_with_line_and_column(workspace, as_bob):
    text = b"label,other names\nA,x\nB,x\n,lonely\nC," + b"y" * 1_000_000 + b"\n"
    sent = {"name": "Genes", "file": file(text)}
    page = as_bob.post(reverse("graders:list_create", args=["ward-7"]), sent, follow=True).content.decode()
    assert "What was not taken as it stands" in page
    assert "1,000,000 characters" in page
    assert "The label is empty." in page
    assert "y" * 400 not in page


@pytest.mark.parametrize(
    ("sent", "message"),
    [
        ({"name": "", "file": file()}, "This field is required"),
        ({"name": "x" * 200, "file": file()}, "at most 120"),
        ({"name": "Taken", "file": file()}, "of this name already"),
        ({"name": "New"}, "This field is required"),
        ({"name": "New", "file": file(b"")}, "empty"),
        ({"name": "New", "file": file(name="a.xlsx")}, "is no CSV"),
        ({"name": "New", "file": file(b"label,names\n")}, "no rows"),
        ({"name": "New", "file": file(b"label\nA\n")}, "only one column"),
        ({"name": "New", "file": file(b"label,label\nA,b\n")}, "Two columns are called"),
        ({"name": "New", "file": file(b"\xff\xfe" + b"\xd8\x00" * 40 + b"a")}, "broken"),
    ],
)
def test_a_bad_upload_says_what_is_wrong_and_keeps_nothing(workspace, as_bob, sent, message):
    make_list(workspace, name="Taken")
    if "file" in sent:
        sent["file"].seek(0)
    answer = as_bob.post(reverse("graders:list_create", args=["ward-7"]), sent)
    assert answer.status_code == 422
    assert message in answer.content.decode()
    assert not WordListUpload.objects.exists()
    assert WordList.objects.count() == 1


def test_a_body_that_is_too_large_is_not_even_stored(workspace, as_bob, monkeypatch):
    monkeypatch.setattr(actions, "MAX_BYTES", 1024)
    sent = {"name": "Genes", "file": file(b"label,names\n" + b"a,b\n" * 50_000)}
    answer = as_bob.post(reverse("graders:list_create", args=["ward-7"]), sent)
    assert answer.status_code == 422
    assert "larger than" in answer.content.decode()


def test_search_and_versions(as_vera, word_list, workspace):
    url = reverse("graders:list_detail", args=[word_list.pk])
    found = as_vera.get(url, {"q": "CASUAL"}).content.decode()
    assert "emergency" in found
    assert "accounts" not in found
    assert "Nothing found" in as_vera.get(url, {"q": "zebra"}).content.decode()
    make_list(workspace, b"label,other names\nonly,this\n", word_list=word_list)
    assert "casualty" not in as_vera.get(url).content.decode()
    assert "casualty" in as_vera.get(url, {"version": "1"}).content.decode()
    for bad in ("9", "x", "-1", "1" * 30):
        assert as_vera.get(url, {"version": bad}).status_code == 404


def test_who_uses_it_stands_on_the_page(as_vera, workspace, bob, word_list):
    grader = make_grader(taskset=make_taskset(workspace=workspace, by=bob), spec={**CHOICE, "synonyms_list": "desks"})
    for name, key in (("lists", "ward-7"), ("list_detail", word_list.pk)):
        page = as_vera.get(reverse(f"graders:{name}", args=[key])).content.decode()
        assert reverse("graders:builder", args=[grader.pk]) in page


def test_the_builder_says_where_lists_are(as_bob, workspace, bob, word_list):
    grader = make_grader(taskset=make_taskset(workspace=workspace, by=bob), spec={**CHOICE, "synonyms_list": "desks"})
    page = as_bob.get(reverse("graders:builder", args=[grader.pk])).content.decode()
    assert reverse("graders:lists", args=["ward-7"]) in page


def test_the_live_panel_knows_the_lists(as_bob, workspace, bob, word_list):
    grader = make_grader(taskset=make_taskset(workspace=workspace, by=bob), spec={**CHOICE, "synonyms_list": "desks"})
    item = grader.taskset.items.get(key="emergency-0")
    sent = {"item": item.pk, "answer": "casualty"}
    page = as_bob.post(reverse("graders:live", args=[grader.pk]), sent).content.decode()
    assert "as expected" in page


def test_a_download_reads_back_as_the_same_list(as_vera, workspace, word_list):
    make_list(workspace, b"label,other names\n=SUM(A1),plus|minus\n", word_list=word_list)
    answer = as_vera.get(reverse("graders:list_download", args=[word_list.pk, 2]))
    text = b"".join(answer.streaming_content)
    assert text.decode() == "\ufefflabel,other names\r\n'=SUM(A1),plus | minus\r\n"
    assert 'filename="desks-2.csv"' in answer["Content-Disposition"]
    assert make_list(workspace, text, word_list=word_list).number == 2
    assert as_vera.get(reverse("graders:list_download", args=[word_list.pk, 3])).status_code == 404


def test_rename_archive_and_restore(as_bob, word_list):
    page = as_bob.post(reverse("graders:list_rename", args=[word_list.pk]), {"name": "Trays"}, follow=True)
    assert "Trays" in page.content.decode()
    page = as_bob.post(reverse("graders:list_rename", args=[word_list.pk]), {"name": " "}, follow=True)
    assert "The name is empty" in page.content.decode()
    word_list.refresh_from_db()
    assert (word_list.name, word_list.slug) == ("Trays", "desks")
    url = reverse("graders:list_archive", args=[word_list.pk])
    assert "Archived (1)" in as_bob.post(url, follow=True).content.decode()
    assert "Trays" in as_bob.get(reverse("graders:lists", args=["ward-7"]), {"show": "archived"}).content.decode()
    as_bob.post(url, {"restore": "1"})
    word_list.refresh_from_db()
    assert word_list.archived_at is None


READ = ["lists", "list_detail", "list_download"]
CHANGE = [
    "list_create",
    "list_new_version",
    "list_rename",
    "list_archive",
    "list_upload",
    "list_upload_save",
    "list_upload_give_up",
]


@pytest.fixture
def address(workspace, word_list, upload):
    def find(name: str, pk: int | None = None) -> str:
        if name in ("lists", "list_create"):
            return reverse(f"graders:{name}", args=["ward-7" if pk is None else "nowhere"])
        whose = upload.pk if name.startswith("list_upload") else word_list.pk
        more = [1] if name == "list_download" else []
        return reverse(f"graders:{name}", args=[whose if pk is None else pk, *more])

    return find


@pytest.mark.parametrize("name", READ)
def test_a_viewer_may_look_and_a_stranger_finds_nothing(address, as_vera, as_charlie, name):
    assert as_vera.get(address(name)).status_code == 200
    assert as_charlie.get(address(name)).status_code == 404
    assert as_vera.post(address(name)).status_code == 405
    assert as_vera.get(address(name, 10**9)).status_code == 404


@pytest.mark.parametrize("name", CHANGE)
def test_only_authors_change(address, as_vera, as_rita, as_charlie, as_alice, name):
    for client, status in ((as_vera, 403), (as_rita, 403), (as_charlie, 404)):
        assert client.post(address(name), {"name": "Mine"}).status_code == status
    assert as_alice.post(address(name, 10**9)).status_code == 404
    shows = name in ("list_create", "list_new_version", "list_upload")
    assert as_alice.get(address(name)).status_code == (200 if shows else 405)
    assert WordList.objects.filter(archived_at=None, name="Desks").count() == 1
    assert WordListUpload.objects.count() == 1


@pytest.mark.parametrize("name", ["list_create", "list_new_version"])
def test_an_upload_needs_its_token(address, alice, name):
    from django.test import Client

    client = Client(enforce_csrf_checks=True)
    client.force_login(alice, backend="django.contrib.auth.backends.ModelBackend")
    assert client.post(address(name), {"name": "Forged", "file": file()}).status_code == 403
