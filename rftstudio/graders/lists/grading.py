"""Word lists as graders get them: found by the name a spec gives, and read once a process.

`genes` is the latest version of the list, `genes@3` the third. A published grader names only the second form, so that
a new version of a list never changes what an old grader means.
"""

from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from functools import lru_cache
from typing import Any

from rftstudio.accounts.models import Workspace
from rftstudio.engine.errors import SpecError
from rftstudio.graders.models import WordListEntry, WordListVersion
from rftstudio.graders.named import named_lists

Entries = Mapping[str, tuple[str, ...]]


def list_errors(workspace: Workspace, spec: Any) -> list[SpecError]:
    """Lists that a spec names and the workspace does not have, each at its field."""
    names = named_lists(spec)
    return [_unknown(workspace, path, name) for path, name in names if not _version(workspace, name)]


def lists_of(workspace: Workspace, spec: Any) -> dict[str, Entries]:
    """The lists of a spec by the name it gives them. Unknown ones are left out."""
    found: dict[str, Entries] = {}
    for _, name in named_lists(spec):
        version = _version(workspace, name) if name not in found else None
        if version is not None:
            found[name] = entries_of(version.pk, version.content_hash)
    return found


@lru_cache(maxsize=8)
def entries_of(version: int, _content_hash: str) -> Entries:
    """Other names by label, kept: what a version with this hash holds never changes."""
    rows: Iterable[tuple[str, list[str]]] = WordListEntry.objects.filter(version_id=version).values_list(
        "label", "names"
    )
    return {label: tuple(names) for label, names in rows}


def _version(workspace: Workspace, name: str) -> WordListVersion | None:
    return WordListVersion.objects.named(name, workspace.pk)


def _unknown(workspace: Workspace, path: str, name: str) -> SpecError:
    slugs = list(workspace.word_lists.filter(archived_at=None).order_by("slug").values_list("slug", flat=True))
    stem = name.partition("@")[0]
    if stem in slugs:
        fix = f"Write {stem} for its latest version."
        return SpecError(f"The word list {stem} has no such version.", path=path, fix=fix)
    if not slugs:
        fix = "The workspace has none yet. Upload one under “Word lists”."
    elif near := get_close_matches(stem, slugs, n=1):
        fix = f"Did you mean {near[0]}?"
    else:
        fix = f"There are {', '.join(slugs[:10])}{' …' if len(slugs) > 10 else ''}."
    return SpecError(f"There is no word list called “{name[:80]}” here.", path=path, fix=fix)
