"""Secrets as the engine gets them: checked when a grader is saved, by variable in a job, in plain for a call.

A secret goes to its own server only. That is looked at on saving, and again at every lending: since then somebody may
have replaced the secret, or typed another address that is not saved yet.
"""

from collections.abc import Mapping
from difflib import get_close_matches
from typing import Any

from rftstudio.accounts.models import Workspace
from rftstudio.engine.errors import SpecError
from rftstudio.engine.grading.outgoing import Refused, read_url
from rftstudio.graders.models import Secret
from rftstudio.graders.named import named_secrets
from rftstudio.lib.secrets import decrypt

VARIABLE = "RFT_SECRET_{}"


def secret_errors(workspace: Workspace, spec: Any) -> list[SpecError]:
    """Secrets that a spec names and the workspace does not have, or has for another server, each at its field."""
    named = named_secrets(spec)
    if not named:
        return []
    origins = dict(workspace.secrets.values_list("name", "origin"))
    found = []
    for path, name, url in named:
        if name not in origins:
            found.append(_unknown(path, name, sorted(origins)))
        elif _origin(url) != origins[name]:
            found.append(_elsewhere(path, name, origins[name]))
    return found


def job_secrets(workspace: Workspace, spec: Any) -> dict[str, str]:
    """For `job.json`: a secret's name to the variable that will hold it."""
    return {secret.name: VARIABLE.format(secret.pk) for secret in _named(workspace, spec)}


def secrets_in_plain(workspace: Workspace, spec: Any) -> dict[str, str]:
    """By name, for calls from this process. Raises `SpecError` where one would go to another server, `SystemFault`."""
    secrets = _named(workspace, spec)
    _require_at_home(secrets, spec)
    return {secret.name: decrypt(secret.token) for secret in secrets}


def secrets_of_job(workspace: Workspace, spec: Any, promised: Mapping[str, str]) -> dict[str, str]:
    """What a job was promised, by variable. promised: as `job.json` has it.

    Raises `SpecError` where one is gone or is meant for another server by now, `SystemFault` where it cannot be read.
    """
    held = {secret.name: secret for secret in workspace.secrets.filter(name__in=promised)}
    for name in promised:
        if name not in held:
            message = f"The secret “{name}” has been removed since this was launched."
            raise SpecError(message, path="secrets", fix="Add it again under “Judges and lists”, then launch again.")
    _require_at_home(list(held.values()), spec)
    return {variable: decrypt(held[name].token) for name, variable in promised.items()}


def _named(workspace: Workspace, spec: Any) -> list[Secret]:
    names = {name for _, name, _ in named_secrets(spec)}
    return list(workspace.secrets.filter(name__in=names)) if names else []


def _require_at_home(secrets: list[Secret], spec: Any) -> None:
    origins = {secret.name: secret.origin for secret in secrets}
    for path, name, url in named_secrets(spec):
        if name in origins and _origin(url) != origins[name]:
            raise _elsewhere(path, name, origins[name])


def _origin(url: str) -> str:
    try:
        return read_url(url).origin
    except Refused:
        return ""


def _elsewhere(path: str, name: str, origin: str) -> SpecError:
    message = f"The secret “{name}” is meant for {origin} and goes nowhere else."
    return SpecError(message, path=path, fix="Correct the address, or name another secret.")


def _unknown(path: str, name: str, known: list[str]) -> SpecError:
    if not known:
        fix = "The workspace has none yet. An owner can add one under “Judges and lists”."
    elif near := get_close_matches(name, known, n=1, cutoff=0.7):
        fix = f"Did you mean {near[0]}?"
    else:
        fix = f"There are {', '.join(known[:10])}{' …' if len(known) > 10 else ''}."
    return SpecError(f"There is no secret called “{name[:80]}” here.", path=path, fix=fix)
