"""A task set to begin with, and the walk that every address of this room must stand."""

import pytest

from tests.factories import make_taskset


@pytest.fixture
def taskset(workspace, alice):
    return make_taskset(workspace=workspace, by=alice)


@pytest.fixture
def published(workspace, alice):
    return make_taskset(workspace=workspace, by=alice, published=True)


@pytest.fixture
def guarded(as_alice, as_bob, as_vera, as_charlie):
    """Checks who gets what at an address: author, viewer, stranger; and the wrong verb."""

    def check(url: str, *, methods: str, viewer: int, missing: str = "") -> None:
        sends = {"GET": "get", "POST": "post"}
        allowed = methods.split()
        for verb, name in sends.items():
            if verb in allowed:
                assert getattr(as_charlie, name)(url).status_code == 404, f"stranger {verb}"
                assert getattr(as_vera, name)(url).status_code == (viewer if verb == "GET" else 403), f"viewer {verb}"
                if missing:
                    assert getattr(as_alice, name)(missing).status_code == 404, f"missing {verb}"
            else:
                assert getattr(as_alice, name)(url).status_code == 405, f"wrong verb {verb}"
        assert as_alice.put(url).status_code == 405
        assert as_alice.delete(url).status_code == 405

    return check
