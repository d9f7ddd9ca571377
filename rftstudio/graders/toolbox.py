"""What a grader needs of its workspace besides item and answer: word lists, and judges where somebody said so."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from rftstudio.accounts.models import Workspace
from rftstudio.engine.errors import SpecError
from rftstudio.engine.grading import Spec
from rftstudio.engine.grading.tools import Tools, using
from rftstudio.graders.lists.grading import Entries, list_errors, lists_of
from rftstudio.graders.named import named_judges


@dataclass(frozen=True)
class Toolbox:
    """lists: by the name the grader gives them. judges: the names of those it asks."""

    lists: Mapping[str, Entries]
    judges: tuple[str, ...]

    @classmethod
    def of(cls, workspace: Workspace, spec: Spec | Mapping[str, Any]) -> "Toolbox":
        """What this grader names."""
        stored = spec.model_dump(mode="json", exclude_none=True) if isinstance(spec, Spec) else spec
        judges = dict.fromkeys(name for _, name in named_judges(stored))
        return cls(lists_of(workspace, stored), tuple(judges))

    @contextmanager
    def lent(self) -> Iterator[None]:
        """Grade with them inside the block."""
        with using(Tools(lists=self.lists)):
            yield


def missing_tools(workspace: Workspace, spec: Mapping[str, Any]) -> list[SpecError]:
    """What a grader names and the workspace does not have, each at its field."""
    return list_errors(workspace, spec)
