"""What a grader needs of its workspace besides item and answer: word lists, secrets, and judges if allowed."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from rftstudio.accounts.models import Workspace
from rftstudio.engine.errors import SpecError
from rftstudio.engine.grading import Spec
from rftstudio.engine.grading.judges.client import Patience
from rftstudio.engine.grading.judges.judges import Judges
from rftstudio.engine.grading.tools import Tools, using
from rftstudio.graders.judges.grading import job_judges, judge_errors, judges_with_keys
from rftstudio.graders.lists.grading import Entries, list_errors, lists_of
from rftstudio.graders.named import named_judges
from rftstudio.graders.secrets.grading import job_secrets, secret_errors, secrets_in_plain

PAGE_PATIENCE = Patience(tries=2)  # somebody waits for the page


@dataclass(frozen=True)
class Toolbox:
    """lists: by the name the grader gives them. judges: the names of those it asks. spec: the grader's JSON."""

    workspace: Workspace
    spec: Mapping[str, Any]
    lists: Mapping[str, Entries]
    judges: tuple[str, ...]

    @classmethod
    def of(cls, workspace: Workspace, spec: Spec | Mapping[str, Any]) -> "Toolbox":
        """What this grader names."""
        stored = spec.model_dump(mode="json", exclude_none=True) if isinstance(spec, Spec) else spec
        judges = dict.fromkeys(name for _, name in named_judges(stored))
        return cls(workspace, stored, lists_of(workspace, stored), tuple(judges))

    def endpoints(self) -> tuple[dict[str, Any], ...]:
        """The judges for `job.json`, without their keys."""
        return tuple(endpoint.to_json() for endpoint in job_judges(self.workspace, self.spec))

    def secrets(self) -> dict[str, str]:
        """Its secrets for `job.json`: by name, the variables that will hold them."""
        return job_secrets(self.workspace, self.spec)

    @contextmanager
    def lent(self, *, judges: bool = False) -> Iterator[Judges | None]:
        """Grade with them inside the block. judges: they may be asked, which costs money and seconds.

        Gives the judges, with what was spent. Raises `SystemFault` where a key or a secret cannot be read, `SpecError`
        where a secret would go to a server that it is not meant for.
        """
        asked = Judges(judges_with_keys(self.workspace, self.spec), patience=PAGE_PATIENCE) if judges else None
        secrets = secrets_in_plain(self.workspace, self.spec)
        with using(Tools(lists=self.lists, judges=asked, secrets=secrets)):
            yield asked


def missing_tools(workspace: Workspace, spec: Mapping[str, Any]) -> list[SpecError]:
    """What a grader names and the workspace does not have, each at its field."""
    return [*judge_errors(workspace, spec), *list_errors(workspace, spec), *secret_errors(workspace, spec)]
