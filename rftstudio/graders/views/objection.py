"""“The grader is wrong here”: one form, for an answer that is typed in the builder or stands in a room above.

Rooms above fetch their answer and call `objection`; nothing here knows of trainings or comparisons.
"""

from collections.abc import Callable
from urllib.parse import quote

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.http import require_http_methods, require_POST
from django_htmx.http import HttpResponseClientRedirect

from rftstudio.accounts.access import Action, fetch
from rftstudio.accounts.request import Request
from rftstudio.engine.errors import SpecError
from rftstudio.engine.types import Item
from rftstudio.graders import calibration, cases
from rftstudio.graders.evidence import KeptAnswer, Source
from rftstudio.graders.forms.objection import ObjectionForm
from rftstudio.graders.keeping import keep_answer
from rftstudio.graders.marking import draft_of, grades_of
from rftstudio.graders.models import Grader
from rftstudio.graders.views.check import GRADERS, common, with_readable_grader
from rftstudio.tasksets.answers import shown_answer
from rftstudio.tasksets.models import TaskSet
from rftstudio.tasksets.rows import draft_item


@require_POST
def wrong_here(request: Request, pk: int) -> HttpResponse:
    """From the builder: keeps `answer` to `item` as they stand there, and goes on to the form."""
    grader = fetch(request, GRADERS, Action.REVIEW, pk=pk)
    number = request.POST.get("item", "")
    row = grader.taskset.items.live().filter(pk=int(number)).first() if number.isdigit() and len(number) < 19 else None
    target = reverse("graders:builder", args=[pk])
    if row is None:
        messages.error(request, "Choose an item first; the answer belongs to one.")
    else:
        try:
            item = draft_item(grader.taskset, row)
            text = request.POST.get("answer", "")
            answer = keep_answer(taskset=grader.taskset, item=item, text=text, source=Source.TRY)
            back = quote(f"{target}?item={row.pk}")
            target = f"{reverse('graders:wrong', args=[pk, answer.pk])}?back={back}"
        except SpecError as error:
            messages.error(request, f"This answer cannot be kept. {error.message} {error.fix}")
    return HttpResponseClientRedirect(target) if request.htmx else redirect(target)


@require_http_methods(["GET", "HEAD", "POST"])
@with_readable_grader
def wrong(request: Request, pk: int, answer_pk: int) -> HttpResponse:
    """The form for a kept answer. What the stored draft gives for it is shown where that is free."""
    grader = fetch(request, GRADERS, Action.REVIEW, pk=pk)
    answer = get_object_or_404(KeptAnswer, pk=answer_pk, taskset=grader.taskset)
    found = grades_of(draft_of(grader), [answer]).get(answer.pk)
    return objection(
        request,
        grader=grader,
        item=answer.as_item,
        text=answer.text,
        gave=found.score if found else None,
        keep=lambda: answer,
        back=reverse("graders:builder", args=[pk]),
    )


def objection(
    request: Request,
    *,
    grader: Grader,
    item: Item,
    text: str,
    gave: float | None,
    keep: Callable[[], KeptAnswer],
    back: str,
) -> HttpResponse:
    """The form, or what becomes of it.

    keep: makes the answer evidence once the form is right. back: where one comes from, unless the address says so.
    """
    back = address_back(request, back)
    form = ObjectionForm(request.POST if "rule" in request.POST else None, gave=gave)
    if form.is_bound and form.is_valid():
        try:
            case = cases.add_case(grader=grader, answer=keep(), **form.cleaned_data, gave=gave, by=request.user)
        except SpecError as error:
            form.add_error(error.path if error.path in form.fields else None, f"{error.message} {error.fix}")
        else:
            messages.success(request, f"Kept: every new version of “{grader.name}” has to give it {case.asks}.")
            return redirect(back)
    context = common(request, grader) | {
        "form": form,
        "item": item,
        "text": text,
        "reference": shown_answer(item.fields.get("reference_answer"), grader.taskset.answer_type),
        "gave": gave,
        "back": back,
    }
    return render(request, "graders/wrong.html", context, status=422 if form.errors else 200)


def send_to_calibration(
    request: Request, *, taskset: TaskSet, answers: Callable[[], list[KeptAnswer]], back: str
) -> HttpResponse:
    """Put answers into the task set's newest calibration set, from any page, and go back there."""
    back = address_back(request, back)
    try:
        chosen = calibration.default_set(taskset=taskset, by=request.user)
        new = calibration.add_answers(calibration_set=chosen, answers=answers())
    except SpecError as error:
        messages.error(request, str(error))
    else:
        words = {0: "It is there already: nothing was added to", 1: "One answer was added to"}
        total = chosen.cases.count()
        messages.success(
            request, f"{words.get(new, f'{new} answers were added to')} “{chosen.name}”, which has {total} now."
        )
    return redirect(back)


def address_back(request: Request, usual: str) -> str:
    """The page of ours that `back` names, in the address or the form; the usual one for anything else."""
    wanted = request.POST.get("back") or request.GET.get("back", "")
    ours = url_has_allowed_host_and_scheme(wanted, {request.get_host()}, require_https=request.is_secure())
    return wanted if ours else usual
