"""One workspace with something of everything in it, so that every address of the project can be asked for."""

import hashlib
from collections.abc import Callable
from typing import Any

import pytest
from django.apps import apps
from django.core import serializers
from django.urls import URLPattern, reverse
from django.utils import timezone

from rftstudio.accounts.actions import invite
from rftstudio.accounts.models import Role
from rftstudio.evaluations.models import Answer, Comparison, Readiness
from rftstudio.graders.calibration import add_answers, create_set
from rftstudio.graders.cases import add_case
from rftstudio.graders.judges.actions import create_judge
from rftstudio.graders.keeping import item_of, keep_answer
from rftstudio.graders.lists.actions import receive_list, save_upload
from rftstudio.graders.models import WordListUpload
from rftstudio.graders.secrets.actions import add_secret
from rftstudio.registry.models import Arrival, TunedModel
from rftstudio.runs.models import Checkpoint, Replay, Run
from rftstudio.tasksets.models import ItemImport
from tests.factories import make_rollouts, make_run

ROOMS = ("accounts", "tasksets", "graders", "registry", "runs", "evaluations")


class WholeProject:
    """Knows an object for every address."""

    # They answer a POST with a picture of what was sent and save nothing: anybody who may look may ask.
    HARMLESS_POSTS = frozenset(
        {
            "tasksets:preview",
            "tasksets:preview_new",
            "tasksets:item_preview",
            "tasksets:item_new_preview",
            "graders:live",
            "graders:stored",
            "graders:trial",
            "runs:outlook",
        }
    )

    def __init__(self, run: Run) -> None:
        self.run = run
        self.workspace = run.workspace
        self.taskset = run.taskset_version.taskset
        tuned = TunedModel.objects.create(
            workspace=self.workspace, base_model=run.base_model, name="Tuned", path="/nowhere", adapter_hash="0" * 64
        )
        Run.objects.filter(pk=run.pk).update(status="succeeded", tuned_model=tuned)
        Checkpoint.objects.create(run=run, step=1, path="checkpoints/step-1")
        comparison = Comparison.objects.create(workspace=self.workspace, run=run, finished_at=timezone.now())
        self.objects: dict[str, Any] = {
            "tuned_model": tuned,
            "base_model": run.base_model,
            "arrival": Arrival.objects.create(
                workspace=self.workspace, source="hub", name="org/name", hub_id="org/name", commit="c" * 40
            ),
            "comparison": comparison,
            "answer": Answer.objects.create(
                comparison=comparison, seq=0, item_key="billing-0", model="base", text="billing"
            ),
            "readiness": Readiness.objects.create(
                workspace=self.workspace,
                taskset_version=run.taskset_version,
                grader_version=run.grader_version,
                base_model=run.base_model,
                settings={"samples": 8},
                status="succeeded",
                finished_at=timezone.now(),
            ),
            "import": ItemImport.objects.create(taskset=self.taskset, file_name="a.csv", path="a.csv", format="csv"),
            "grader": run.grader_version.grader,
            "item": self.taskset.items.first(),
            **evidence_of(run),
            "membership": self.workspace.memberships.get(role=Role.OWNER),
            "judge": create_judge(
                workspace=self.workspace, by=None, name="main", base_url="https://judge.example.org/v1", model="m"
            ),
            "secret": add_secret(
                workspace=self.workspace, by=None, name="OURS", origin="https://ours.example.org", value="s3cret-s3cret"
            ),
            "word_list": save_upload(upload=self._upload("Genes"), by=None).word_list,
            "list_upload": self._upload("Drugs"),
            "invitation": invite(workspace=self.workspace, by=run.created_by, role=Role.AUTHOR),
        }

    def url(self, name: str, pattern: URLPattern) -> str:
        """The address with ids that exist. A new kind of id fails here, so that it cannot be forgotten."""
        known: dict[str, Callable[[], Any]] = {
            "slug": lambda: self.workspace.slug,
            "taskset_pk": lambda: self.taskset.pk,
            "number": lambda: 1,
            "step": lambda: 1,
            "set_pk": lambda: self.objects["calibration_case"].calibration_set_id,
            "answer_pk": lambda: self.objects["regression_case"].answer_id,
            "case_pk": lambda: self.objects["calibration_case"].pk,
            "sample": lambda: "clinic-inbox",
            "form": lambda: "csv",
            "name": lambda: "log",
            "pk": lambda: self._pk(name, str(pattern.pattern)),
        }
        names = pattern.pattern.converters or pattern.pattern.regex.groupindex
        return reverse(name, kwargs={key: known[key]() for key in names})

    def _pk(self, name: str, route: str) -> int:
        first = route.lstrip("^").split("/")[0]
        things = {
            "members": "membership",
            "open-invitations": "invitation",
            "comparisons": "comparison",
            "readiness": "readiness",
            "graders": "grader",
            "judges": "judge",
            "arrivals": "arrival",
            "secrets": "secret",
            "word-lists": "word_list",
            "list-uploads": "list_upload",
            "models": "tuned_model",
            "items": "item",
            "imports": "import",
            "w": "base_model",
            "regression-cases": "regression_case",
            "rollouts": "rollout",
            "answers": "answer",
            "replays": "replay",
        }
        if first == "tasksets":
            return self.taskset.pk
        if first == "runs":
            return self.run.pk
        return self.objects[things[first]].pk

    def _upload(self, name: str) -> WordListUpload:
        chunks = [b"label,other names\nCFTR,ABCC7\n"]
        return receive_list(workspace=self.workspace, by=None, name=name, file_name="a.csv", chunks=chunks)

    def fingerprint(self) -> str:
        """Changes when any row of ours changes."""
        rows = [
            row for room in ROOMS for model in apps.get_app_config(room).get_models() for row in model.objects.all()
        ]
        text = serializers.serialize("json", rows)
        return hashlib.sha256(text.encode()).hexdigest()


def evidence_of(run: Run) -> dict[str, Any]:
    """A stored answer of the training, kept as a regression case and for calibration, and a replay over it."""
    grader, taskset = run.grader_version.grader, run.taskset_version.taskset
    rollout = make_rollouts(run, [("billing-0", "billing")])[0]
    kept = keep_answer(taskset=taskset, item=item_of(taskset, "billing-0"), text="billing")
    found = create_set(taskset=taskset, name="Thirty", by=run.created_by, filled=False)
    add_answers(calibration_set=found, answers=[kept])
    return {
        "rollout": rollout,
        "regression_case": add_case(
            grader=grader, answer=kept, rule="at_least", wanted=1, why="", gave=None, by=run.created_by
        ),
        "calibration_case": found.cases.get(),
        "replay": Replay.objects.create(run=run, grader=grader, content_hash="0" * 64, spec=grader.spec, cap=10),
    }


@pytest.fixture
def whole_project(alice, workspace) -> WholeProject:
    return WholeProject(make_run(workspace=workspace, by=alice))
