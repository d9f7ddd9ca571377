"""The pages of judges: owners set them up, authors use them, the others look; and the builder asks one on a press."""

import re

import pytest
from django.urls import reverse

from rftstudio.graders.judges import actions
from rftstudio.graders.models import JudgeEndpoint
from tests.engine.judge_server import JudgeServer, completion, error
from tests.factories import make_grader, make_taskset
from tests.graders.test_judges import GIVEN, GOOD, KEY, SCORE, make_judge


@pytest.fixture
def server(monkeypatch):
    with JudgeServer(lambda body: completion(GOOD)) as server:
        monkeypatch.setenv("PRIVATE_ENDPOINTS", f"127.0.0.1:{server.port}")
        yield server


@pytest.fixture
def judge(workspace, server) -> JudgeEndpoint:
    return make_judge(workspace, base_url=f"http://127.0.0.1:{server.port}/v1", price_in=1000.0, price_out=1000.0)


@pytest.fixture
def grader(workspace, bob, judge):
    return make_grader(taskset=make_taskset(workspace=workspace, by=bob), by=bob, spec=SCORE)


def url(name: str, key: object = "ward-7") -> str:
    return reverse(f"graders:{name}", args=[key])


def test_from_the_empty_page_to_a_judge(workspace, as_alice):
    page = as_alice.get(url("judges")).content.decode()
    assert "No judge yet" in page
    assert "Add the weak judge" in page
    assert as_alice.get(url("judge_create")).status_code == 200
    page = as_alice.post(url("judge_create"), GIVEN, follow=True).content.decode()
    assert "big-model" in page
    assert "is set" in page
    assert "1.5 read, 6 written" in page
    judge = JudgeEndpoint.objects.get()
    assert (judge.price_out, judge.concurrency, judge.timeout_s, judge.created_by.first_name) == (6, 4, 20, "Alice")


def test_what_was_typed_stays_but_the_key(workspace, as_alice):
    answer = as_alice.post(url("judge_create"), {**GIVEN, "base_url": "http://10.0.0.1/v1"})
    assert answer.status_code == 422
    page = answer.content.decode()
    assert "private or reserved" in page
    assert "big-model" in page
    assert KEY not in page
    assert not JudgeEndpoint.objects.exists()


def test_a_name_that_is_taken_is_an_error_at_its_field(workspace, as_alice):
    make_judge(workspace)
    answer = as_alice.post(url("judge_create"), GIVEN)
    assert answer.status_code == 422
    assert "of this name already" in str(answer.context["form"].errors["name"])


def test_changing_without_a_key_keeps_it(as_alice, judge):
    page = as_alice.get(url("judge_change", judge.pk)).content.decode()
    assert "A key is set" in page
    assert KEY not in page
    given = {**GIVEN, "key": "", "base_url": judge.base_url, "model": "m2"}
    assert as_alice.post(url("judge_change", judge.pk), given).status_code == 302
    judge.refresh_from_db()
    assert (judge.model, judge.has_key) == ("m2", True)
    as_alice.post(url("judge_change", judge.pk), {**given, "remove_key": "on"})
    judge.refresh_from_db()
    assert not judge.has_key


def test_the_weak_judge_is_labelled(workspace, as_alice, as_vera):
    for _ in range(2):
        page = as_alice.post(url("judge_add_embedded"), follow=True).content.decode()
    assert "Weak, for trying things out" in page
    judge = JudgeEndpoint.objects.get()
    assert judge.embedded
    assert "Weak, for trying things out" in as_vera.get(url("judges")).content.decode()
    assert "Add the weak judge" not in page
    form = as_alice.get(url("judge_change", judge.pk)).content.decode()
    assert "base_url" not in form
    given = {"name": "small", "concurrency": "1", "timeout_s": "60"}
    assert as_alice.post(url("judge_change", judge.pk), given).status_code == 302


def test_archive_and_restore(as_alice, judge):
    assert "Archived (1)" in as_alice.post(url("judge_archive", judge.pk), follow=True).content.decode()
    assert "main" in as_alice.get(url("judges"), {"show": "archived"}).content.decode()
    page = as_alice.post(url("judge_ask", judge.pk), {"question": "?"}, follow=True).content.decode()
    assert "is archived" in page
    as_alice.post(url("judge_archive", judge.pk), {"restore": "1"})
    judge.refresh_from_db()
    assert judge.archived_at is None


def test_an_author_may_ask(as_bob, judge, server):
    server.answer = lambda body: completion({"answer": "<b>Paris</b>"})
    page = as_bob.post(url("judge_ask", judge.pk), {"question": "Capital?"}).content.decode()
    assert "&lt;b&gt;Paris&lt;/b&gt;" in page
    assert "120 tokens" in page
    assert "cost 0.12" in page
    part = as_bob.post(url("judge_ask", judge.pk), {"question": "?"}, headers={"HX-Request": "true"}).content.decode()
    assert part.strip().startswith("<div")
    assert "<html" not in part


def test_the_panel_asks_only_on_a_press(as_bob, grader, server):
    page = as_bob.get(reverse("graders:builder", args=[grader.pk])).content.decode()
    assert "Ask the judge" in page
    assert "may cost money" in page
    assert reverse("graders:judges", args=["ward-7"]) in page
    live = reverse("graders:live", args=[grader.pk])
    for op in ("", "item:next", "answer:empty"):
        as_bob.post(live, {"answer": "billing", "op": op})
    assert not server.requests
    page = as_bob.post(live, {"answer": "billing", "op": "judge"}).content.decode()
    assert "0.75" in page
    assert "1 call to the judge, 120 tokens, cost 0.1200" in page
    assert len(server.requests) == 1


def test_a_verdict_stays_until_something_changes(as_bob, grader, server):
    live = reverse("graders:live", args=[grader.pk])
    htmx = {"HX-Request": "true"}
    page = as_bob.post(live, {"answer": "billing", "op": "judge"}, headers=htmx).content.decode()
    judged = re.search(r'name="judged" value="(\w+)"', page)[1]
    assert as_bob.post(live, {"answer": "billing", "judged": judged}, headers=htmx).status_code == 204
    changed = as_bob.post(live, {"answer": "other", "judged": judged}, headers=htmx)
    assert "may cost money" in changed.content.decode()
    assert len(server.requests) == 1


def test_a_judge_that_fails_gives_no_score(as_bob, grader, server):
    server.answer = lambda body: error(403, "no")
    page = as_bob.post(reverse("graders:live", args=[grader.pk]), {"answer": "x", "op": "judge"}).content.decode()
    assert "no score" in page
    assert "does not accept its key" in page


def test_a_viewer_spends_nothing(as_vera, grader, server):
    page = as_vera.get(reverse("graders:builder", args=[grader.pk])).content.decode()
    assert "may cost money" in page
    assert "Ask the judge" not in page
    live = reverse("graders:live", args=[grader.pk])
    assert as_vera.post(live, {"answer": "x"}).status_code == 200
    assert as_vera.post(live, {"answer": "x", "op": "judge"}).status_code == 403
    assert "asks a judge" in as_vera.post(reverse("graders:trial", args=[grader.pk])).content.decode()
    assert not server.requests


def test_an_unknown_judge_is_said_at_its_field(as_bob, grader, judge):
    actions.archive_judge(judge=judge)
    page = as_bob.post(reverse("graders:builder", args=[grader.pk]), {"op": "save"}).content.decode()
    assert "is archived" in page
    assert reverse("graders:judges", args=["ward-7"]) in page


PLACES = ["judge_create", "judge_add_embedded", "judge_change", "judge_archive", "judge_ask"]


@pytest.mark.parametrize("name", PLACES)
def test_who_may_what(as_alice, as_bob, as_rita, as_vera, as_charlie, judge, server, name):
    server.answer = lambda body: completion({"answer": "x"})
    of_workspace = name in ("judge_create", "judge_add_embedded")
    address = url(name, "ward-7" if of_workspace else judge.pk)
    for client in (as_rita, as_vera):
        assert client.post(address).status_code == 403
    assert as_bob.post(address).status_code == (200 if name == "judge_ask" else 403)
    assert as_charlie.post(address).status_code == 404
    assert as_charlie.get(address).status_code in (404, 405)
    assert as_alice.post(url(name, "nowhere" if of_workspace else 10**9)).status_code == 404
    shows = name in ("judge_create", "judge_change")
    assert as_alice.get(address).status_code == (200 if shows else 405)
    assert as_bob.get(address).status_code == (403 if shows else 405)
    assert JudgeEndpoint.objects.get().archived_at is None


def test_everybody_of_the_workspace_sees_which_there_are(as_vera, as_charlie, judge):
    page = as_vera.get(url("judges")).content.decode()
    assert "big-model" in page
    for button in ("Change", "Archive", "Ask it one question", "Add the weak judge"):
        assert button not in page
    assert as_charlie.get(url("judges")).status_code == 404
    assert as_vera.post(url("judges")).status_code == 405
