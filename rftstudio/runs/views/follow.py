"""One task through a whole training: its answers and marks at every step where it was asked."""

from typing import Any
from urllib.parse import urlencode

from django.core.paginator import Paginator
from django.http import Http404, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.cache import patch_vary_headers
from django.views.decorators.http import require_safe

from rftstudio.accounts.access import Action, fetch, may
from rftstudio.accounts.request import Request
from rftstudio.runs import browse, follow
from rftstudio.runs.models import Rollout, Run
from rftstudio.runs.views.export import RUNS

STEPS = 10  # at which answers are listed at once
DOTS = 4000
TASKS = 25  # in the list, at once


@require_safe
def item(request: Request, pk: int) -> HttpResponse:
    """`?item=KEY`, with the list it was chosen from (`order`), and optionally one `answer` by its number."""
    run = fetch(request, RUNS, pk=pk)
    key = request.GET.get("item", "").replace("\x00", "")
    asked = browse.asked(run, {key})
    everything = follow.courses(run)
    course = next((one for one in everything if one.key == key), follow.Course(key, ()))
    if not course.visits and key not in asked:
        raise Http404("There is no such task in this training.")
    order = request.GET.get("order", "all")
    order = order if order in follow.ORDERS else "all"
    address = f"{reverse('runs:item', args=[run.pk])}?{urlencode({'item': key, 'order': order})}"
    context = {
        "run": run,
        "workspace": run.workspace,
        "taskset": run.taskset,
        "spine_step": "training",
        "may_review": may(request, run.workspace, Action.REVIEW),
        "course": course,
        "task": asked.get(key, (key, "")),
        "order": order,
        "orders": follow.ORDERS,
        "answer": _answer(request, run, key),
        "split": run.taskset_version.items.filter(key=key).values_list("split", flat=True).first() or "",
    }
    if request.htmx and request.htmx.target == "answer":
        response = render(request, "runs/item.html#answer", context)
    else:
        page = Paginator(course.visits, STEPS).get_page(request.GET.get("page"))
        dots = run.rollouts.filter(item_key=key).order_by("-seq").only("run", "seq", "step", "phase", "reward", "text")
        before, after = follow.neighbours(follow.ordered(everything, order), key)
        context |= {
            "page": page,
            "visits": follow.told(run, key, list(page)),
            "figure": follow.figure(run, course, list(dots[:DOTS]), address),
            "before": before,
            "after": after,
        }
        response = render(request, "runs/item.html", context)
    patch_vary_headers(response, ["HX-Request", "HX-Target"])
    return response


def _answer(request: Request, run: Run, key: str) -> Rollout | None:
    wanted = request.GET.get("answer", "")
    if not wanted:
        return None
    number = int(wanted) if wanted.isdecimal() and len(wanted) < 10 else -1
    found = run.rollouts.filter(item_key=key, seq=number).first()
    if found is None:
        raise Http404("There is no such answer to this task.")
    return found


def task_list(request: Request, run: Run) -> dict[str, Any]:
    """For the tab of a training: the tasks that were asked, in one of the orders of `follow`."""
    found = follow.courses(run)
    lists = {name: follow.ordered(found, name) for name in follow.ORDERS}
    order = request.GET.get("order", "")
    if order not in lists:
        order = "improved" if lists["improved"] else "all"
    page = Paginator(follow.matching(run, lists[order], request.GET.get("q", "")), TASKS).get_page(
        request.GET.get("page")
    )
    asked = browse.asked(run, {course.key for course in page})
    return {
        "page": page,
        "rows": [{"course": course, "prompt": asked.get(course.key, (course.key,))[0]} for course in page],
        "order": order,
        "orders": follow.ORDERS,
        "counts": {name: len(courses) for name, courses in lists.items()},
    }
