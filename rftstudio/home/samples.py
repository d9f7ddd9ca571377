"""Open a shipped sample project in a workspace: its task set with every item, and its grader.

Only `home` sees samples and rooms at once. Reading a sample's files is `rftstudio.samples`; task sets and graders make
their own rows.
"""

from functools import cache

from django.db import transaction

from rftstudio.accounts.models import User, Workspace
from rftstudio.graders.actions import create_grader
from rftstudio.samples import Sample, list_samples, load_sample
from rftstudio.tasksets.actions import add_items, create_taskset
from rftstudio.tasksets.models import TaskSet


@cache
def shipped_samples() -> tuple[Sample, ...]:
    """Every sample of this release, read once: they do not change while the process lives."""
    return tuple(load_sample(slug) for slug in list_samples())


def open_sample(*, workspace: Workspace, slug: str, by: User | None) -> TaskSet:
    """The workspace's copy of a sample, made when there is none. Raises `LookupError` naming the samples there are.

    A second call, also one at the same moment, returns the same task set; an archived copy counts as none.
    """
    sample = load_sample(slug)
    with transaction.atomic():
        Workspace.objects.select_for_update().get(pk=workspace.pk)  # one opener at a time
        found = TaskSet.objects.for_workspace(workspace).active().filter(sample_slug=slug).order_by("pk").first()
        if found:
            return found
        taskset = create_taskset(
            workspace=workspace,
            by=by,
            name=sample.name,
            description=sample.description,
            instructions=sample.instructions,
            answer_type=sample.answer_type,
            answer_options=sample.answer_options,
            input_fields=[dict(field) for field in sample.input_fields],
            prompt_template=sample.prompt_template,
            worked_examples=[
                {"fields": example.fields, "reference_answer": example.reference_answer}
                for example in sample.worked_examples
            ],
            sample_slug=sample.slug,
        )
        rows = [
            {
                "key": item.id,
                "fields": item.fields,
                "reference_answer": item.reference_answer,
                "split": item.split,
                "tags": list(item.tags),
                "notes": item.notes,
            }
            for item in sample.items
        ]
        add_items(taskset=taskset, by=by, rows=rows)
        create_grader(taskset=taskset, by=by, spec=sample.grader)
    return taskset
