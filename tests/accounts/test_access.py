"""The doorway: every address of the project, walked as a stranger, as a viewer and signed out."""

import pytest
from django.core.exceptions import PermissionDenied
from django.http import Http404
from django.test import RequestFactory
from django.urls import URLPattern, URLResolver, get_resolver

from rftstudio.accounts import access
from rftstudio.accounts.access import Action
from rftstudio.accounts.models import Workspace

# Addresses that are not about anybody's workspace.
OPEN = {
    "accounts:sign_in",
    "accounts:sign_out",
    "accounts:link",
    "accounts:invitation",
    "home:manual",
    "home:manual_page",
}
OWN = {"home:home", "accounts:profile", "accounts:password"}


def every_pattern():
    def walk(patterns, prefix=""):
        for entry in patterns:
            if isinstance(entry, URLResolver):
                yield from walk(entry.url_patterns, f"{entry.namespace}:" if entry.namespace else prefix)
            elif isinstance(entry, URLPattern) and entry.name:
                yield prefix + entry.name, entry

    yield from walk(get_resolver().url_patterns)


PATTERNS = [pytest.param(name, pattern, id=name) for name, pattern in every_pattern() if name not in OPEN | OWN]


@pytest.fixture
def asked(rf: RequestFactory, vera):
    request = rf.get("/")
    request.user = vera
    return request


def test_every_role_may_what_it_should(rf, workspace, alice, bob, rita, vera, charlie):
    may = {}
    for user in (alice, bob, rita, vera, charlie):
        request = rf.get("/")
        request.user = user
        may[user.first_name] = [action.name for action in Action if access.may(request, workspace, action)]
    assert may == {
        "Alice": ["VIEW", "REVIEW", "EDIT", "MANAGE"],
        "Bob": ["VIEW", "REVIEW", "EDIT"],
        "Rita": ["VIEW", "REVIEW"],
        "Vera": ["VIEW"],
        "Charlie": [],
    }


def test_a_viewer_is_refused_what_she_can_see(asked, workspace):
    assert access.fetch(asked, Workspace.objects.all(), slug="ward-7") == workspace
    with pytest.raises(PermissionDenied, match="viewer"):
        access.fetch(asked, Workspace.objects.all(), Action.EDIT, slug="ward-7")


def test_a_stranger_does_not_learn_that_it_exists(rf, workspace, charlie):
    request = rf.get("/")
    request.user = charlie
    with pytest.raises(Http404):
        access.fetch(request, Workspace.objects.all(), slug="ward-7")


@pytest.mark.parametrize(("name", "pattern"), PATTERNS)
def test_signed_out_is_sent_to_sign_in(db, client, whole_project, name, pattern):
    url = whole_project.url(name, pattern)
    answer = client.get(url)
    assert answer.status_code == 302, url
    assert answer["Location"].startswith("/sign-in/")
    assert client.get(url, headers={"HX-Request": "true"}).status_code == 401


@pytest.mark.parametrize(("name", "pattern"), PATTERNS)
def test_a_stranger_finds_nothing(whole_project, as_charlie, name, pattern):
    url = whole_project.url(name, pattern)
    statuses = {as_charlie.get(url).status_code, as_charlie.post(url).status_code}
    assert statuses <= {404, 405}, url
    assert 404 in statuses, url


@pytest.mark.parametrize(("name", "pattern"), PATTERNS)
def test_a_viewer_changes_nothing(whole_project, as_vera, name, pattern):
    url = whole_project.url(name, pattern)
    before = whole_project.fingerprint()
    status = as_vera.post(url).status_code
    assert status in (403, 405) or name in whole_project.HARMLESS_POSTS, (url, status)
    seen = as_vera.get(url).status_code
    assert seen in (200, 204, 302, 304, 403, 405, 404), (url, seen)
    assert whole_project.fingerprint() == before, url
