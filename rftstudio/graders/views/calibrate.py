"""Calibration: a task set's sets, what one of them says of a grader, and the answers it holds."""

from typing import Any

from django.contrib import messages
from django.forms import Form
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from rftstudio.accounts.access import Action, fetch
from rftstudio.accounts.request import Request
from rftstudio.engine.errors import SpecError
from rftstudio.graders import calibration
from rftstudio.graders.agreement import Agreed, agreement_of, scored_cases
from rftstudio.graders.evidence import CalibrationCase, CalibrationSet
from rftstudio.graders.forms.calibration import MadeForm, NewSetForm, RequirementForm, TypedForm
from rftstudio.graders.keeping import item_of, keep_answer
from rftstudio.graders.marking import chosen, cost_of, draft_of, latest_marking, order_marking
from rftstudio.graders.models import Grader
from rftstudio.graders.views.check import GRADERS, common, with_readable_grader
from rftstudio.lib.forms import errors_in_words

SETS = CalibrationSet.objects.select_related("taskset__workspace")


@require_http_methods(["GET", "HEAD", "POST"])
@with_readable_grader
def sets(request: Request, pk: int) -> HttpResponse:
    """The sets of the grader's task set with the draft's figures. POST makes another one."""
    grader = fetch(request, GRADERS, Action.EDIT if request.method == "POST" else Action.VIEW, pk=pk)
    form = NewSetForm(request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid():
        try:
            made = calibration.create_set(taskset=grader.taskset, by=request.user, **form.cleaned_data)
            return redirect("graders:calibration", pk, made.pk)
        except SpecError as error:
            form.add_error(error.path if error.path in form.fields else None, f"{error.message} {error.fix}")
    subject = draft_of(grader)
    rows = []
    for one in grader.taskset.calibration_sets.order_by("-pk"):
        mine = one.cases.filter(scores__by=request.user).count()
        total = one.cases.count()
        rows.append({"set": one, "total": total, "left": total - mine, "found": agreement_of(one, subject)})
    context = common(request, grader) | {"rows": rows, "form": form}
    return render(request, "graders/calibrate.html", context, status=422 if form.errors else 200)


@require_safe
@with_readable_grader
def result(request: Request, pk: int, set_pk: int) -> HttpResponse:
    """What a set says of the draft, or of `?version=`. Whoever still has answers to score is warned first."""
    grader = fetch(request, GRADERS, pk=pk)
    found_set = set_of(grader, set_pk)
    subject = chosen(grader, request.GET.get("version", ""))
    total = found_set.cases.count()
    mine = found_set.cases.filter(scores__by=request.user).count()
    context = common(request, grader) | {
        "set": found_set,
        "subject": subject,
        "numbers": grader.versions.values_list("number", flat=True)[:20],
        "total": total,
        "mine": mine,
        "left": total - mine,
        "people": calibration.progress(found_set),
    }
    # Whoever has answers left to score and sees the grader's marks first is no blind expert any more.
    context["blind"] = context["may_review"] and mine < total and context["people"] and "look" not in request.GET
    if not context["blind"]:
        found = agreement_of(found_set, subject)
        context |= {"found": found, "marking": latest_marking(subject) if subject.asks else None}
        context |= {"cost": cost_of(subject, found.n_unmarked), "figures": _figures(found)}
    if request.htmx:
        return render(request, "graders/calibration.html#marking", context)
    context |= {"made_form": MadeForm(), "typed_form": TypedForm(), "requirement": _requirement(found_set)}
    context["cases"] = found_set.cases.select_related("answer").prefetch_related("scores__by")
    return render(request, "graders/calibration.html", context)


def _figures(found: Agreed) -> list[dict[str, Any]]:
    """(name, term, value, interval, what it says), for the table."""
    rows = (
        ("Order", "Spearman", found.spearman, "1: the grader orders all answers as the experts do. 0: no connection."),
        ("Pairs", "Kendall’s τ-b", found.kendall, "Pairs in the right order less pairs in the wrong one."),
        (
            "Steps",
            "weighted κ",
            found.kappa,
            "Agreement on the five steps beyond chance; two steps off weigh four times.",
        ),
    )
    return [{"name": name, "term": term, "found": value, "why": why} for name, term, value, why in rows]


def _requirement(found: CalibrationSet) -> RequirementForm:
    asked = found.required is not None
    return RequirementForm(initial={"asked": asked, "required": found.required or 0.6, "required_n": found.required_n})


@require_POST
@with_readable_grader
def mark(request: Request, pk: int, set_pk: int) -> HttpResponse:
    """Have a grader that asks a judge mark the scored answers it has not marked yet."""
    grader = fetch(request, GRADERS, Action.EDIT, pk=pk)
    found_set = set_of(grader, set_pk)
    subject = chosen(grader, request.POST.get("version", ""))
    if subject.asks and "agreed" not in request.POST:
        messages.error(request, "This asks somebody else and may cost money. Tick the box if that is all right.")
    else:
        answers = [case.answer for case in scored_cases(found_set)]
        order_marking(subject=subject, answers=answers, by=request.user)
    response = redirect("graders:calibration", pk, set_pk)
    response["Location"] += "?look=1" + (f"&version={subject.number}" if subject.number else "")
    return response


@require_POST
def add(request: Request, pk: int, set_pk: int) -> HttpResponse:
    """More answers: typed (`text`), or made from the items (`source`)."""
    grader = fetch(request, GRADERS, Action.EDIT, pk=pk)
    found_set = set_of(grader, set_pk)
    form: Form = MadeForm(request.POST) if "source" in request.POST else TypedForm(request.POST)
    if not form.is_valid():
        messages.error(request, errors_in_words(form))
        return redirect("graders:calibration", pk, set_pk)
    given = form.cleaned_data
    try:
        if isinstance(form, MadeForm):
            new = calibration.add_made(calibration_set=found_set, **given)
        else:
            item = item_of(grader.taskset, given["item"])
            answer = keep_answer(taskset=grader.taskset, item=item, text=given["text"])
            new = calibration.add_answers(calibration_set=found_set, answers=[answer])
        messages.success(request, "Nothing new: it is there already." if not new else f"Added {new}.")
    except SpecError as error:
        messages.error(request, f"{error.message} {error.fix}")
    return redirect("graders:calibration", pk, set_pk)


@require_POST
def require(request: Request, pk: int, set_pk: int) -> HttpResponse:
    """What this set asks of a launch."""
    grader = fetch(request, GRADERS, Action.EDIT, pk=pk)
    found_set = set_of(grader, set_pk)
    form = RequirementForm(request.POST)
    if form.is_valid():
        least = form.least
        calibration.set_requirement(
            calibration_set=found_set, required=least, required_n=form.cleaned_data["required_n"], by=request.user
        )
        messages.success(
            request, "A launch now asks for it." if least is not None else "A launch asks for nothing here."
        )
    else:
        messages.error(request, errors_in_words(form))
    return redirect("graders:calibration", pk, set_pk)


@require_POST
def remove(request: Request, pk: int, case_pk: int) -> HttpResponse:
    """Take an answer out of a set."""
    grader = fetch(request, GRADERS, Action.EDIT, pk=pk)
    case = get_object_or_404(
        CalibrationCase.objects.select_related("calibration_set"), pk=case_pk, calibration_set__taskset=grader.taskset
    )
    try:
        calibration.remove_case(case=case)
    except SpecError as error:
        messages.error(request, f"{error.message} {error.fix}")
    return redirect("graders:calibration", pk, case.calibration_set_id)


def set_of(grader: Grader, pk: int) -> CalibrationSet:
    return get_object_or_404(grader.taskset.calibration_sets.select_related("taskset"), pk=pk)
