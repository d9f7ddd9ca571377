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
    check = checks.select_related("taskset_version", "grader_version__grader").order_by("-pk").first()
    verdict = check.summary.get("verdict", "") if check else ""
    return {
        "taskset": taskset,
        "check": check,
        "verdict": words.VERDICTS.get(verdict, ""),
        "pill": words.PILLS.get(verdict, ""),
    }
