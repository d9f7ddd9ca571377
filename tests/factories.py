"""What tests start from, made by the product's own actions."""

from typing import Any

from rftstudio.accounts.models import User, Workspace
from rftstudio.tasksets.actions import add_items, create_taskset, publish_version
from rftstudio.tasksets.models import TaskSet

DESKS = {
    "emergency": ("My chest hurts badly.", "He cannot breathe.", "She fainted and will not wake up."),
    "appointment": ("Can I come on Friday?", "Please move my visit.", "Is the doctor free in May?"),
    "billing": ("Why was I charged twice?", "I need a receipt.", "Does my insurer pay for this?"),
    "prescription": ("I need more tablets.", "May I halve the dose?", "Please renew my inhaler."),
}


def make_taskset(
    *, workspace: Workspace, by: User | None = None, published: bool = False, items: int = 12, **changes: Any
) -> TaskSet:
    """A small choice task: patients' messages to desks. Up to 12 items, splits not dealt unless published."""
    definition: dict[str, Any] = {
        "name": "Inbox",
        "instructions": "Which desk? Answer emergency, appointment, billing or prescription.",
        "answer_type": "choice",
        "answer_options": {"choices": [{"label": label, "description": ""} for label in DESKS]},
        "input_fields": [{"name": "message", "label": "Message", "help": "What the patient wrote."}],
        "prompt_template": "{{ item.message }}",
        "worked_examples": [{"fields": {"message": "Send me the invoice."}, "reference_answer": "billing"}],
    }
    taskset = create_taskset(workspace=workspace, by=by, **{**definition, **changes})
    rows = [
        {"fields": {"message": text}, "reference_answer": desk, "key": f"{desk}-{place}"}
        for place in range(3)
        for desk, texts in DESKS.items()
        for text in texts[place : place + 1]
    ]
    if items:
        add_items(taskset=taskset, by=by, rows=rows[:items])
    if published:
        publish_version(taskset=taskset, by=by)
    return taskset
