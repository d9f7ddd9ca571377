"""Which training tasks a check asks: chosen by chance, and the same ones again after the others have changed."""

import hashlib

from rftstudio.evaluations.models import Readiness
from rftstudio.tasksets.models import Split, TaskSetVersion, VersionItem


def chosen_rows(version: TaskSetVersion, *, seed: int, n_items: int) -> list[VersionItem]:
    """At most `n_items` training tasks in their order. A task's chance depends on (seed, key) alone."""
    found = version.items.filter(split=Split.TRAIN).order_by("position")
    keys = list(found.values_list("key", flat=True))
    if len(keys) > n_items:
        found = found.filter(key__in=sorted(keys, key=lambda key: _lot(seed, key))[:n_items])
    return list(found)


def rows_of(check: Readiness) -> list[VersionItem]:
    """The tasks of a check."""
    return chosen_rows(check.taskset_version, seed=check.seed, n_items=check.n_items)


def _lot(seed: int, key: str) -> bytes:
    return hashlib.blake2b(f"{seed}\x1freadiness\x1f{key}".encode(), digest_size=8).digest()
