"""The spine on every page of a task set."""

from typing import Any

from django import template
from django.template import Context

from rftstudio.home.spine import spine_of
from rftstudio.tasksets.models import TaskSet

register = template.Library()


@register.inclusion_tag("home/_spine.html", takes_context=True)
def spine(context: Context, taskset: TaskSet, current: str = "") -> dict[str, Any]:
    """`current`: tasks, grader, readiness, training or comparison, the step this page belongs to.

    The button for what comes next is left out on the page that it leads to.
    """
    found = spine_of(taskset)
    here = context["request"].path if "request" in context else ""
    return {"spine": found, "current": current, "next_url": found.next_url if found.next_url != here else ""}
