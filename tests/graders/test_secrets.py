"""Secrets of a workspace: kept by owners, sent to one server, found nowhere else; and who is asked, and when."""

import json

import pytest
from django.core.management import call_command
from django.db import connection
from django.urls import reverse

from rftstudio.engine.errors import SpecError, SystemFault
from rftstudio.engine.grading import parse_spec
from rftstudio.engine.grading.tools import tools
from rftstudio.engine.job import read_job
from rftstudio.graders.actions import create_grader, publish_grader, save_draft
from rftstudio.graders.forms.tree import texts_of
from rftstudio.graders.models import Secret
from rftstudio.graders.secrets import actions
from rftstudio.graders.secrets.form import SecretForm
from rftstudio.graders.toolbox import Toolbox
from rftstudio.graders.trial import MAX_JUDGED, try_on_items
from rftstudio.runs.lent import lend
from tests.engine.judge_server import JudgeServer, Said
from tests.factories import make_grader, make_run, make_taskset

VALUE = "tok-" + "plainly" * 6
GIVEN = {"name": "OURS", "origin": "https://grader.example.org/score?v=1", "value": VALUE}


@pytest.fixture
def server(monkeypatch):
    with JudgeServer(lambda body: Said(b'{"score": 0.75, "reason": "Well said."}')) as server:
        monkeypatch.setenv("PRIVATE_ENDPOINTS", f"127.0.0.1:{server.port}")
        yield server


@pytest.fixture
def secret(workspace, server) -> Secret:
    return make_secret(workspace, origin=f"http://127.0.0.1:{server.port}")


@pytest.fixture
def spec(server) -> dict[str, object]:
    return {"type": "endpoint", "url": f"http://127.0.0.1:{server.port}/grade", "secret": "OURS"}


@pytest.fixture
def taskset(workspace, bob):
    return make_taskset(workspace=workspace, by=bob, published=True)


@pytest.fixture
def grader(taskset, bob, secret, spec):
    return make_grader(taskset=taskset, by=bob, spec=spec)


def make_secret(workspace, **changes) -> Secret:
    given = {"name": "OURS", "origin": "https://grader.example.org", "value": VALUE}
    return actions.add_secret(workspace=workspace, by=None, **{**given, **changes})


def url(name: str, key: object = "ward-7") -> str:
    return reverse(f"graders:{name}", args=[key])


def holding(directory) -> list[str]:
    files = [path for path in directory.rglob("*") if path.is_file()]
    assert files
    return [path.name for path in files if VALUE.encode() in path.read_bytes()]


@pytest.mark.parametrize(
    ("field", "value"),
    [("name", ""), ("name", "9x"), ("name", "a b"), ("name", "x" * 81), ("name", "OURS\n;"), ("origin", "ftp://x")]
    + [("origin", ""), ("origin", "https://user:pw@example.org"), ("value", ""), ("value", "short"), ("value", " " * 9)]
    + [("value", "two words here"), ("value", "line\nbreaks"), ("value", "ünïcode-ünïcode"), ("value", "x" * 2001)],
)
def test_bad_input_is_an_error_at_its_field(field, value):
    form = SecretForm({**GIVEN, field: value})
    assert list(form.errors) == [field]


def test_only_the_server_of_an_address_is_kept():
    form = SecretForm(GIVEN)
    assert form.is_valid()
    assert form.cleaned_data["origin"] == "https://grader.example.org"


def test_added_replaced_and_removed(workspace, as_alice, alice):
    assert "No secret yet" in as_alice.get(url("secrets")).content.decode()
    assert as_alice.get(url("secret_create")).status_code == 200
    page = as_alice.post(url("secret_create"), GIVEN, follow=True).content.decode()
    assert "https://grader.example.org" in page
    secret = Secret.objects.get()
    assert (secret.workspace, secret.created_by) == (workspace, alice)
    assert as_alice.get(url("secret_replace", secret.pk)).status_code == 200
    changed = {"origin": "https://other.example.org", "value": "another-value"}
    assert as_alice.post(url("secret_replace", secret.pk), changed).status_code == 302
    other = {"type": "endpoint", "url": "https://other.example.org/x", "secret": "OURS"}
    with Toolbox.of(workspace, other).lent():
        assert tools().secrets == {"OURS": "another-value"}
    as_alice.post(url("secret_remove", secret.pk))
    assert not Secret.objects.exists()


def test_a_new_server_is_never_given_the_old_secret(workspace, as_alice):
    secret = make_secret(workspace)
    answer = as_alice.post(url("secret_replace", secret.pk), {"origin": "https://other.example.org", "value": ""})
    assert answer.status_code == 422
    secret.refresh_from_db()
    assert secret.origin == "https://grader.example.org"


def test_a_name_that_is_taken(workspace, as_alice):
    make_secret(workspace)
    answer = as_alice.post(url("secret_create"), {**GIVEN, "name": "ours"})
    assert answer.status_code == 422
    assert "of this name already" in str(answer.context["form"].errors["name"])
    assert VALUE not in answer.content.decode()


@pytest.mark.parametrize("name", ["secret_create", "secret_replace", "secret_remove"])
def test_owners_only(as_alice, as_bob, as_rita, as_vera, as_charlie, workspace, name):
    secret = make_secret(workspace)
    address = url(name, "ward-7" if name == "secret_create" else secret.pk)
    shows = name != "secret_remove"
    for client in (as_bob, as_rita, as_vera):
        assert client.post(address, {**GIVEN, "name": "MORE"}).status_code == 403
        assert client.get(address).status_code == (403 if shows else 405)
    assert as_charlie.post(address, GIVEN).status_code == 404
    assert as_alice.post(url(name, "nowhere" if name == "secret_create" else 10**9), GIVEN).status_code == 404
    assert as_alice.get(address).status_code == (200 if shows else 405)
    assert as_alice.put(address).status_code == 405
    assert Secret.objects.get().token == secret.token


def test_everybody_of_the_workspace_sees_the_names(as_vera, as_charlie, grader):
    page = as_vera.get(url("secrets")).content.decode()
    assert "OURS" in page
    assert grader.taskset.name in page
    for button in ("Add a secret", "Replace", "Remove"):
        assert button not in page
    assert as_charlie.get(url("secrets")).status_code == 404
    assert as_vera.post(url("secrets")).status_code == 405


def test_an_unknown_secret_is_an_error_at_its_field(workspace, taskset, spec):
    nested = {"type": "multi", "graders": {"secret": spec}, "calculate_output": "secret"}
    with pytest.raises(SpecError, match="has none yet") as caught:
        create_grader(taskset=taskset, by=None, spec=nested)
    assert caught.value.path == "graders.secret.secret"
    make_secret(workspace, name="OURZ")
    with pytest.raises(SpecError, match="Did you mean OURZ"):
        create_grader(taskset=taskset, by=None, spec=spec)


def test_an_author_cannot_send_it_elsewhere(workspace, taskset, grader, spec, server, as_bob):
    """Neither by saving nor by trying: a secret is its owner's, and an author's server must not get it."""
    with JudgeServer(lambda body: Said(b'{"score": 1}')) as thief:
        there = {**spec, "url": f"http://127.0.0.1:{thief.port}/grade"}
        with pytest.raises(SpecError, match="goes nowhere else"):
            save_draft(grader=grader, spec=there, by=None)
        with pytest.raises(SpecError, match="goes nowhere else"):
            try_on_items(taskset, parse_spec(there), judges=True)
        both = {"type": "multi", "graders": {"a": spec, "b": there}, "calculate_output": "a+b"}
        with pytest.raises(SpecError, match="goes nowhere else"):
            try_on_items(taskset, parse_spec(both), judges=True)
        sent = {**texts_of(there), "op": "judge", "answer": "x"}
        page = as_bob.post(reverse("graders:live", args=[grader.pk]), sent).content.decode()
        assert "goes nowhere else" in page
        assert thief.requests == []


def test_other_workspaces_get_none(workspace, charlie, spec, secret):
    with Toolbox.of(charlie.workspaces.get(), spec).lent():
        assert tools().secrets == {}
    assert Toolbox.of(charlie.workspaces.get(), spec).secrets() == {}


def test_the_panel_asks_only_on_a_press(as_bob, as_vera, grader, server):
    page = as_bob.get(reverse("graders:builder", args=[grader.pk])).content.decode()
    assert "asks a server" in page
    assert url("secrets") in page
    live = reverse("graders:live", args=[grader.pk])
    for op in ("", "item:next", "answer:empty", "answer:reference"):
        for headers in ({}, {"HX-Request": "true"}):
            as_bob.post(live, {"answer": "billing", "op": op}, headers=headers)
    as_bob.post(reverse("graders:builder", args=[grader.pk]), {"op": "save"})
    publish_grader(grader=grader, by=None)
    assert as_vera.post(live, {"answer": "x", "op": "judge"}).status_code == 403
    assert "asks a server" in as_vera.post(reverse("graders:trial", args=[grader.pk])).content.decode()
    assert server.requests == []
    page = as_bob.post(live, {"answer": "billing", "op": "judge"}).content.decode()
    assert "0.75" in page
    assert "Well said." in page
    [(headers, _)] = server.requests
    assert headers["Authorization"] == f"Bearer {VALUE}"


def test_a_trial_asks_about_a_few_items_only(taskset, grader, spec, server):
    found = try_on_items(taskset, parse_spec(spec), judges=True)
    assert found.right.mean == 0.75
    assert 0 < len(server.requests) <= 2 * MAX_JUDGED


@pytest.mark.django_db(transaction=True)
def test_the_plain_secret_is_nowhere_to_be_found(workspace, as_alice, bob, server, spec, caplog, settings):
    """Not in the database's files, a job's directory, a page, a log or a repr; only in the call."""
    given = {**GIVEN, "origin": f"http://127.0.0.1:{server.port}"}
    pages = [as_alice.post(url("secret_create"), given, follow=True)]
    secret = Secret.objects.get()
    taskset = make_taskset(workspace=workspace, by=bob, published=True)
    grader = make_grader(taskset=taskset, by=bob, spec=spec)
    run = make_run(workspace=workspace, by=bob, taskset=taskset)
    assert server.requests == []
    pages += [as_alice.get(url("secrets")), as_alice.get(url("secret_replace", secret.pk))]
    pages.append(as_alice.post(url("secret_create"), given))
    pages.append(as_alice.get(reverse("graders:builder", args=[grader.pk])))
    live = reverse("graders:live", args=[grader.pk])
    pages.append(as_alice.post(live, {"answer": "billing", "op": "judge"}))
    assert server.requests[0][0]["Authorization"] == f"Bearer {VALUE}"
    for said in (
        Said(f"No such token: {VALUE}".encode(), 403),
        Said(json.dumps({"score": 1, "reason": f"Thanks for {VALUE}"}).encode()),
        Said(json.dumps({"score": VALUE}).encode()),
        Said(json.dumps({"told": VALUE}).encode()),
    ):
        server.answer = lambda body, said=said: said
        pages.append(as_alice.post(live, {"answer": "billing", "op": "judge"}))
    assert "(secret)" in pages[-1].content.decode()
    assert not [number for number, page in enumerate(pages) if VALUE in page.content.decode()]
    assert VALUE not in caplog.text
    assert VALUE not in repr(secret) + str(vars(secret))
    assert read_job(run.directory).secrets == {"OURS": f"RFT_SECRET_{secret.pk}"}
    assert lend(run) == {f"RFT_SECRET_{secret.pk}": VALUE}
    assert holding(run.directory) == []
    if connection.vendor == "sqlite":
        with connection.cursor() as cursor:
            cursor.execute("PRAGMA wal_checkpoint(FULL)")
    else:
        assert VALUE not in Secret.objects.values_list("token", flat=True).get()
    assert holding(settings.DATA_DIR) == []


def test_a_job_gets_it_as_it_is_now_and_only_at_home(workspace, taskset, bob, grader, secret):
    run = make_run(workspace=workspace, by=bob, taskset=taskset)
    actions.replace_secret(secret=secret, origin=secret.origin, value="newer-value")
    assert list(lend(run).values()) == ["newer-value"]
    actions.replace_secret(secret=secret, origin="https://other.example.org", value=VALUE)
    with pytest.raises(SpecError, match="goes nowhere else"):
        lend(run)
    actions.remove_secret(secret=secret)
    with pytest.raises(SpecError, match="has been removed"):
        lend(run)
    with pytest.raises(SpecError, match="no secret called “OURS”"):
        make_run(workspace=workspace, by=bob, taskset=taskset)


def test_secrets_are_renewed_with_the_keys(workspace, settings, capsys):
    settings.SECRETS_KEYS = ["old-key-" * 5]
    make_secret(workspace)
    spec = {"type": "endpoint", "url": "https://grader.example.org/x", "secret": "OURS"}
    settings.SECRETS_KEYS = ["new-key-" * 5, "old-key-" * 5]
    call_command("renew_secrets")
    assert "1 stored secret renewed" in capsys.readouterr().out
    settings.SECRETS_KEYS = ["new-key-" * 5]
    with Toolbox.of(workspace, spec).lent():
        pass
    settings.SECRETS_KEYS = ["third-key-" * 5]
    with pytest.raises(SystemFault, match="another SECRETS_KEY"), Toolbox.of(workspace, spec).lent():
        pass
