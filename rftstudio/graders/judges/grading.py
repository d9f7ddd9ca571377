"""Judges as the engine gets them: checked when a grader is saved, without their keys in a job, with them for a call."""

from collections.abc import Iterable
from dataclasses import replace
from difflib import get_close_matches
from typing import Any

from rftstudio.accounts.models import Workspace
from rftstudio.engine.errors import SpecError
from rftstudio.engine.grading.judges.endpoint import JudgeEndpoint as Endpoint
from rftstudio.graders.judges import embedded
from rftstudio.graders.models import JudgeEndpoint
from rftstudio.graders.named import named_judges
from rftstudio.lib.secrets import decrypt

KEY_VARIABLE = "RFT_JUDGE_KEY_{}"


def judge_errors(workspace: Workspace, spec: Any) -> list[SpecError]:
    """Judges that a spec names and the workspace does not have, each at its field."""
    named = named_judges(spec)
    if not named:
        return []
    known = dict(workspace.judges.values_list("name", "archived_at"))
    usable = sorted(name for name, archived in known.items() if archived is None)
    return [_unknown(path, name, usable, name in known) for path, name in named if name not in usable]


def job_judges(workspace: Workspace, spec: Any) -> list[Endpoint]:
    """The judges of a spec for `job.json`: each names the variable that will hold its key, and holds none."""
    return [_endpoint(judge) for judge in _named(workspace, spec)]


def judges_with_keys(workspace: Workspace, spec: Any) -> list[Endpoint]:
    """The same with their keys, for calls from this process. Raises `SystemFault` for a key that cannot be read."""
    return [endpoint_of(judge) for judge in _named(workspace, spec)]


def answering(workspace: Workspace, spec: Any) -> list[tuple[str, str, str]]:
    """Who answers under each name of a judge in this spec now: (name, address, model), in order of the names.

    Two verdicts are of one judge only where these agree. The embedded one's address is its port, which says nothing.
    """
    names = {name for _, name in named_judges(spec)}
    return sorted(workspace.judges.filter(name__in=names).values_list("name", "base_url", "model"))


def endpoint_of(judge: JudgeEndpoint) -> Endpoint:
    """One judge with its key and address, ready to be asked. Raises `SystemFault`."""
    endpoint = _endpoint(judge)
    if judge.embedded:
        return replace(endpoint, base_url=embedded.ensure_running())
    return replace(endpoint, key=decrypt(judge.key_token)) if judge.has_key else endpoint


def secrets_for(workspace: Workspace, endpoints: Iterable[Endpoint]) -> dict[str, str]:
    """The keys that a job was promised, by variable. Of judges that are gone there is none, and the job says so.

    Raises `SpecError` where a judge has moved since: its key must not go to the address that the job knows.
    """
    wanted = {endpoint.name: endpoint for endpoint in endpoints if endpoint.key_env}
    found: dict[str, str] = {}
    for judge in workspace.judges.filter(name__in=wanted).exclude(key_token=""):
        endpoint = wanted[judge.name]
        if judge.base_url != endpoint.base_url:
            message = f"The judge “{judge.name}” has another address than when this was launched."
            raise SpecError(message, fix="Launch it again.")
        found[endpoint.key_env] = decrypt(judge.key_token)
    return found


def _named(workspace: Workspace, spec: Any) -> list[JudgeEndpoint]:
    names = {name for _, name in named_judges(spec)}
    return list(workspace.judges.active().filter(name__in=names).order_by("pk")) if names else []


def _endpoint(judge: JudgeEndpoint) -> Endpoint:
    return Endpoint(
        name=judge.name,
        base_url=embedded.address() if judge.embedded else judge.base_url,
        model=judge.model,
        key_env=KEY_VARIABLE.format(judge.pk) if judge.has_key else "",
        price_in=judge.price_in,
        price_out=judge.price_out,
        concurrency=judge.concurrency,
        timeout_s=judge.timeout_s,
        allow_private=judge.embedded,
        weak=judge.embedded,
    )


def _unknown(path: str, name: str, usable: list[str], archived: bool) -> SpecError:
    if archived:
        fix = "Restore it under “Judges and lists”, or choose another one."
        return SpecError(f"The judge “{name[:80]}” is archived.", path=path, fix=fix)
    if not usable:
        fix = "The workspace has none yet. An owner can set one up under “Judges and lists”."
    elif near := get_close_matches(name, usable, n=1, cutoff=0.7):
        fix = f"Did you mean {near[0]}?"
    else:
        fix = f"There are {', '.join(usable[:10])}{' …' if len(usable) > 10 else ''}."
    return SpecError(f"There is no judge called “{name[:80]}” here.", path=path, fix=fix)
