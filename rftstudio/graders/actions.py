"""What can be done to a grader. Every change of a spec goes through `check_spec`, so that a draft is always valid."""

from typing import Any

from django.db import IntegrityError, transaction
from django.utils import timezone

from rftstudio.accounts.models import User
from rftstudio.engine.errors import SpecError
from rftstudio.engine.grading import Spec
from rftstudio.graders.cases import require_cases
from rftstudio.graders.checking import check_spec, require_references
from rftstudio.graders.content import content_hash
from rftstudio.graders.marking import draft_of
from rftstudio.graders.models import Grader, GraderVersion, WordListVersion
from rftstudio.graders.redteam import require_red_team
from rftstudio.graders.starts import default_spec
from rftstudio.tasksets.models import TaskSet

MAX_NAME = 120


def create_grader(*, taskset: TaskSet, by: User | None, name: str = "", spec: dict[str, Any] | None = None) -> Grader:
    """A new draft; the first one of a task set is the one in use. Raises `SpecError`."""
    parsed = check_spec(taskset, default_spec(taskset) if spec is None else spec)
    with transaction.atomic():
        first = not taskset.graders.active().exists()
        return Grader.objects.create(
            taskset=taskset,
            name=_checked_name(name) if name.strip() else _free_name(taskset, "Main grader" if first else "Grader"),
            spec=stored(parsed),
            in_use=first and Grader.objects.used_by(taskset) is None,
            created_by=by,
        )


def save_draft(*, grader: Grader, spec: dict[str, Any], by: User | None) -> Grader:
    """Replace the draft. Published versions stay as they are. Raises `SpecError`."""
    grader.spec = stored(check_spec(grader.taskset, spec))
    grader.save(update_fields=["spec", "updated_at"])
    return grader


def publish_grader(*, grader: Grader, by: User | None, note: str = "") -> GraderVersion:
    """Freeze the draft as the next version; the latest one is returned when nothing changed since.

    Raises `SpecError` where the draft does not fit the task set, cannot mark its reference answers, or is wrong again
    about a regression case (`NotProven`).
    """
    spec = check_spec(grader.taskset, grader.spec)
    require_references(grader.taskset, spec)
    require_cases(grader=grader, subject=draft_of(grader))
    frozen = WordListVersion.objects.pin(stored(spec), grader.taskset.workspace_id)
    kept_note = "".join(letter for letter in note if letter.isprintable()).strip()[:300]
    digest = content_hash(frozen)
    for _ in range(5):
        latest = grader.latest_version
        if latest is not None and latest.content_hash == digest:
            return latest
        number = latest.number + 1 if latest else 1
        try:
            with transaction.atomic():
                return grader.versions.create(
                    number=number, spec=frozen, content_hash=digest, note=kept_note, published_by=by
                )
        except IntegrityError:
            continue  # somebody published at the same moment: look again
    raise SpecError("Others are publishing this grader right now.", fix="Try again in a moment.")


def publish_tested(*, grader: Grader, by: User | None, note: str = "", anyway: bool = False) -> GraderVersion:
    """`publish_grader` after a red-team. Raises `NotProven` where it pays what it should not, unless `anyway`."""
    if not anyway:
        require_tested(grader=grader, by=by)
    return publish_grader(grader=grader, by=by, note=note)


def require_tested(*, grader: Grader, by: User | None) -> None:
    """The red-team that `publish_tested` makes, by itself: a draft that pays what it should not raises `NotProven`.

    What it found is kept, to be looked at, unless the caller's transaction takes it back.
    """
    check_spec(grader.taskset, grader.spec)
    latest = grader.latest_version
    if latest is None or latest.content_hash != grader.content_hash:
        require_red_team(grader=grader, subject=draft_of(grader), by=by)


def rename_grader(*, grader: Grader, name: str, by: User | None) -> Grader:
    """Raises `SpecError` for an empty or over-long name."""
    grader.name = _checked_name(name)
    grader.save(update_fields=["name", "updated_at"])
    return grader


def clone_grader(*, grader: Grader, by: User | None) -> Grader:
    """A copy of the draft, without its versions."""
    name = _free_name(grader.taskset, f"{grader.name[:100]} (copy)")
    return create_grader(taskset=grader.taskset, by=by, name=name, spec=grader.spec)


def use_grader(*, grader: Grader, by: User | None) -> Grader:
    """Make this the one that marks the task set's answers. Raises `SpecError` for an archived one."""
    if grader.archived_at is not None:
        raise SpecError("An archived grader cannot be used.", fix="Restore it first.")
    with transaction.atomic():
        grader.taskset.graders.filter(in_use=True).exclude(pk=grader.pk).update(in_use=False)
        Grader.objects.filter(pk=grader.pk).update(in_use=True)
    grader.in_use = True
    return grader


def archive_grader(*, grader: Grader, by: User | None) -> Grader:
    """Take it off the list; its versions, and the runs that used them, stay. Raises `SpecError` for the one in use."""
    if grader.in_use:
        raise SpecError("This grader is in use.", fix="Use another one first, then archive this one.")
    grader.archived_at = timezone.now()
    grader.save(update_fields=["archived_at", "updated_at"])
    return grader


def restore_grader(*, grader: Grader, by: User | None) -> Grader:
    """Put an archived grader back on the list."""
    grader.archived_at = None
    grader.save(update_fields=["archived_at", "updated_at"])
    return grader


def stored(spec: Spec) -> dict[str, Any]:
    """The JSON that is kept, hashed and given to the engine."""
    return spec.model_dump(mode="json", exclude_none=True)


def _checked_name(name: str) -> str:
    name = " ".join(name.split())
    if not name:
        raise SpecError("The name is empty.", path="name", fix="Say what this grader looks at.")
    if len(name) > MAX_NAME:
        raise SpecError(f"The name has more than {MAX_NAME} characters.", path="name", fix="Shorten it.")
    if not name.isprintable():
        raise SpecError("The name holds a character that cannot be shown.", path="name", fix="Type it again.")
    return name


def _free_name(taskset: TaskSet, name: str) -> str:
    taken = set(taskset.graders.values_list("name", flat=True))
    number = 2
    free = name
    while free in taken:
        free = f"{name} {number}"
        number += 1
    return free
