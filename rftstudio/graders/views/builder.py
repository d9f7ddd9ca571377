"""The builder: a form for the grader, an answer to try it on beside it. Works without scripts; htmx swaps its parts."""

from typing import Any

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_POST
from django_htmx.http import HttpResponseClientRedirect

from rftstudio.accounts.access import Action, fetch, may
from rftstudio.accounts.request import Request
from rftstudio.engine.errors import EngineError, SpecError
from rftstudio.graders import actions
from rftstudio.graders.checking import check_references
from rftstudio.graders.models import Grader
from rftstudio.graders.proof import NotProven
from rftstudio.graders.stored_trial import try_on_stored
from rftstudio.graders.trial import try_on_items
from rftstudio.graders.tryout import Tryout
from rftstudio.graders.views.check import stopped
from rftstudio.graders.workbench import Workbench

PAGE = "graders/builder.html"
ITEM_MOVES = [("previous", "‹", "Previous item"), ("next", "›", "Next item"), ("random", "⤨", "Any item")]
ANSWER_FILLS = [("reference", "Right answer"), ("other", "Another item’s answer"), ("empty", "Nothing")]
WRONG_LABEL = ("wrong", "A wrong label")
GRADERS = Grader.objects.select_related("taskset__workspace")


@require_http_methods(["GET", "POST"])
def builder(request: Request, pk: int) -> HttpResponse:
    """GET shows the draft. POST presses one of the form's buttons (`op`): it may save, publish, or change the form."""
    grader = fetch(request, GRADERS, Action.EDIT if request.method == "POST" else Action.VIEW, pk=pk)
    if request.method == "GET":
        return _page(request, Workbench.stored(grader, request.GET))
    bench = Workbench.typed(grader, request.POST.dict())
    word = request.POST.get("op", "")
    if word in ("save", "publish"):
        return _save(request, bench, publish=word == "publish")
    if word == "apply_json":
        bench.apply_json(bench.texts.get("json", ""))
    elif word == "drop_json":
        bench.drop_json()
    else:
        bench.apply(word)
    return _page(request, bench, "#changed")


@require_POST
def live(request: Request, pk: int) -> HttpResponse:
    """The score of the typed answer by the typed grader. `op` may move to another item, fill in an answer, ask a judge.

    Where the grader was typed as JSON, the form made of it comes back as well.
    """
    verb, _, word = request.POST.get("op", "").partition(":")
    asks = verb == "judge"
    bench = Workbench.typed(fetch(request, GRADERS, Action.EDIT if asks else Action.VIEW, pk=pk), request.POST.dict())
    tryout = Tryout(bench)
    tryout.ask_judges = asks
    if verb == "item":
        tryout.move(word)
    elif verb == "answer":
        tryout.fill(word)
    elif verb == "stored":
        tryout.take(word)
    if request.htmx and not verb and tryout.asks_judge and request.POST.get("judged") == tryout.fingerprint:
        return HttpResponse(status=204)  # leaving a field is no reason to take away a verdict that was paid for
    part = "#tried" if verb in ("item", "answer", "stored") else "#rebuilt" if bench.rebuilt else "#scored"
    return _page(request, bench, part, tryout=tryout)


@require_POST
def trial(request: Request, pk: int) -> HttpResponse:
    """The typed grader tried on the items' own reference answers, right ones and wrong ones."""
    bench = Workbench.typed(fetch(request, GRADERS, pk=pk), request.POST.dict())
    context: dict[str, Any] = {"trial_error": "" if bench.spec else "First correct what is marked in the form."}
    if bench.spec:
        try:
            may_ask = may(request, bench.grader.taskset.workspace, Action.EDIT)
            context["trial"] = try_on_items(bench.grader.taskset, bench.spec, judges=may_ask)
        except EngineError as error:
            context["trial_error"] = str(error)
    return _page(request, bench, "#trial", **context)


@require_POST
def stored(request: Request, pk: int) -> HttpResponse:
    """The typed grader tried on answers that trainings and comparisons left behind."""
    bench = Workbench.typed(fetch(request, GRADERS, pk=pk), request.POST.dict())
    context: dict[str, Any] = {"stored_error": "" if bench.spec else "First correct what is marked in the form."}
    if bench.spec:
        try:
            may_ask = may(request, bench.grader.taskset.workspace, Action.EDIT)
            context["stored"] = try_on_stored(bench.grader.taskset, bench.spec, judges=may_ask)
        except EngineError as error:
            context["stored_error"] = str(error)
    return _page(request, bench, "#stored", **context)


def _save(request: Request, bench: Workbench, *, publish: bool) -> HttpResponse:
    grader = bench.grader
    address = reverse("graders:builder", args=[grader.pk])
    if bench.spec is None or bench.json.error:
        return _page(request, bench, "#changed", failed="This is not saved yet. See the JSON below.")
    try:
        actions.save_draft(grader=grader, spec=bench.node.spec, by=request.user)
    except SpecError as error:
        return _page(request, bench, "#changed", failed=str(error))
    if publish:
        try:
            version = actions.publish_tested(grader=grader, by=request.user, note=request.POST.get("note", ""))
        except NotProven as error:
            return stopped(request, error)
        except SpecError as error:
            return _page(request, bench, "#changed", failed=str(error))
        _say_published(request, grader, version.number)
    elif request.htmx:
        kept = {name: text for name, text in bench.texts.items() if name in ("item", "answer", "note")}
        saved = Workbench.stored(grader, {})
        saved.texts.update(kept)
        saved.json.taken = bench.json.taken
        return _page(request, saved, "#changed", saved=True)
    else:
        messages.success(request, "The draft is saved.")
    item = bench.texts.get("item", "")
    target = f"{address}?item={item}" if item.isdigit() else address
    return HttpResponseClientRedirect(target) if request.htmx else redirect(target)


def _say_published(request: Request, grader: Grader, number: int) -> None:
    messages.success(request, f"Version {number} of “{grader.name}” is published. It will never change.")
    warn_of_references(request, grader)


def warn_of_references(request: Request, grader: Grader) -> None:
    """Say where a reference answer itself does not get full marks; it is allowed, and seldom meant."""
    version = grader.latest_version
    if version is not None:
        spec = actions.check_spec(grader.taskset, version.spec)
        if warning := check_references(grader.taskset, spec).warning:
            messages.warning(request, f"{warning} “Try on the items” shows which.")


def _page(request: Request, bench: Workbench, part: str = "", **more: Any) -> HttpResponse:
    """The whole page, or for htmx only the part that changed."""
    taskset = bench.grader.taskset
    context = {
        "workspace": taskset.workspace,
        "taskset": taskset,
        "spine_step": "grader",
        "grader": bench.grader,
        "bench": bench,
        "node": bench.node,
        "judge_names": taskset.workspace.judges.active().values_list("name", flat=True),
        "list_names": taskset.workspace.word_lists.active().values_list("slug", "name"),
        "may_edit": may(request, taskset.workspace, Action.EDIT),
        "n_graders": taskset.graders.active().count(),
        "item_moves": ITEM_MOVES,
        "answer_fills": [*ANSWER_FILLS, *([WRONG_LABEL] if taskset.choice_labels else [])],
        "rebuilt_part": part == "#rebuilt",
        **more,
    }
    if "trial" in more:
        context["trial_sides"] = [
            (more["trial"].right, "Right answers", "Right answers without full marks"),
            (more["trial"].wrong, "Another item’s answers", "Wrong answers that are paid 0.5 or more"),
        ]
    context.setdefault("tryout", Tryout(bench))
    return render(request, f"{PAGE}{part}" if request.htmx and part else PAGE, context)
