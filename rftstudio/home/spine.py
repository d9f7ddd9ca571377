"""Where a task set stands on its way to a better model: tasks, grader, readiness, training, comparison.

The only place that sees all the rooms at once. Reads, never writes; a few small queries.
"""

from dataclasses import dataclass

from django.db.models import Case, Count, Q, When
from django.urls import NoReverseMatch, reverse

from rftstudio.evaluations.models import Comparison, Readiness
from rftstudio.evaluations.readiness.words import VERDICTS
from rftstudio.evaluations.words import verdict as verdict_of
from rftstudio.graders.models import Grader
from rftstudio.lib.rounding import plain
from rftstudio.runs.jobs import OPEN_STATUSES, Status
from rftstudio.runs.models import Run
from rftstudio.tasksets.models import TaskSet


@dataclass(frozen=True)
class Step:
    """One stop of the spine. state: done, busy, ready (the next thing to do) or off (something is missing)."""

    slug: str
    name: str
    state: str
    note: str
    url: str


@dataclass(frozen=True)
class Spine:
    steps: tuple[Step, ...]
    next_label: str
    next_url: str


def _address(name: str, *args: object) -> str:
    try:
        return reverse(name, args=args)
    except NoReverseMatch:
        return ""


def spine_of(taskset: TaskSet) -> Spine:
    """The five steps of a task set and the one thing to do next."""
    counts = taskset.items.filter(deleted_at=None).aggregate(
        items=Count("pk"), answered=Count("pk", filter=Q(reference_answer__isnull=False))
    )
    version = taskset.versions.only("number").order_by("-number").first()
    grader = Grader.objects.filter(taskset=taskset, archived_at=None).order_by("-in_use", "-updated_at").first()
    grader_version = grader.latest_version if grader else None
    run = _training_of(taskset)
    comparison = _comparison_of(taskset, run) if run else None
    check = (
        Readiness.objects.filter(taskset_version__taskset=taskset)
        .select_related("taskset_version", "grader_version")
        .defer("result", "handle")
        .order_by("-pk")
        .first()
    )
    tasks_url = _address("tasksets:detail", taskset.pk)
    grader_url = _address("graders:open", taskset.pk)
    launch_url = _address("runs:launch", taskset.pk)

    n_items = counts["items"]
    missing = n_items - counts["answered"]
    if not n_items:
        tasks = Step("tasks", "Tasks", "ready", "no items yet", tasks_url)
    elif missing:
        tasks = Step("tasks", "Tasks", "ready", f"{missing} of {n_items} without an answer", tasks_url)
    else:
        items = f"{n_items} item{'' if n_items == 1 else 's'}"
        note = f"{items}, version {version.number}" if version else f"{items}, draft"
        tasks = Step("tasks", "Tasks", "done", note, tasks_url)

    if grader and grader_version:
        marked = Step("grader", "Grader", "done", f"{grader.name}, version {grader_version.number}", grader_url)
    elif grader:
        marked = Step("grader", "Grader", "ready", f"{grader.name}, draft", grader_url)
    else:
        marked = Step(
            "grader", "Grader", "ready" if tasks.state == "done" else "off", "how answers are marked", grader_url
        )

    current = check is None or (check.taskset_version, check.grader_version) == (version, grader_version)
    checked = _checked(check, taskset, current=current, can_check=tasks.state == "done" and grader is not None)
    can_launch = tasks.state == "done" and grader is not None
    if run is None:
        trained = Step("training", "Training", "ready" if can_launch else "off", "not started", launch_url)
    elif run.status in OPEN_STATUSES:
        trained = Step(
            "training", "Training", "busy", run.get_status_display().lower(), _address("runs:detail", run.pk)
        )
    elif run.status == Status.SUCCEEDED:
        trained = Step("training", "Training", "done", f"{run} finished", _address("runs:detail", run.pk))
    else:
        trained = Step(
            "training", "Training", "ready", run.get_status_display().lower(), _address("runs:detail", run.pk)
        )

    list_url = _address("evaluations:list", taskset.pk)
    if comparison is None:
        compared = Step("comparison", "Comparison", "off", "after a training", list_url)
    else:
        state = {True: "busy", False: "done" if comparison.status == Status.SUCCEEDED else "ready"}[comparison.is_open]
        difference = comparison.summary.get("difference")
        unclear = "unclear: " if comparison.summary and verdict_of(comparison.summary) == "unclear" else ""
        note = (
            f"{unclear}{plain(difference, sign=True)} against base"
            if difference is not None
            else comparison.get_status_display().lower()
        )
        compared = Step("comparison", "Comparison", state, note, _address("evaluations:detail", comparison.pk))

    steps = (tasks, marked, checked, trained, compared)
    return Spine(steps, *_next(steps, taskset=taskset, run=run, grader=grader, check=check))


def _training_of(taskset: TaskSet) -> Run | None:
    """The one that the bar speaks of: what runs or waits, else the newest that came to its end, else the newest.

    One that failed or was stopped takes nothing away from one that was finished before it, nor does a baseline from
    the training that it was launched beside.
    """
    rank = Case(
        When(status=Status.RUNNING, then=0),
        When(status__in=OPEN_STATUSES, then=1),
        When(status=Status.PAUSED, then=2),
        When(status=Status.SUCCEEDED, baseline_for=None, then=3),
        When(status=Status.SUCCEEDED, then=4),
        When(baseline_for=None, then=5),
        default=6,
    )
    return Run.objects.filter(taskset_version__taskset=taskset).order_by(rank, "-pk").first()


def _comparison_of(taskset: TaskSet, run: Run) -> Comparison | None:
    """With the base model: what runs or waits, else this training's, else the newest of another's, baselines last."""
    rank = Case(
        When(status__in=OPEN_STATUSES, then=0),
        When(status=Status.SUCCEEDED, run=run, then=1),
        When(status=Status.SUCCEEDED, run__baseline_for=None, then=2),
        When(status=Status.SUCCEEDED, then=3),
        default=4,
    )
    with_base = Comparison.objects.filter(run__taskset_version__taskset=taskset, against=None)
    return with_base.order_by(rank, "-pk").first()


def _checked(check: Readiness | None, taskset: TaskSet, *, current: bool, can_check: bool) -> Step:
    """Readiness never stands in the way: a training may be launched without it."""
    slug, name = "readiness", "Readiness"
    if check is None:
        state, note = ("ready", "not checked yet") if can_check else ("off", "will it train?")
        return Step(slug, name, state, note, _address("evaluations:readiness", taskset.pk))
    url = _address("evaluations:readiness_detail", check.pk)
    if check.status in OPEN_STATUSES:
        return Step(slug, name, "busy", check.get_status_display().lower(), url)
    verdict = check.summary.get("verdict", "")
    note = VERDICTS.get(verdict, check.get_status_display().lower())
    if not current:
        note += ", before the latest changes"
    return Step(slug, name, "done" if verdict in ("ready", "weak") else "ready", note, url)


def _next(
    steps: tuple[Step, ...], *, taskset: TaskSet, run: Run | None, grader: Grader | None, check: Readiness | None
) -> tuple[str, str]:
    """The one button: its words and its address."""
    tasks, marked, checked, trained, compared = steps
    if tasks.state != "done":
        return ("Add tasks" if "no items" in tasks.note else "Complete the answers"), tasks.url
    if grader is None:
        return "Choose how answers are marked", marked.url
    if run is None and checked.state == "busy":
        return "Watch the check", checked.url
    if run is None and checked.state == "ready":
        found = check is not None and check.summary
        return ("See what is missing" if found else "Check whether it trains"), checked.url
    if run is None:
        return "Launch a training", trained.url
    if trained.state == "busy":
        return "Watch the training", trained.url
    if compared.state == "busy":
        return "Watch the comparison", compared.url
    if run.status == Status.SUCCEEDED and compared.state == "done":
        return "Read the comparison", compared.url
    if run.status in (Status.FAILED, Status.CANCELLED):
        return "Launch again", _address("runs:launch", taskset.pk)
    return "See the training", trained.url
