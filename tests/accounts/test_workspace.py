"""A workspace's name and its share of the machine: everybody of it sees them, owners change them."""

import pytest

pytestmark = pytest.mark.django_db

URL = "/w/ward-7/settings/"


def test_who_may(workspace, as_alice, as_bob, as_rita, as_vera, as_charlie, client):
    sent = {"name": "Ward 8", "max_running": "3", "max_waiting": "4"}
    others = (as_bob, as_rita, as_vera)
    assert [one.get(URL).status_code for one in (as_alice, *others, as_charlie, client)] == [200] * 4 + [404, 302]
    assert [one.post(URL, sent).status_code for one in (*others, as_charlie, client)] == [403] * 3 + [404, 302]
    assert as_alice.get("/w/nowhere/settings/").status_code == 404
    assert as_alice.put(URL).status_code == 405
    workspace.refresh_from_db()
    assert (workspace.name, workspace.max_running, workspace.max_waiting) == ("Ward 7", 2, 10)
    assert as_alice.post(URL, sent)["Location"] == URL
    workspace.refresh_from_db()
    assert (workspace.name, workspace.max_running, workspace.max_waiting) == ("Ward 8", 3, 4)
    assert workspace.slug == "ward-7", "addresses stay"
    page = as_vera.get(URL).text
    assert "3 of its jobs may run" in page
    assert "1 at once" in page
    assert f'href="{URL}"' in as_vera.get("/w/ward-7/people/").text


@pytest.mark.parametrize(
    ("field", "value"), [("max_running", "0"), ("max_waiting", "1001"), ("max_running", "many"), ("name", "")]
)
def test_a_mistake_is_shown_and_nothing_changes(workspace, as_alice, field, value):
    answer = as_alice.post(URL, {"name": "Other", "max_running": "3", "max_waiting": "4", field: value})
    assert answer.status_code == 422
    assert answer.context["form"].errors[field]
    assert "Ward 7" in answer.text
    workspace.refresh_from_db()
    assert (workspace.name, workspace.max_running) == ("Ward 7", 2)
