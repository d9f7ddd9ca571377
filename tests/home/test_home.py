"""Home: what the workspace holds, the samples, and somebody's first workspace."""

import pytest

from rftstudio.accounts.models import Workspace
from rftstudio.runs.models import Run
from rftstudio.tasksets.models import TaskSet
from tests.conftest import make_person, signed_in
from tests.factories import make_run, make_taskset


def test_home_leads_to_the_workspace(as_alice):
    assert as_alice.get("/")["Location"] == "/w/ward-7/"


def test_somebody_without_a_workspace_makes_one(db):
    client = signed_in(make_person("eve"))
    assert "Make a workspace" in client.get("/").content.decode()
    assert client.post("/", {"name": " "}).status_code == 422
    assert client.post("/", {"name": "Ward 7"})["Location"] == "/w/ward-7/"
    assert Workspace.objects.get().memberships.get().role == "owner"


def test_an_empty_workspace_offers_the_samples(as_alice):
    page = as_alice.get("/w/ward-7/").content.decode()
    assert "Nothing here yet" in page
    assert "Clinic inbox triage" in page


def test_a_sample_opens_in_one_click_and_once(as_bob, workspace):
    first = as_bob.post("/w/ward-7/samples/clinic-inbox/")
    assert as_bob.post("/w/ward-7/samples/clinic-inbox/")["Location"] == first["Location"]
    taskset = TaskSet.objects.get(workspace=workspace)
    assert taskset.items.count() == 160
    assert taskset.graders.count() == 1
    assert "Open this sample" in as_bob.get("/w/ward-7/").content.decode()  # the other one


def test_an_unknown_sample_is_not_there(as_bob):
    assert as_bob.post("/w/ward-7/samples/astrology/").status_code == 404


@pytest.mark.parametrize(("client_name", "status"), [("as_vera", 403), ("as_charlie", 404)])
def test_a_sample_is_opened_by_authors_only(request, workspace, client_name, status):
    client = request.getfixturevalue(client_name)
    assert client.post("/w/ward-7/samples/clinic-inbox/").status_code == status
    assert not TaskSet.objects.exists()


def test_a_viewer_sees_no_buttons_that_write(as_vera, workspace):
    make_taskset(workspace=workspace)
    page = as_vera.get("/w/ward-7/").content.decode()
    assert "Inbox" in page
    assert "New task set" not in page
    assert "Open this sample" not in page


def test_a_running_training_is_shown_and_asked_for_again_only_while_it_runs(as_alice, workspace):
    make_run(workspace=workspace)
    fragment = as_alice.get("/w/ward-7/", headers={"HX-Request": "true"}).content.decode()
    assert "pill-queued" in fragment
    assert "hx-trigger" in fragment
    assert "<html" not in fragment
    Run.objects.update(status="succeeded")
    assert "hx-trigger" not in as_alice.get("/w/ward-7/", headers={"HX-Request": "true"}).content.decode()
