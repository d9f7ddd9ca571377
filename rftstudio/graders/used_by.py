"""Which graders of a workspace use a judge, a word list or a secret: drafts, and versions that were published."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from rftstudio.accounts.models import Workspace
from rftstudio.graders.models import Grader
from rftstudio.graders.named import named_judges, named_lists, named_secrets


@dataclass(frozen=True)
class Use:
    """A grader that names it. draft: in its draft. versions: numbers of the published ones, newest first."""

    grader: Grader
    draft: bool
    versions: tuple[int, ...]

    @property
    def in_words(self) -> str:
        numbers = ", ".join(map(str, self.versions[:4])) + (" …" if len(self.versions) > 4 else "")
        published = f"version{'s' if len(self.versions) > 1 else ''} {numbers}" if self.versions else ""
        return ", ".join(filter(None, ["draft" if self.draft else "", published]))


class Uses:
    """Reads the graders once, however many judges and lists are asked about."""

    def __init__(self, workspace: Workspace) -> None:
        self._graders = list(
            Grader.objects.filter(taskset__workspace=workspace)
            .select_related("taskset")
            .prefetch_related("versions")
            .order_by("taskset__name", "name")
        )

    def of_judge(self, name: str) -> list[Use]:
        return self._of(lambda spec: any(found == name for _, found in named_judges(spec)))

    def of_list(self, slug: str) -> list[Use]:
        return self._of(lambda spec: any(found.partition("@")[0] == slug for _, found in named_lists(spec)))

    def of_secret(self, name: str) -> list[Use]:
        return self._of(lambda spec: any(found == name for _, found, _ in named_secrets(spec)))

    def _of(self, names_it: Callable[[Any], bool]) -> list[Use]:
        found = []
        for grader in self._graders:
            versions = tuple(version.number for version in grader.versions.all() if names_it(version.spec))
            draft = grader.archived_at is None and names_it(grader.spec)
            if draft or versions:
                found.append(Use(grader, draft, versions))
        return found
