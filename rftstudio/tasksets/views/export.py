"""Download items as CSV or JSONL: the draft, or a version."""

from collections.abc import Iterable
from typing import Any

from django.http import Http404, HttpResponseBase, StreamingHttpResponse
from django.utils.text import slugify
from django.views.decorators.http import require_safe

from rftstudio.accounts.access import fetch
from rftstudio.accounts.request import Request
from rftstudio.tasksets.definition import definition_of
from rftstudio.tasksets.export import csv_lines, jsonl_lines
from rftstudio.tasksets.models import Split, TaskSet, TaskSetVersion

FORMATS = {"csv": ("text/csv; charset=utf-8", csv_lines), "jsonl": ("application/jsonl; charset=utf-8", jsonl_lines)}
CHUNK = 500


@require_safe
def export(request: Request, pk: int) -> HttpResponseBase:
    """`?format=csv|jsonl`, and optionally `version` and `split`."""
    taskset = fetch(request, TaskSet.objects.all(), pk=pk)
    try:
        content_type, lines = FORMATS[request.GET.get("format", "csv")]
    except KeyError:
        raise Http404("There is no such format: csv or jsonl.") from None
    name = slugify(taskset.name) or "taskset"
    rows: Any
    if number := request.GET.get("version"):
        found = TaskSetVersion.objects.filter(taskset=taskset, number=int(number) if number.isdecimal() else 0).first()
        if found is None:
            raise Http404("There is no such version.")
        definition, rows, name = found.definition, found.items.all(), f"{name}-v{found.number}"
    else:
        definition, rows, name = definition_of(taskset), taskset.items.live(), f"{name}-draft"
    if (split := request.GET.get("split", "")) in Split.values:
        rows, name = rows.filter(split=split), f"{name}-{split}"
    content: Iterable[str] = lines(definition, rows.iterator(chunk_size=CHUNK))
    disposition = {"Content-Disposition": f'attachment; filename="{name}.{request.GET.get("format", "csv")}"'}
    return StreamingHttpResponse(_in_bunches(content), content_type=content_type, headers=disposition)


def _in_bunches(lines: Iterable[str]) -> Iterable[str]:
    """A few hundred lines at a time: a small write for every item would cost more than the item."""
    bunch: list[str] = []
    for line in lines:
        bunch.append(line)
        if len(bunch) >= CHUNK:
            yield "".join(bunch)
            bunch = []
    yield "".join(bunch)
