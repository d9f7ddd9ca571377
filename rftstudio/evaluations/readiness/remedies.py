"""What can be done about a finding, as links and buttons. It knows addresses; it changes nothing."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from django.urls import reverse

from rftstudio.evaluations.models import Readiness

GROUP_OF = {
    "all_zero": "never",
    "no_spread": "no_spread",
    "little_spread": "no_spread",
    "solved": "solved",
    "many_solved": "solved",
    "some_solved": "solved",
    "grader_fails": "no_score",
    "truncated": "cut",
    "suspects": "suspects",
}


@dataclass(frozen=True, slots=True)
class Offer:
    """post: the `remedy` that is posted to `url`; "" for a link. edits: for who may edit only."""

    label: str
    url: str
    post: str = ""
    edits: bool = True


def offers(check: Readiness, finding: Mapping[str, Any], *, may_edit: bool) -> list[Offer]:
    """Its remedies in order, the likeliest first, then the tasks that it speaks of."""
    found = [offer for slug in finding["remedies"] for offer in _offers(check, slug, finding["values"])]
    if group := GROUP_OF.get(finding["slug"]):
        found.append(Offer("See these tasks", f"{_page(check)}?show={group}#map", edits=False))
    return [offer for offer in found if may_edit or not offer.edits]


def _offers(check: Readiness, slug: str, values: Mapping[str, int]) -> list[Offer]:
    taskset = check.taskset
    task = reverse("tasksets:edit", args=[taskset.pk])
    items = reverse("tasksets:detail", args=[taskset.pk])
    grader = reverse("graders:builder", args=[check.grader_version.grader_id])
    if slug == "longer":
        tokens = values["max_completion_length"]
        again = reverse("evaluations:readiness", args=[taskset.pk])
        launch = reverse("runs:launch", args=[taskset.pk])
        return [
            Offer(f"Check again with {tokens} tokens", f"{again}?{urlencode({'from': check.pk, **values})}"),
            Offer(f"Launch with {tokens} tokens", f"{launch}?{urlencode(values)}"),
        ]
    known = {
        "examples": Offer("Add worked examples", f"{task}#part-examples"),
        "balance": Offer("Show examples of the other answers", f"{task}#part-examples"),
        "instructions": Offer("Make the instructions plainer", f"{task}#part-task"),
        "soften": Offer("Soften the grader: give part marks", grader, edits=False),
        "grader": Offer("Open the grader", grader, edits=False),
        "larger_model": Offer(
            "Look for a larger base model", reverse("registry:models", args=[check.workspace.slug]), edits=False
        ),
        "harder": Offer("Add harder tasks", items),
        "more_items": Offer("Add tasks", items),
        "references": Offer("Look at these references", f"{_page(check)}#suspects", edits=False),
        "drop_solved": Offer(
            "Take the solved tasks out", reverse("evaluations:readiness_apply", args=[check.pk]), post="drop_solved"
        ),
    }
    return [known[slug]]


def _page(check: Readiness) -> str:
    return reverse("evaluations:readiness_detail", args=[check.pk])
