"""The spine on every page of a task set."""

from typing import Any

from django import template

from rftstudio.home.spine import spine_of
from rftstudio.tasksets.models import TaskSet

register = template.Library()


@register.inclusion_tag("home/_spine.html")
def spine(taskset: TaskSet, current: str = "") -> dict[str, Any]:
    """`current`: tasks, grader, training or comparison, the step this page belongs to."""
    return {"spine": spine_of(taskset), "current": current}
