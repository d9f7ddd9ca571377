"""Two to eight trainings of a workspace on one chart, with what they differ in."""

from django.http import Http404, HttpResponseBase, JsonResponse
from django.shortcuts import render
from django.utils.cache import patch_vary_headers
from django.views.decorators.http import require_safe

from rftstudio.accounts.access import fetch, visible
from rftstudio.accounts.models import Workspace
from rftstudio.accounts.request import Request
from rftstudio.runs import lineup
from rftstudio.runs.models import Run
from rftstudio.runs.views.export import RUNS, stream

EXPORTS = {"curves": lineup.curves_csv, "table": lineup.table_csv}


@require_safe
def compare(request: Request, slug: str) -> HttpResponseBase:
    """`?run=3&run=5`, optionally `metric`, `by=time`, and `csv=curves|table` or `figure=1` for that alone."""
    workspace = fetch(request, Workspace.objects.all(), slug=slug)
    runs = _runs(request, workspace)
    context = {"workspace": workspace, "runs": runs, "most": lineup.MOST}
    if not lineup.FEWEST <= len(runs) <= lineup.MOST:
        return render(request, "runs/compare_few.html", context, status=422 if len(runs) > lineup.MOST else 200)
    found = lineup.entries(runs)
    if (wanted := request.GET.get("csv", "")) in EXPORTS:
        return stream(EXPORTS[wanted](found), f"trainings-{wanted}.csv", "text/csv; charset=utf-8")
    by_time = request.GET.get("by") == "time"
    offered, measure = lineup.named(found, request.GET.get("metric", ""))
    figure = lineup.figure(found, measure, by_time=by_time)
    is_open = any(run.is_open for run in runs)
    if "figure" in request.GET:
        return JsonResponse({"figure": figure, "open": is_open})
    drawn, without = lineup.lines(found, measure)
    context |= {
        "entries": found,
        "lines": drawn,
        "without": without,
        "figure": figure,
        "measures": offered,
        "measure": measure,
        "by_time": by_time,
        "is_open": is_open,
    }
    if request.htmx and request.htmx.target == "chart-part":
        response = render(request, "runs/compare.html#chart", context)
    else:
        tables = {"differences": lineup.differences(found), "warnings": lineup.warnings(found)}
        response = render(request, "runs/compare.html", context | tables)
    patch_vary_headers(response, ["HX-Request", "HX-Target"])
    return response


def _runs(request: Request, workspace: Workspace) -> list[Run]:
    """Those named in the address, each once, in its order. Raises `Http404` for one that is not of this workspace."""
    named = request.GET.getlist("run")
    if not all(one.isdecimal() and len(one) < 18 for one in named):
        raise Http404("There is no such training.")
    wanted = list(dict.fromkeys(map(int, named)))
    rows = visible(request, RUNS.filter(workspace=workspace, pk__in=wanted))
    found = {run.pk: run for run in rows}
    if len(found) < len(wanted):
        raise Http404("There is no such training, or it is not yours.")
    return [found[one] for one in wanted]
