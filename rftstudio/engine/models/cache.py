"""Hub models for jobs that are run by hand: fetched once into the cache directory, pinned to a commit, kept.

The studio does not come here: its jobs name a directory. See `registry/arrivals.py`.
"""

import os
from pathlib import Path

from rftstudio.engine.models.address import COMMIT, read_address
from rftstudio.engine.models.fetch import fetch
from rftstudio.engine.models.look import look
from rftstudio.engine.models.memory import size
from rftstudio.engine.models.places import folder


def pinned(hub_id: str, revision: str = "") -> str:
    """The commit that a revision names now. Raises as `look` does."""
    if COMMIT.fullmatch(revision):
        return revision
    return look(read_address(hub_id).hub_id, revision, token=os.environ.get("HF_TOKEN", "")).commit


def fetched(hub_id: str, revision: str = "") -> Path:
    """The directory of a hub model, fetched where it is not here yet; a line is printed for that.

    Raises `SpecError` where it is not to be used, `SystemFault` where the hub does not answer. A token is read from
    HF_TOKEN.
    """
    commit = pinned(hub_id, revision)
    target = cache() / folder(hub_id) / commit
    said: list[str] = []

    def report(done: int, total: int, file: str) -> None:
        if not said:
            said.append(file)
            print(f"Fetching {hub_id} ({size(total)}) into {target}", flush=True)

    fetch(hub_id, commit, target, report=report, token=os.environ.get("HF_TOKEN", ""))
    return target


def cache() -> Path:
    """RFT_CACHE, else `rftstudio` in the user's cache directory."""
    if given := os.environ.get("RFT_CACHE"):
        return Path(given)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "rftstudio" / "models"
