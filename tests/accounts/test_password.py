"""The first password of somebody who was signed in by a link: asked for on every page, never in the way."""

import pytest

from rftstudio.accounts import actions
from tests.conftest import PASSWORD

URL = "/account/password/"
ASKED = "Choose a password now"
SHORT = "You have no password yet"
GOOD = "rain on the roof"
HTMX = {"HX-Request": "true", "HX-Target": "no-password"}


@pytest.fixture
def operator(client, db):
    link = actions.create_first_operator()
    assert link
    client.post(f"/welcome/{link.token}/")
    return link.user


def test_every_page_asks_until_there_is_one(client, operator):
    for page in ("/manual/", "/"):
        text = client.get(page, follow=True).text
        assert ASKED in text
        assert operator.email in text
    assert ASKED not in client.get("/account/").text, "it has the form already"
    answer = client.post(URL, {"password": GOOD, "next": "/manual/"}, follow=True)
    assert answer.redirect_chain == [("/manual/", 302)]
    assert "Your password is set" in answer.text
    assert ASKED not in answer.text
    assert SHORT not in answer.text
    client.post("/sign-out/")
    assert client.post("/sign-in/", {"email": operator.email, "password": GOOD})["Location"] == "/"


def test_it_is_set_where_one_is(client, operator):
    part = client.post(URL, {"password": GOOD}, headers=HTMX).text
    assert "Your password is set" in part
    assert "<html" not in part
    assert client.get("/account/").status_code == 200  # still signed in


def test_later_leaves_a_line(client, operator):
    assert SHORT in client.post(URL, {"later": "1"}, headers=HTMX).text
    assert client.post(URL, {"later": "1", "next": "/manual/"})["Location"] == "/manual/"
    text = client.get("/manual/").text
    assert SHORT in text
    assert ASKED not in text
    operator.refresh_from_db()
    assert not operator.has_usable_password()


@pytest.mark.parametrize("headers", [{}, HTMX])
@pytest.mark.parametrize(("password", "said"), [("short", "too short"), ("", "This field is required")])
def test_a_weak_one_is_refused(client, operator, headers, password, said):
    answer = client.post(URL, {"password": password, "next": "/manual/"}, headers=headers)
    assert answer.status_code == 422
    assert said in answer.text
    assert ("<html" in answer.text) == (not headers)
    assert 'value="/manual/"' in answer.text


def test_the_one_there_is_is_kept(as_alice, alice):
    assert ASKED not in as_alice.get("/manual/").text
    assert "already" in as_alice.post(URL, {"password": GOOD}, follow=True).text
    alice.refresh_from_db()
    assert alice.check_password(PASSWORD)


def test_another_site_is_not_gone_to(client, operator):
    assert client.post(URL, {"password": GOOD, "next": "https://evil.example/"})["Location"] == "/"


def test_who_may(client, as_alice, db):
    assert client.post(URL).status_code == 302
    assert as_alice.get(URL).status_code == 405
