"""The cast: Alice owns the workspace, Bob is an author, Rita reviews, Vera views, Charlie is a stranger."""

import shutil

import pytest
from django.conf import settings
from django.test import Client

from rftstudio.accounts.models import Membership, Role, User, Workspace

PASSWORD = "correct horse battery"
LONGEST = "test_killed_at_random.py"


def make_person(name: str, workspace: Workspace | None = None, role: str = "") -> User:
    user = User.objects.create_user(
        username=f"{name}@example.org", email=f"{name}@example.org", password=PASSWORD, first_name=name.title()
    )
    if workspace:
        Membership.objects.create(workspace=workspace, user=user, role=role)
    return user


def signed_in(user: User) -> Client:
    client = Client()
    client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
    return client


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The longest test first: begun last, it would keep one core waiting for minutes."""
    items.sort(key=lambda item: item.path.name != LONGEST)


@pytest.fixture(scope="session", autouse=True)
def _data_dir_is_thrown_away():
    yield
    shutil.rmtree(settings.DATA_DIR, ignore_errors=True)


@pytest.fixture
def workspace(db) -> Workspace:
    return Workspace.objects.create(name="Ward 7", slug="ward-7")


@pytest.fixture
def alice(workspace) -> User:
    return make_person("alice", workspace, Role.OWNER)


@pytest.fixture
def bob(workspace) -> User:
    return make_person("bob", workspace, Role.AUTHOR)


@pytest.fixture
def rita(workspace) -> User:
    return make_person("rita", workspace, Role.REVIEWER)


@pytest.fixture
def vera(workspace) -> User:
    return make_person("vera", workspace, Role.VIEWER)


@pytest.fixture
def charlie(db) -> User:
    """A stranger: he has a workspace, only not this one."""
    return make_person("charlie", Workspace.objects.create(name="Elsewhere", slug="elsewhere"), Role.OWNER)


@pytest.fixture
def as_alice(alice) -> Client:
    return signed_in(alice)


@pytest.fixture
def as_bob(bob) -> Client:
    return signed_in(bob)


@pytest.fixture
def as_rita(rita) -> Client:
    return signed_in(rita)


@pytest.fixture
def as_vera(vera) -> Client:
    return signed_in(vera)


@pytest.fixture
def as_charlie(charlie) -> Client:
    return signed_in(charlie)
