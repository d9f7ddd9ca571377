"""Scoring a calibration set: one answer at a time, without the grader's score, by buttons or the keys 1 to 5."""

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_http_methods

from rftstudio.accounts.access import Action, fetch
from rftstudio.accounts.request import Request
from rftstudio.engine.errors import SpecError
from rftstudio.graders import calibration
from rftstudio.graders.evidence import FIVE, CalibrationCase
from rftstudio.graders.views.calibrate import set_of
from rftstudio.graders.views.check import GRADERS, common
from rftstudio.tasksets.answers import shown_answer

WORDS = ("Worthless", "Poor", "Half right", "Good", "Full marks")


@require_http_methods(["GET", "HEAD", "POST"])
def score(request: Request, pk: int, set_pk: int) -> HttpResponse:
    """The next answer that this person has not scored, or the one at `?at=`. POST takes a score and moves on."""
    grader = fetch(request, GRADERS, Action.REVIEW, pk=pk)
    found = set_of(grader, set_pk)
    if request.method == "POST":
        case = get_object_or_404(found.cases, pk=_number(request.POST.get("case", "")))
        try:
            value = float(request.POST.get("score", ""))
            calibration.score_case(case=case, by=request.user, score=value, note=request.POST.get("note", ""))
        except ValueError:
            messages.error(request, "Choose one of the five scores.")
        except SpecError as error:
            messages.error(request, f"{error.message} {error.fix}")
        return redirect("graders:score", pk, set_pk)
    order = calibration.in_order(found, request.user)
    given = {score.case_id: score for score in _mine(request, order)}
    place = _place(request, order, set(given))
    context = common(request, grader) | {"set": found, "total": len(order), "done": len(given)}
    if place is not None:
        case = order[place]
        context |= {
            "case": case,
            "given": given.get(case.pk),
            "at": place + 1,
            "before": place if place else None,
            "after": place + 2 if place + 1 < len(order) else None,
            "reference": shown_answer(case.answer.item.get("reference_answer"), grader.taskset.answer_type),
            "choices": [(number, value, word) for number, (value, word) in enumerate(zip(FIVE, WORDS, strict=True), 1)],
        }
    return render(request, "graders/score.html", context)


def _mine(request: Request, order: list[CalibrationCase]) -> list[calibration.CalibrationScore]:
    return list(calibration.CalibrationScore.objects.filter(case__in=order, by=request.user))


def _place(request: Request, order: list[CalibrationCase], scored: set[int]) -> int | None:
    wanted = _number(request.GET.get("at", ""))
    if 0 < wanted <= len(order):
        return wanted - 1
    return next((place for place, case in enumerate(order) if case.pk not in scored), None)


def _number(text: str) -> int:
    return int(text) if text.isdigit() and len(text) < 10 else 0
