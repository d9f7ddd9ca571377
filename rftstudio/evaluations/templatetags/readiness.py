"""The last readiness check of a task set, where a training is launched."""

from typing import Any

from django import template

from rftstudio.evaluations.models import Readiness
from rftstudio.evaluations.readiness import words
from rftstudio.tasksets.models import TaskSet

register = template.Library()


@register.inclusion_tag("evaluations/_last_check.html")
def last_check(taskset: TaskSet) -> dict[str, Any]:
    """Its verdict with a link, or an invitation to check."""
    checks = Readiness.objects.filter(taskset_version__taskset=taskset)
    newest = list(
        checks.select_related("taskset_version", "grader_version__grader").defer("result").order_by("-pk")[:5]
    )
    check = next((one for one in newest if one.is_open or one.summary), newest[0] if newest else None)
    verdict = check.summary.get("verdict", "") if check else ""
    return {
        "taskset": taskset,
        "check": check,
        "verdict": words.VERDICTS.get(verdict, ""),
        "pill": words.PILLS.get(verdict, ""),
    }
