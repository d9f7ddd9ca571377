"""Signing in, out, by link and by invitation."""

import pytest
from django.utils import timezone

from rftstudio.accounts import actions
from rftstudio.accounts.models import Invitation, Role, User
from rftstudio.engine.errors import SpecError
from tests.conftest import PASSWORD


def test_password_signs_in_and_leads_to_the_page_that_was_asked_for(client, alice):
    answer = client.post("/sign-in/", {"email": "Alice@example.org", "password": PASSWORD, "next": "/w/ward-7/people/"})
    assert answer["Location"] == "/w/ward-7/people/"


def test_a_foreign_next_page_is_ignored(client, alice):
    answer = client.post("/sign-in/", {"email": alice.email, "password": PASSWORD, "next": "https://evil.example/"})
    assert answer["Location"] == "/"


def test_a_wrong_password_says_so_and_keeps_the_address(client, alice):
    answer = client.post("/sign-in/", {"email": alice.email, "password": "nope"})
    assert "do not fit together" in answer.content.decode()
    assert alice.email in answer.content.decode()


def test_too_many_tries_lock(client, alice):
    for _ in range(8):
        answer = client.post("/sign-in/", {"email": alice.email, "password": "nope"})
    assert answer.status_code == 429
    assert "Too many tries" in answer.content.decode()


def test_the_first_operator_gets_one_link_that_works_once(client, db):
    link = actions.create_first_operator()
    assert actions.create_first_operator() == link  # started again before anybody signed in
    assert client.get(f"/welcome/{link.token}/").status_code == 200  # looking does not use it up
    assert client.post(f"/welcome/{link.token}/")["Location"] == "/"
    assert client.get("/account/").status_code == 200
    client.post("/sign-out/")
    assert client.post(f"/welcome/{link.token}/").status_code == 410
    assert actions.create_first_operator() is None


def test_an_invitation_makes_an_account_and_a_member(client, workspace, alice):
    invitation = actions.invite(workspace=workspace, by=alice, role=Role.REVIEWER)
    form = {"name": "Dana", "email": "Dana@example.org", "password": "a sunny day in may"}
    assert client.post(f"/invitations/{invitation.token}/", form)["Location"] == "/w/ward-7/"
    assert workspace.memberships.get(user__email="dana@example.org").role == Role.REVIEWER
    assert client.post(f"/invitations/{invitation.token}/").status_code == 410


def test_an_invitation_is_accepted_by_who_is_signed_in(as_charlie, charlie, workspace, alice):
    invitation = actions.invite(workspace=workspace, by=alice, role=Role.AUTHOR)
    as_charlie.post(f"/invitations/{invitation.token}/")
    assert workspace.memberships.get(user=charlie).role == Role.AUTHOR


def test_a_weak_password_keeps_what_was_typed(client, workspace, alice):
    invitation = actions.invite(workspace=workspace, by=alice, role=Role.AUTHOR)
    answer = client.post(
        f"/invitations/{invitation.token}/", {"name": "Dana", "email": "dana@example.org", "password": "short"}
    )
    assert answer.status_code == 200
    assert "Dana" in answer.content.decode()
    assert "too short" in answer.content.decode()
    assert not User.objects.filter(email="dana@example.org").exists()


def test_an_old_invitation_does_not_work(client, workspace, alice):
    invitation = Invitation.objects.create(
        workspace=workspace, role=Role.AUTHOR, invited_by=alice, expires_at=timezone.now()
    )
    assert client.get(f"/invitations/{invitation.token}/").status_code == 410
    with pytest.raises(SpecError, match="run out"):
        actions.accept_invitation(invitation=invitation, user=alice)
