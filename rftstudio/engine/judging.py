"""A job's judges and secrets: read from `job.json` and the environment, and at hand while the job grades.

`job.json` says which judges there are and which variables hold their keys. Replies are kept in the job's directory, so
that a job which starts again pays nothing twice and remembers what it has spent.
"""

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from rftstudio.engine.errors import SpecError
from rftstudio.engine.grading import Spec
from rftstudio.engine.grading.judges.endpoint import read_endpoints, with_keys
from rftstudio.engine.grading.judges.judges import Judges
from rftstudio.engine.grading.judges.purse import FILE, Purse
from rftstudio.engine.grading.outgoing import Refused, read_url
from rftstudio.engine.grading.tools import tools, using
from rftstudio.engine.job import Job, SharedBudget

REPLIES = "judge-replies.jsonl"
# The job's own file, that of a job beside it, or of one of another kind: `../12/…`, `../../runs/12/…`.
SHARED = re.compile(rf"(?:(?P<up>\.\./|\.\./\.\./[\w-]+/)[\w-]+/)?{re.escape(FILE)}")


@contextmanager
def judging(directory: Path, job: Job, spec: Spec, *, tokens: int, cost: float) -> Iterator[Judges]:
    """Grade with the job's judges inside the block. tokens, cost: the budget of the whole job, or of all the jobs that
    share it (`job.budget`), 0 for none.

    Raises `SpecError` where a judge that the grader names, a key or a price is missing, or where the budget's file lies
    elsewhere than with one of the jobs.
    """
    endpoints = with_keys(read_endpoints(job.judges)) if job.judges else []
    file = directory / REPLIES if endpoints else None
    shared = job.budget if endpoints else None
    purse = Purse(_shared_file(directory, shared)) if shared else None
    judges = Judges(endpoints, tokens=tokens, cost=cost, file=file, purse=purse, share=shared.share if shared else 1.0)
    judges.require(spec.models())
    with using(replace(tools(), judges=judges, secrets={**tools().secrets, **_secrets(job)})):
        yield judges


def _shared_file(directory: Path, shared: SharedBudget) -> Path:
    """Where the jobs of a launch write what they pay. Raises `SpecError` for any other place."""
    directory = directory.resolve()
    path = directory / str(shared.file)
    if known := SHARED.fullmatch(str(shared.file)):
        ups = (known["up"] or "").count("../")
        if path.resolve().is_relative_to((directory, *directory.parents)[ups]):
            return path
    raise SpecError(
        f"The launch’s judge budget is kept in “{shared.file}”, which is no file of a job beside this one.",
        path="budget.file",
        fix=f"Name the {FILE} of the first job of the launch, or launch anew.",
    )


def _secrets(job: Job) -> dict[str, str]:
    found = {}
    for name, variable in job.secrets.items():
        if not os.environ.get(variable):
            message = f"The secret “{name}” should be in the variable {variable}, which is not set."
            raise SpecError(message, path="secrets", fix=f"Set {variable}.")
        found[name] = os.environ[variable]
    return found


def described(judges: Judges) -> list[dict[str, Any]]:
    """The judges for the first event of a job: enough to tell who judged, without keys."""
    rows = []
    for endpoint in judges.endpoints.values():
        try:
            host = read_url(endpoint.base_url).origin
        except Refused:
            host = ""
        rows.append({"name": endpoint.name, "model": endpoint.model, "host": host, "weak": endpoint.weak})
    return rows


def judge_metrics() -> dict[str, Any]:
    """What judges were asked and paid since last called, and in all; nothing where there are none."""
    judges = tools().judges
    if judges is None or not judges.endpoints:
        return {}
    total = judges.budget.spent
    return {
        "judges": {
            **judges.take().to_json(),
            "total_calls": total.calls,
            "total_tokens": total.tokens,
            "total_cost": round(total.cost, 6),
            **spent_together(judges),
        }
    }


def spent_together(judges: Judges) -> dict[str, Any]:
    """What all the jobs that share the budget have paid; nothing where it is this job's alone."""
    if judges.budget.purse is None:
        return {}
    total = judges.budget.purse.total()
    return {"launch_tokens": total.tokens, "launch_cost": round(total.cost, 6)}


def used_up() -> str:
    """A sentence on the judges' budget where it is used up; "" while there is something left, or no judge."""
    judges = tools().judges
    return judges.budget.used_up if judges is not None else ""
