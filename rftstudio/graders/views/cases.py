"""The regression cases of a grader: what every version has to get right, and which do."""

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_POST

from rftstudio.accounts.access import Action, fetch
from rftstudio.accounts.request import Request
from rftstudio.engine.errors import SpecError
from rftstudio.graders import cases
from rftstudio.graders.evidence import RegressionCase, Rule
from rftstudio.graders.forms.objection import ObjectionForm
from rftstudio.graders.marking import Subject, cost_of, draft_of, latest_marking, order_marking, version_of
from rftstudio.graders.models import Grader
from rftstudio.graders.views.check import GRADERS, common, with_readable_grader
from rftstudio.lib.forms import errors_in_words
from rftstudio.tasksets.answers import shown_answer

VERSIONS = 4  # columns beside the draft
CASES = RegressionCase.objects.select_related("grader__taskset__workspace", "answer")


@require_http_methods(["GET", "HEAD", "POST"])
@with_readable_grader
def case_list(request: Request, pk: int) -> HttpResponse:
    """Every case with what the draft and the latest versions give. POST has a grader that asks a judge try them."""
    grader = fetch(request, GRADERS, Action.EDIT if request.method == "POST" else Action.VIEW, pk=pk)
    current = cases.current_cases(grader)
    subject = draft_of(grader)
    if request.method == "POST":
        if "agreed" in request.POST:
            order_marking(subject=subject, answers=[case.answer for case in current], by=request.user)
        else:
            messages.error(request, "This asks somebody else and may cost money. Tick the box if that is all right.")
        return redirect("graders:cases", pk)
    columns = _columns(grader, subject, current)
    tried = columns[0][1] if columns else []
    unknown = sum(each.state == "unknown" for each in tried)
    context = common(request, grader) | {
        "subject": subject,
        "columns": [column for column, _ in columns],
        "rows": [_row(case, [column[1][place] for column in columns]) for place, case in enumerate(current)],
        "n_failed": sum(each.state == "failed" for each in tried),
        "n_unknown": unknown,
        "cost": cost_of(subject, unknown) if unknown else None,
        "marking": latest_marking(subject) if subject.asks else None,
        "retired": grader.cases.exclude(retired_at=None).select_related("answer", "retired_by").order_by("-retired_at"),
        "rules": Rule.choices,
    }
    return render(request, "graders/cases.html#state" if request.htmx else "graders/cases.html", context)


def _columns(grader: Grader, draft: Subject, current: list[RegressionCase]) -> list[tuple[Subject, list[cases.Tried]]]:
    """The draft, then the latest versions; the draft alone stands for a version it is the same as."""
    versions = [version_of(version) for version in grader.versions.select_related("grader__taskset")[:VERSIONS]]
    subjects = [draft, *versions] if current else []
    return [(subject, cases.try_cases(subject, current)) for subject in subjects]


def _row(case: RegressionCase, tried: list[cases.Tried]) -> dict[str, object]:
    answer_type = case.grader.taskset.answer_type
    return {
        "case": case,
        "tried": tried,
        "state": tried[0].state,
        "reference": shown_answer(case.answer.item.get("reference_answer"), answer_type),
    }


@require_POST
def change(request: Request, pk: int) -> HttpResponse:
    """Ask another score of a case."""
    case = fetch(request, CASES, Action.EDIT, pk=pk)
    form = ObjectionForm(request.POST)
    if form.is_valid():
        try:
            cases.change_case(case=case, **form.cleaned_data, by=request.user)
            messages.success(request, f"Changed: {case.asks}.")
        except SpecError as error:
            messages.error(request, str(error))
    else:
        messages.error(request, errors_in_words(form))
    return redirect("graders:cases", case.grader_id)


@require_POST
def retire(request: Request, pk: int) -> HttpResponse:
    """Let a case count no more, with a reason; with `take_up` let it count again."""
    case = fetch(request, CASES, Action.EDIT, pk=pk)
    try:
        if "take_up" in request.POST:
            cases.take_up_case(case=case, by=request.user)
            messages.success(request, "The case counts again.")
        else:
            cases.retire_case(case=case, why=request.POST.get("why", ""), by=request.user)
            messages.success(request, "The case is retired. It can be taken up again.")
    except SpecError as error:
        messages.error(request, f"{error.message} {error.fix}")
    return redirect("graders:cases", case.grader_id)
