"""Base models on their way: asked for by somebody, brought by a process of their own, there only when whole.

A short task starts `manage.py bring_model`, which claims the row, starts the engine's process and tells how far it
is. Killed, it is started again and goes on where it stopped; cancelled, the row is gone and what came is thrown away.
"""

import logging
import shutil
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import transaction

from rftstudio.accounts.models import User, Workspace
from rftstudio.engine.errors import EngineError, SpecError
from rftstudio.engine.models.address import COMMIT
from rftstudio.engine.models.licences import licence_name
from rftstudio.engine.models.places import folder, partial_of
from rftstudio.lib.errand import Superseded
from rftstudio.registry import hub_token
from rftstudio.registry.actions import EMBEDDED, free_name, keep_model, register_embedded
from rftstudio.registry.child import result_of, working
from rftstudio.registry.models import Arrival, BaseModel

log = logging.getLogger(__name__)

KIB = 1024
Source = BaseModel.Source


def fetch_from_hub(*, workspace: Workspace, by: User | None, hub_id: str, commit: str, revision: str = "") -> Arrival:
    """Have a hub model fetched. Raises `SpecError` where it is here or on its way already."""
    if settings.HUB_OFFLINE:
        raise SpecError("This studio fetches nothing.", path="hub_id", fix="Add a directory instead.")
    if not COMMIT.fullmatch(commit):
        raise SpecError("There is no commit to fetch.", path="revision", fix="Look at the model again.")
    there = BaseModel.objects.filter(source=Source.HUB, facts__hub_id=hub_id, revision=commit).first()
    if there is not None:
        raise SpecError(f"{there} is here already, at this commit.", path="hub_id", fix="Choose it when you train.")
    _require_none_open(hub_id=hub_id, commit=commit)
    return _start(workspace, by, source=Source.HUB, name=hub_id[:160], hub_id=hub_id, commit=commit, revision=revision)


def read_local(*, workspace: Workspace, by: User | None, name: str, directory: Path, licence: str = "") -> Arrival:
    """Have a directory read and hashed. Who may name which one: `folders.py`. Raises `SpecError`."""
    name = " ".join(name.split())
    if not name:
        raise SpecError("The model has no name.", path="name", fix="Give it one.")
    if BaseModel.objects.filter(name=name).exists():
        raise SpecError(f"There is a model called {name} already.", path="name", fix="Give it another name.")
    _require_none_open(source=Source.LOCAL, location=str(directory))
    _require_none_open(source=Source.LOCAL, name=name)
    return _start(workspace, by, source=Source.LOCAL, name=name, location=str(directory), licence=licence)


def read_again(*, workspace: Workspace, by: User | None, model: BaseModel) -> Arrival:
    """Have the files of a known model hashed anew, after they changed. Raises `SpecError` where that goes on.

    A directory's model becomes a new revision; one that was fetched has to be what it was (a copy of the studio's
    data has other dates).
    """
    _require_none_open(base_model=model)
    return _start(
        workspace, by, source=Source.LOCAL, name=model.name, location=model.location, licence=model.licence,
        base_model=model,
    )  # fmt: skip


def fetch_again(*, workspace: Workspace, by: User | None, model: BaseModel) -> Arrival:
    """Have a hub model fetched once more whose files are gone or not what they were. Raises `SpecError`."""
    if model.source != Source.HUB or model.state not in ("gone", "changed"):
        raise SpecError(f"{model} is whole.", fix="There is nothing to fetch.")
    hub_id = model.facts["hub_id"]
    _require_none_open(hub_id=hub_id, commit=model.revision)
    return _start(
        workspace, by, source=Source.HUB, name=model.name, hub_id=hub_id, commit=model.revision,
        revision=model.facts.get("revision_name", ""), base_model=model,
    )  # fmt: skip


def make_embedded(*, workspace: Workspace, by: User | None) -> Arrival:
    """Have the model that ships with the studio fetched and converted. Raises `SpecError`."""
    _require_none_open(source=Source.EMBEDDED)
    return _start(workspace, by, source=Source.EMBEDDED, name=EMBEDDED["name"])


def cancel_arrival(*, arrival: Arrival) -> None:
    """The row goes; whoever works on it notices within a second and throws away what came."""
    worked_on = arrival.status == Arrival.Status.RUNNING and not arrival.is_stale
    arrival.delete()
    if not worked_on:
        discard(arrival)


def start_again(*, arrival: Arrival) -> Arrival:
    """Try once more from where it stopped. Raises `SpecError` where it goes on already."""
    changes = {"status": Arrival.Status.WAITING, "error": "", "fix": "", "worker": ""}
    if not Arrival.objects.filter(pk=arrival.pk, status=Arrival.Status.FAILED).update(**changes):
        raise SpecError("This goes on already.", fix="Look at its progress.")
    arrival.refresh_from_db()
    arrival.submit()
    return arrival


def bring(*, pk: int) -> Arrival | None:
    """The work itself. None where somebody else does it."""
    row = Arrival.claim(pk)
    if row is None:
        return None
    try:
        facts = _work(row)
        with transaction.atomic():
            model = _keep(row, facts)
            row.step(status=Arrival.Status.DONE, done=row.total, note="", base_model=model)
    except Superseded:
        if not Arrival.objects.filter(pk=pk).exists():
            discard(row)
        return None
    except EngineError as error:
        message = error.message if isinstance(error, SpecError) else str(error)
        Arrival.objects.filter(pk=pk, worker=row.worker).update(fix=getattr(error, "fix", "") or "")
        row.fail(message)
    except Exception:  # whatever it is, doing it again would not help
        log.exception("%s could not be brought.", row)
        row.fail("This failed in a way that was not foreseen. What happened stands in models.log.")
    return row


def target_of(arrival: Arrival) -> Path:
    """Where a hub model will lie."""
    return Path(settings.MODELS_DIR) / "hub" / folder(arrival.hub_id) / arrival.commit


def discard(arrival: Arrival) -> None:
    """Throw away what has come of a hub model that is not whole."""
    if arrival.source == Source.HUB:
        shutil.rmtree(partial_of(target_of(arrival)), ignore_errors=True)


def _work(row: Arrival) -> dict[str, Any]:
    """Facts of the model. Raises `Superseded`, `SpecError`, `SystemFault`."""
    token = ""
    if row.source == Source.EMBEDDED:
        module, arguments = "rftstudio.engine.inference.embedded", [str(settings.DATA_DIR)]
    elif row.source == Source.LOCAL:
        module, arguments = "rftstudio.engine.models", ["--attended", "read", row.location]
    else:
        token = hub_token.plain(row.workspace)
        target = target_of(row)
        target.parent.mkdir(parents=True, exist_ok=True)
        if row.base_model is not None and row.base_model.state in ("gone", "changed"):
            shutil.rmtree(target, ignore_errors=True)
        module = "rftstudio.engine.models"
        arguments = ["--attended", "fetch", row.hub_id, "--revision", row.commit, "--into", str(target)]
    last: dict[str, Any] = {}
    with working(module, *arguments, token=token) as (rows, process):
        for said in rows:
            if said and not ("said" in said and {"result", "error"} & set(last)):
                last = dict(said)
            row.step(**_progress(row, said))
        code = process.returncode
    if row.source == Source.EMBEDDED and code == 0:
        return {}
    if "said" in last:
        last = {"error": {"kind": "system", "message": last["said"]}}
    return result_of(last, code)


def _progress(row: Arrival, said: Any) -> dict[str, Any]:
    if "said" in said:
        return {"note": str(said["said"])[:200]}
    if "done" not in said:
        return {}
    return {"done": said["done"] // KIB, "total": said["total"] // KIB, "note": str(said.get("file", ""))[:200]}


def _keep(row: Arrival, facts: dict[str, Any]) -> BaseModel:
    known = row.base_model
    if known is not None and row.source == Source.LOCAL and known.source != Source.LOCAL:
        if facts["content_hash"] != known.facts.get("content_hash"):
            fix = "Have it fetched again."
            raise SpecError(f"The files of {known} are not those that were fetched.", fix=fix)
        known.facts = known.facts | {"files": facts["files"]}
        known.save(update_fields=["facts"])
        return known
    if row.source == Source.EMBEDDED:
        return register_embedded()
    if row.source == Source.LOCAL:
        return keep_model(
            model=row.base_model, source=Source.LOCAL, name=row.name, directory=Path(row.location), facts=facts,
            licence=row.licence, workspace=row.workspace, by=row.created_by,
        )  # fmt: skip
    return keep_model(
        model=known, source=Source.HUB, name=free_name(row.hub_id, row.commit), directory=target_of(row),
        facts=facts | {"revision_name": row.revision},
        licence=licence_name(facts.get("licence", ""), facts.get("own_licence", "")), revision=row.commit,
        workspace=row.workspace, by=row.created_by,
    )  # fmt: skip


def _require_none_open(**lookup: Any) -> None:
    if Arrival.objects.filter(status__in=(Arrival.Status.WAITING, Arrival.Status.RUNNING), **lookup).exists():
        raise SpecError("This is on its way already.", fix="Look at its progress under “Models”.")


def _start(workspace: Workspace, by: User | None, **values: Any) -> Arrival:
    Arrival.objects.filter(
        workspace=workspace, status=Arrival.Status.FAILED, hub_id=values.get("hub_id", ""), name=values["name"]
    ).delete()
    arrival = Arrival.objects.create(workspace=workspace, created_by=by, **values)
    arrival.submit()
    return arrival
