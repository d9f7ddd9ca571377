"""“The grader is wrong here”: one form, for an answer that is typed in the builder or stands in a room above.

Rooms above fetch their answer and call `objection`; nothing here knows of trainings or comparisons.
"""

from collections.abc import Callable

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.http import require_POST

from rftstudio.accounts.access import Action, fetch
from rftstudio.accounts.request import Request
from rftstudio.engine.errors import SpecError
from rftstudio.engine.types import Item, Sample
from rftstudio.graders import calibration, cases
from rftstudio.graders.evidence import KeptAnswer, Source
from rftstudio.graders.forms.objection import ObjectionForm
from rftstudio.graders.keeping import keep_answer
from rftstudio.graders.marking import draft_of, mark
from rftstudio.graders.models import Grader
from rftstudio.graders.views.check import GRADERS, common
from rftstudio.tasksets.answers import shown_answer
from rftstudio.tasksets.models import TaskSet
from rftstudio.tasksets.rows import draft_item


@require_POST
def wrong(request: Request, pk: int) -> HttpResponse:
    """From the builder: `item` and `answer` as they stand there. With a `rule` it is the form that was filled in."""
    grader = fetch(request, GRADERS, Action.REVIEW, pk=pk)
    number = request.POST.get("item", "")
    row = grader.taskset.items.live().filter(pk=int(number)).first() if number.isdigit() and len(number) < 19 else None
    text = request.POST.get("answer", "").replace("\r\n", "\n")
    if row is None:
        messages.error(request, "Choose an item first; the answer belongs to one.")
        return redirect("graders:builder", pk)
    item = draft_item(grader.taskset, row)
    # The draft that is stored, not what is typed in the form beside it: a case is about a grader that exists.
    gave = (
        None
        if draft_of(grader).asks
        else mark(grader.taskset, draft_of(grader).spec, [(item, Sample.from_text(text))])[0].score
    )

    def keep() -> KeptAnswer:
        return keep_answer(taskset=grader.taskset, item=item, text=text, source=Source.TRY)

    return objection(
        request,
        grader=grader,
        item=item,
        text=text,
        gave=gave,
        keep=keep,
        back=f"{reverse('graders:builder', args=[pk])}?item={row.pk}",
        hidden={"item": str(row.pk), "answer": text},
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
    hidden: dict[str, str] | None = None,
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
        "hidden": hidden or {},
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
