"""Every page of the room for a stranger, a viewer, a bad number and the wrong method."""

import pytest
from django.urls import reverse

from rftstudio.graders.models import Grader
from tests.factories import make_grader, make_taskset

# name, arguments ("taskset" or "grader", then others), methods, the role's answer to a viewer's POST
READ = [
    ("open", "taskset"),
    ("list", "taskset"),
    ("builder", "grader"),
    ("versions", "grader"),
    ("version", "grader", 1),
    ("export", "grader"),
    ("export_file", "grader"),
]
SHOWN_TO_AUTHORS = [("create", "taskset"), ("import", "taskset")]
CHANGE = [
    ("open", "taskset"),
    ("create", "taskset"),
    ("import", "taskset"),
    ("builder", "grader"),
    ("rename", "grader"),
    ("use", "grader"),
    ("clone", "grader"),
    ("archive", "grader"),
    ("publish", "grader"),
]
TRY = [("live", "grader"), ("trial", "grader"), ("stored", "grader")]  # they save nothing, so that a viewer may


@pytest.fixture
def grader(workspace, bob) -> Grader:
    return make_grader(taskset=make_taskset(workspace=workspace, by=bob), by=bob, published=True)


def address(grader: Grader, name: str, whose: str, *more: int) -> str:
    return reverse(f"graders:{name}", args=[grader.taskset_id if whose == "taskset" else grader.pk, *more])


@pytest.mark.parametrize("place", READ)
def test_a_viewer_may_look_and_a_stranger_finds_nothing(grader, as_vera, as_charlie, place):
    assert as_vera.get(address(grader, *place), follow=True).status_code == 200
    assert as_charlie.get(address(grader, *place)).status_code == 404


@pytest.mark.parametrize("place", CHANGE)
def test_a_viewer_and_a_reviewer_may_not_change(grader, as_vera, as_rita, as_charlie, place):
    before = (grader.name, grader.spec, Grader.objects.count())
    for client, status in ((as_vera, 403), (as_rita, 403), (as_charlie, 404)):
        assert client.post(address(grader, *place), {"name": "Mine", "op": "save"}).status_code == status
    grader.refresh_from_db()
    assert (grader.name, grader.spec, Grader.objects.count()) == before


@pytest.mark.parametrize("place", TRY)
def test_a_viewer_may_try_and_a_stranger_may_not(grader, as_vera, as_charlie, place):
    assert as_vera.post(address(grader, *place)).status_code == 200
    assert as_charlie.post(address(grader, *place)).status_code == 404


@pytest.mark.parametrize("place", [*CHANGE, *TRY])
def test_what_changes_is_not_there_for_get(grader, as_alice, place):
    if place[0] in ("open", "builder", "create", "import"):
        pytest.skip("shows a page")
    assert as_alice.get(address(grader, *place)).status_code == 405


@pytest.mark.parametrize("place", SHOWN_TO_AUTHORS)
def test_pages_that_lead_to_a_new_grader_are_for_authors(grader, as_bob, as_vera, as_charlie, place):
    assert as_bob.get(address(grader, *place)).status_code == 200
    assert as_vera.get(address(grader, *place)).status_code == 403
    assert as_charlie.get(address(grader, *place)).status_code == 404
    assert as_bob.put(address(grader, *place)).status_code == 405


@pytest.mark.parametrize(
    "place", [("export", "grader"), ("list", "taskset"), ("versions", "grader"), ("version", "grader", 1)]
)
def test_pages_that_only_show_take_no_post(grader, as_alice, place):
    assert as_alice.post(address(grader, *place)).status_code == 405


@pytest.mark.parametrize("place", [*READ, *CHANGE, *TRY])
def test_a_number_that_is_nobodys_is_not_found(grader, as_alice, place):
    name, whose, *more = place
    url = reverse(f"graders:{name}", args=[10**9, *more])
    method = as_alice.get if place in READ else as_alice.post
    assert method(url).status_code == 404


def test_a_version_that_is_not_there_is_not_found(grader, as_alice):
    assert as_alice.get(address(grader, "version", "grader", 99)).status_code == 404


def test_signed_out_leads_to_the_sign_in_page(grader, client):
    response = client.get(address(grader, "builder", "grader"))
    assert response.status_code == 302
    assert "sign-in" in response["Location"]


def test_a_draft_that_cannot_be_read_any_more_leads_to_the_builder(workspace, bob, as_bob):
    grader = make_grader(taskset=make_taskset(workspace=workspace, by=bob), by=bob)
    type(grader).objects.filter(pk=grader.pk).update(spec={"type": "of_old"})
    builder = reverse("graders:builder", args=[grader.pk])
    for name in ("graders:check", "graders:calibrate", "graders:cases"):
        answer = as_bob.get(reverse(name, args=[grader.pk]), follow=True)
        assert answer.redirect_chain == [(builder, 302)]
        assert "has to be corrected first" in answer.content.decode()
    assert as_bob.post(reverse("runs:replay", args=[grader.pk])).headers["Location"] == builder
