"""Judges of a workspace: set up, checked, asked over real HTTP; their keys appear nowhere but in the call."""

import json

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.urls import reverse

from rftstudio.engine.errors import SpecError, SystemFault
from rftstudio.engine.grading import parse_spec
from rftstudio.graders.actions import create_grader, publish_grader, save_draft
from rftstudio.graders.judges import actions
from rftstudio.graders.judges.form import JudgeForm
from rftstudio.graders.judges.grading import endpoint_of, job_judges, judges_with_keys, secrets_for
from rftstudio.graders.models import JudgeEndpoint
from rftstudio.graders.toolbox import Toolbox
from rftstudio.graders.trial import MAX_JUDGED, try_on_items
from rftstudio.graders.used_by import Uses
from rftstudio.lib.secrets import encrypt
from tests.engine.judge_server import JudgeServer, completion, error
from tests.factories import make_taskset

KEY = "sk-" + "plainly" * 6
GIVEN = {
    "name": "main",
    "base_url": "https://judge.example.org/v1",
    "model": "big-model",
    "key": KEY,
    "price_in": "1.5",
    "price_out": "6",
    "concurrency": "4",
    "timeout_s": "20",
}
SCORE = {
    "type": "score_model",
    "model": "main",
    "input": [{"role": "user", "content": "How good? {{ sample.output_text }}"}],
}
GOOD = {"steps": [], "result": 0.75}


@pytest.fixture
def server(monkeypatch):
    with JudgeServer(lambda body: completion({"answer": "Paris."})) as server:
        monkeypatch.setenv("PRIVATE_ENDPOINTS", f"127.0.0.1:{server.port}")
        yield server


@pytest.fixture
def judge(workspace, server) -> JudgeEndpoint:
    return make_judge(workspace, base_url=f"http://127.0.0.1:{server.port}/v1")


def make_judge(workspace, **changes) -> JudgeEndpoint:
    given = {"name": "main", "base_url": "https://judge.example.org/v1", "model": "big-model", "key": KEY}
    return actions.create_judge(workspace=workspace, by=None, **{**given, **changes})


def errors(**changes) -> dict[str, list[str]]:
    form = JudgeForm({**GIVEN, **changes}, judge=changes.pop("judge", None))
    return {name: list(map(str, found)) for name, found in form.errors.items()}


def test_a_form_that_is_right():
    assert errors() == {}
    assert errors(key="", price_in="", price_out="") == {}


@pytest.mark.parametrize(
    ("address", "message"),
    [
        ("ftp://judge.example.org", "not called"),
        ("javascript:alert(1)", "not"),
        ("judge", "not"),
        ("https://", "not a web address"),
        ("https://user:pass@judge.example.org/v1", "user name"),
        ("https://judge.example.org/v1?key=abc", "Leave out"),
        ("https://judge.example.org/v1#x", "Leave out"),
        ("http://127.0.0.1:8000/v1", "private or reserved"),
        ("http://localhost/v1", "private or reserved"),
        ("http://[::1]/v1", "private or reserved"),
        ("http://10.0.0.7/v1", "private or reserved"),
        ("http://169.254.169.254/latest", "private or reserved"),
        ("http://0.0.0.0/v1", "private or reserved"),
        ("http://2130706433/v1", "private or reserved"),
        ("", "required"),
        ("https://" + "x" * 400, "at most 300"),
    ],
)
def test_an_address_that_may_not_be_called(address, message):
    assert message in " ".join(errors(base_url=address)["base_url"])


def test_the_operator_may_allow_a_private_address(monkeypatch):
    monkeypatch.setenv("PRIVATE_ENDPOINTS", "127.0.0.1:8000")
    assert errors(base_url="http://127.0.0.1:8000/v1") == {}
    assert "base_url" in errors(base_url="http://127.0.0.1:8001/v1")


@pytest.mark.parametrize(
    "key", ["two\nlines", "two\r\nlines", "with space", "tab\tbed", "ünïcode", "nul\0", "x" * 501, "sk-a\u200bb"]
)
def test_a_key_is_one_line_of_plain_letters(key):
    found = errors(key=key)
    assert list(found) == ["key"]
    assert key not in found["key"][0]


@pytest.mark.parametrize(("given", "missing"), [("price_in", "price_out"), ("price_out", "price_in")])
def test_one_price_alone_is_not_taken_and_then_forgotten(given, missing):
    assert list(errors(**{given: "2", missing: ""})) == [missing]
    assert errors(**{given: "2", missing: "0"}) == {}


@pytest.mark.parametrize("price", ["-1", "free", "nan", "inf", "1e99", "1,5,0"])
def test_a_bad_price(price):
    assert list(errors(price_in=price)) == ["price_in"]


@pytest.mark.parametrize(
    ("field", "value"),
    [("concurrency", "0"), ("concurrency", "257"), ("concurrency", "x"), ("timeout_s", "0"), ("timeout_s", "601")]
    + [("name", ""), ("name", "x" * 81), ("name", "a\u202eb"), ("model", "  ")],
)
def test_other_bad_input_is_an_error_at_its_field(field, value):
    assert list(errors(**{field: value})) == [field]


def test_the_key_goes_only_where_it_was_meant_to_go(workspace):
    judge = make_judge(workspace)
    elsewhere = errors(judge=judge, key="", base_url="https://other.example.org/v1")
    assert "Enter the key again" in elsewhere["key"][0]
    assert errors(judge=judge, key="", base_url="https://judge.example.org/v2") == {}
    assert errors(judge=judge, key="new-key", base_url="https://other.example.org/v1") == {}
    assert errors(judge=judge, key="", remove_key="on", base_url="https://other.example.org/v1") == {}
    assert "remove_key" in errors(judge=judge, remove_key="on")


def test_names_are_free(workspace):
    judge = make_judge(workspace)
    with pytest.raises(SpecError, match="already") as caught:
        make_judge(workspace, name="MAIN")
    assert caught.value.path == "name"
    actions.archive_judge(judge=judge)
    with pytest.raises(SpecError, match="archived"):
        make_judge(workspace)


def test_a_name_that_graders_use_is_kept(workspace, bob):
    judge = make_judge(workspace)
    create_grader(taskset=make_taskset(workspace=workspace, by=bob), by=bob, spec=SCORE)
    with pytest.raises(SpecError, match="1 grader asks it by its name") as caught:
        actions.change_judge(judge=judge, name="other")
    assert caught.value.path == "name"
    actions.change_judge(judge=judge, name="main", model="m2")
    assert JudgeEndpoint.objects.get().model == "m2"


def test_a_key_is_kept_changed_and_forgotten(workspace):
    judge = make_judge(workspace)
    actions.change_judge(judge=judge, model="m2")
    assert endpoint_of(judge).key == KEY
    actions.change_judge(judge=judge, key="other-key")
    assert endpoint_of(judge).key == "other-key"
    actions.change_judge(judge=judge, remove_key=True)
    assert not judge.has_key
    assert endpoint_of(judge).key == ""


@pytest.mark.django_db(transaction=True)
def test_the_plain_key_is_nowhere_to_be_found(workspace, as_alice, server, caplog, settings):
    """Not in the database's files, not in what the studio keeps, not in a page, a log or a repr; only in the call."""
    given = {**GIVEN, "base_url": f"http://127.0.0.1:{server.port}/v1"}
    page = as_alice.post(reverse("graders:judge_create", args=["ward-7"]), given, follow=True)
    judge = JudgeEndpoint.objects.get()
    pages = [page.content]
    for name, key in (("judges", "ward-7"), ("judge_change", judge.pk)):
        pages.append(as_alice.get(reverse(f"graders:{name}", args=[key])).content)
    pages.append(as_alice.post(reverse("graders:judge_ask", args=[judge.pk]), {"question": "?"}).content)
    assert server.requests[0][0]["Authorization"] == f"Bearer {KEY}"
    server.answer = lambda body: error(401, f"Incorrect API key provided: {KEY}")
    refused = as_alice.post(reverse("graders:judge_ask", args=[judge.pk]), {"question": "?"}).content
    assert b"does not accept its key" in refused
    pages.append(as_alice.post(reverse("graders:judge_create", args=["ward-7"]), given).content)
    for content in [*pages, refused]:
        assert KEY.encode() not in content
    assert "is set" in pages[1].decode()
    assert KEY not in caplog.text
    assert KEY not in repr(judge) + str(vars(judge)) + repr(endpoint_of(judge)) + repr(vars(judge))
    if connection.vendor == "sqlite":
        with connection.cursor() as cursor:
            cursor.execute("PRAGMA wal_checkpoint(FULL)")
    else:
        assert KEY not in JudgeEndpoint.objects.values_list("key_token", flat=True).get()
    kept = [path for path in settings.DATA_DIR.rglob("*") if path.is_file()]
    assert any("sqlite" in path.name for path in kept) or connection.vendor != "sqlite"
    assert not [path for path in kept if KEY.encode() in path.read_bytes()]


def test_a_key_of_another_secrets_key_says_so(workspace, settings, as_alice):
    judge = make_judge(workspace)
    settings.SECRETS_KEYS = ["another-key-" * 4]
    with pytest.raises(SystemFault, match="another SECRETS_KEY"):
        endpoint_of(judge)
    page = as_alice.post(reverse("graders:judge_ask", args=[judge.pk]), {"question": "?"}).content.decode()
    assert "another SECRETS_KEY" in page


def test_stored_keys_are_renewed_all_or_none(workspace, settings, capsys):
    settings.SECRETS_KEYS = ["old-key-" * 5]
    first, second = make_judge(workspace), make_judge(workspace, name="second")
    settings.SECRETS_KEYS = ["new-key-" * 5]
    JudgeEndpoint.objects.filter(pk=second.pk).update(key_token=encrypt("sk-second"))
    with pytest.raises(CommandError, match="another SECRETS_KEY"):
        call_command("renew_secrets")
    settings.SECRETS_KEYS = ["new-key-" * 5, "old-key-" * 5]
    call_command("renew_secrets")
    assert "2 stored secrets renewed" in capsys.readouterr().out
    settings.SECRETS_KEYS = ["new-key-" * 5]
    assert [endpoint_of(judge).key for judge in JudgeEndpoint.objects.order_by("pk")] == [KEY, "sk-second"]
    assert first.key_token != JudgeEndpoint.objects.get(pk=first.pk).key_token


def test_what_a_job_gets_holds_no_key(workspace):
    judge = make_judge(workspace, price_in=1.0, price_out=2.0)
    make_judge(workspace, name="unused")
    [endpoint] = job_judges(workspace, SCORE)
    assert (endpoint.name, endpoint.key, endpoint.price_out) == ("main", "", 2.0)
    assert KEY not in json.dumps(endpoint.to_json())
    assert secrets_for(workspace, [endpoint]) == {endpoint.key_env: KEY}
    assert judges_with_keys(workspace, SCORE)[0].key == KEY
    judge.delete()
    assert secrets_for(workspace, [endpoint]) == {}


def test_somebody_else_s_judges_are_not_lent(workspace, charlie):
    make_judge(charlie.workspaces.get())
    assert job_judges(workspace, SCORE) == []
    assert secrets_for(workspace, job_judges(charlie.workspaces.get(), SCORE)) == {}


@pytest.fixture
def taskset(workspace, bob):
    return make_taskset(workspace=workspace, by=bob)


def test_an_unknown_judge_is_an_error_at_its_field(workspace, taskset):
    spec = {"type": "multi", "graders": {"style": SCORE}, "calculate_output": "style"}
    with pytest.raises(SpecError, match="has none yet") as caught:
        create_grader(taskset=taskset, by=None, spec=spec)
    assert caught.value.path == "graders.style.model"
    judge = make_judge(workspace)
    make_judge(workspace, name="second")
    with pytest.raises(SpecError, match="There are main, second"):
        create_grader(taskset=taskset, by=None, spec={**SCORE, "model": "gpt-x"})
    with pytest.raises(SpecError, match="Did you mean main"):
        create_grader(taskset=taskset, by=None, spec={**SCORE, "model": "mein"})
    grader = create_grader(taskset=taskset, by=None, spec=spec)
    actions.archive_judge(judge=judge)
    with pytest.raises(SpecError, match="is archived"):
        save_draft(grader=grader, spec=spec, by=None)


def test_publishing_asks_no_judge(workspace, taskset, server, judge):
    grader = create_grader(taskset=taskset, by=None, spec=SCORE)
    assert publish_grader(grader=grader, by=None).spec["model"] == "main"
    assert not server.requests


def test_who_uses_a_judge(workspace, taskset):
    make_judge(workspace)
    grader = create_grader(taskset=taskset, by=None, spec=SCORE)
    assert [use.grader for use in Uses(workspace).of_judge("main")] == [grader]
    assert not Uses(workspace).of_judge("mai")


def test_a_trial_asks_about_a_few_items_only(workspace, taskset, server, judge):
    server.answer = lambda body: completion(GOOD)
    spec = parse_spec(SCORE)
    with pytest.raises(SpecError, match="asks a judge"):
        try_on_items(taskset, spec)
    found = try_on_items(taskset, spec, judges=True)
    assert found.n_items == MAX_JUDGED
    assert found.right.mean == 0.75
    assert 0 < len(server.requests) <= 2 * MAX_JUDGED


def test_a_judge_that_is_asked(judge, server):
    reply = actions.ask_judge(judge=judge, question=" What is the capital of France? ")
    assert (reply.text, reply.tokens, reply.problem) == ("Paris.", 120, "")
    assert server.requests[0][1]["messages"][-1]["content"] == "What is the capital of France?"


@pytest.mark.parametrize(
    ("said", "problem"),
    [
        (error(500), "500"),
        (error(404), "knows no such address or model"),
        (completion("not JSON"), "JSON"),
        (completion({"other": 1}), "answer"),
    ],
)
def test_a_judge_that_fails_says_why(judge, server, said, problem):
    server.answer = lambda body: said
    reply = actions.ask_judge(judge=judge, question="?")
    assert problem in reply.problem
    assert reply.text == ""


def test_a_judge_whose_address_is_not_allowed_any_more(judge, monkeypatch):
    monkeypatch.setenv("PRIVATE_ENDPOINTS", "")
    assert "private or reserved" in actions.ask_judge(judge=judge, question="?").problem


def test_a_toolbox_lends_judges_only_when_told(workspace, judge):
    toolbox = Toolbox.of(workspace, SCORE)
    assert toolbox.judges == ("main",)
    with toolbox.lent() as judges:
        assert judges is None
    with toolbox.lent(judges=True) as judges:
        assert judges.endpoints["main"].key == KEY
