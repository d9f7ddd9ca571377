"""Members and their roles."""

from rftstudio.accounts.models import Invitation, Membership, Role


def test_an_owner_invites_changes_and_removes(as_alice, workspace, bob):
    page = as_alice.post("/w/ward-7/people/", {"role": "viewer", "email": "eve@example.org"}, follow=True)
    link = Invitation.objects.get()
    assert f"/invitations/{link.token}/" in page.content.decode()
    membership = Membership.objects.get(user=bob)
    as_alice.post(f"/members/{membership.pk}/role/", {"role": "viewer"})
    membership.refresh_from_db()
    assert membership.role == Role.VIEWER
    as_alice.post(f"/members/{membership.pk}/remove/")
    assert not Membership.objects.filter(pk=membership.pk).exists()
    as_alice.post(f"/open-invitations/{link.pk}/withdraw/")
    assert not Invitation.objects.exists()


def test_the_last_owner_stays(as_alice, workspace, alice):
    membership = Membership.objects.get(user=alice)
    page = as_alice.post(f"/members/{membership.pk}/remove/", follow=True)
    assert "needs an owner" in page.content.decode()
    page = as_alice.post(f"/members/{membership.pk}/role/", {"role": "viewer"}, follow=True)
    assert "needs an owner" in page.content.decode()
    assert Membership.objects.get(user=alice).role == Role.OWNER


def test_an_unknown_role_is_refused(as_alice, bob):
    membership = Membership.objects.get(user=bob)
    page = as_alice.post(f"/members/{membership.pk}/role/", {"role": "king"}, follow=True)
    assert "no such role" in page.content.decode()


def test_an_author_sees_people_but_no_links(as_bob, workspace, alice):
    Invitation.objects.create(workspace=workspace, role=Role.AUTHOR, invited_by=alice)
    page = as_bob.get("/w/ward-7/people/").content.decode()
    assert "alice@example.org" in page
    assert "/invitations/" not in page
    assert as_bob.post("/w/ward-7/people/", {"role": "owner"}).status_code == 403


def test_a_person_changes_name_and_password(as_bob, bob):
    as_bob.post("/account/", {"name": "Robert", "email": "bob@example.org", "password": "rain on the roof"})
    bob.refresh_from_db()
    assert bob.first_name == "Robert"
    assert bob.check_password("rain on the roof")
    assert as_bob.get("/account/").status_code == 200  # still signed in
