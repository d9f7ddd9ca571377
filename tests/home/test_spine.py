"""The spine says where a task set stands and names the one next thing."""

from rftstudio.graders.actions import create_grader
from rftstudio.home.spine import spine_of
from rftstudio.runs.models import Run
from tests.factories import make_run, make_taskset


def states(taskset):
    return {step.slug: step.state for step in spine_of(taskset).steps}


def test_an_empty_task_set_asks_for_tasks(workspace):
    taskset = make_taskset(workspace=workspace, items=0)
    assert states(taskset) == {"tasks": "ready", "grader": "off", "training": "off", "comparison": "off"}
    assert spine_of(taskset).next_label == "Add tasks"


def test_a_missing_answer_is_counted(workspace):
    taskset = make_taskset(workspace=workspace)
    taskset.items.filter(pk=taskset.items.first().pk).update(reference_answer=None)
    spine = spine_of(taskset)
    assert spine.steps[0].note == "1 of 12 without an answer"
    assert spine.next_label == "Complete the answers"


def test_tasks_then_grader_then_training(workspace):
    taskset = make_taskset(workspace=workspace)
    assert spine_of(taskset).next_label == "Choose how answers are marked"
    create_grader(taskset=taskset, by=None)
    spine = spine_of(taskset)
    assert spine.next_label == "Launch a training"
    assert spine.next_url == f"/tasksets/{taskset.pk}/launch/"


def test_a_run_is_watched_then_compared(workspace):
    run = make_run(workspace=workspace)
    taskset = run.taskset
    assert states(taskset)["training"] == "busy"
    assert spine_of(taskset).next_label == "Watch the training"
    Run.objects.update(status="failed")
    assert spine_of(taskset).next_label == "Launch again"
    Run.objects.update(status="succeeded")
    assert states(taskset)["training"] == "done"


def test_it_costs_few_queries(workspace, django_assert_max_num_queries):
    taskset = make_run(workspace=workspace).taskset
    with django_assert_max_num_queries(7):
        spine_of(taskset)
