"""A training's figures and answers to take away: CSV, JSON, JSONL, TensorBoard's files."""

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any

from django.http import FileResponse, Http404, HttpResponseBase, StreamingHttpResponse
from django.utils.text import slugify
from django.views.decorators.http import require_safe

from rftstudio.accounts.access import fetch
from rftstudio.accounts.request import Request
from rftstudio.runs import curves
from rftstudio.runs.export import FILES, answer_lines, archive, metrics_csv, metrics_json, tensorboard_files
from rftstudio.runs.jobs import Status
from rftstudio.runs.models import Run

RUNS = Run.objects.select_related(
    "workspace", "taskset_version__taskset", "grader_version__grader", "base_model", "tuned_model"
)
CHUNK = 500
PHASES = {"train": "training", "valid": "validation"}  # in a file's name


def downloads(_request: Request, run: Run) -> dict[str, Any]:
    """For the tab that lists them all: what there is just now."""
    sides = ("run__workspace", "run__taskset_version__taskset", "against__taskset_version__taskset")
    compared = (run.comparisons.all() | run.comparisons_against.all()).select_related(*sides)
    return {
        "has_steps": run.events.filter(type="metrics").exists(),
        "has_answers": run.rollouts.exists(),
        "tensorboard": bool(tensorboard_files(run)),
        "compared": compared.filter(status=Status.SUCCEEDED),
        "files": [name for name, file in FILES.items() if (run.directory / file).is_file()],
    }


@require_safe
def metrics(request: Request, pk: int) -> HttpResponseBase:
    """Every step's figures: `?format=csv` (the default) or `json`."""
    run = fetch(request, RUNS, pk=pk)
    points = curves.points_of(run)
    form = request.GET.get("format", "csv")
    if form == "csv":
        return stream(metrics_csv(points), f"run-{run.pk}-metrics.csv", "text/csv; charset=utf-8")
    if form == "json":
        return stream(metrics_json(run, points), f"run-{run.pk}-metrics.json", "application/json; charset=utf-8")
    raise Http404("There is no such format: csv or json.")


@require_safe
def answers(request: Request, pk: int) -> HttpResponseBase:
    """Answers as JSONL: all of them, or those of a `phase`, a `step`, an `item`, which the file's name says."""
    run = fetch(request, RUNS, pk=pk)
    rows = run.rollouts.order_by("seq")
    name = [f"run-{run.pk}-answers"]
    if (phase := request.GET.get("phase", "")) in PHASES:
        rows = rows.filter(phase=phase)
        name.append(PHASES[phase])
    if (step := request.GET.get("step", "")).isdecimal() and len(step) < 10:
        rows = rows.filter(step=int(step))
        name.append(f"step-{int(step)}")
    if item := request.GET.get("item", ""):
        rows = rows.filter(item_key=item.replace("\x00", ""))
        name.append(f"item-{slugify(item)[:60]}".strip("-"))
    references = dict(run.taskset_version.items.values_list("key", "reference_answer"))
    lines = answer_lines(rows.iterator(chunk_size=CHUNK), references)
    return stream(lines, f"{'-'.join(name)}.jsonl", "application/jsonl; charset=utf-8")


@require_safe
def tensorboard(request: Request, pk: int) -> HttpResponseBase:
    """What TensorBoard reads, as a zip; 404 where it was not asked for."""
    run = fetch(request, RUNS, pk=pk)
    files = tensorboard_files(run)
    if not files:
        raise Http404("This training has written nothing for TensorBoard.")
    return FileResponse(archive(run, files), as_attachment=True, filename=f"run-{run.pk}-tensorboard.zip")


def stream(lines: Iterable[str], name: str, content_type: str) -> StreamingHttpResponse:
    """Lines as a file to be saved, sent as they are made."""
    disposition = {"Content-Disposition": f'attachment; filename="{name}"'}
    return StreamingHttpResponse(in_bunches(lines), content_type=content_type, headers=disposition)


def in_bunches(lines: Iterable[str]) -> Iterator[str]:
    """Some hundred lines at a time: a small write for every line would cost more than the line."""
    rest = iter(lines)
    while bunch := list(islice(rest, CHUNK)):
        yield "".join(bunch)
