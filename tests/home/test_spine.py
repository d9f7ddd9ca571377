"""The spine says where a task set stands and names the one next thing."""

from rftstudio.evaluations.models import Readiness
from rftstudio.graders.actions import create_grader
from rftstudio.home.spine import spine_of
from rftstudio.runs.models import Run
from rftstudio.tasksets.actions import publish_version, save_item
from tests.evaluations.build import make_comparison, make_tuned_run
from tests.evaluations.readiness import make_check, start
from tests.factories import make_run, make_taskset


def states(taskset):
    return {step.slug: step.state for step in spine_of(taskset).steps}


def test_an_empty_task_set_asks_for_tasks(workspace):
    taskset = make_taskset(workspace=workspace, items=0)
    assert states(taskset) == {
        "tasks": "ready", "grader": "off", "readiness": "off", "training": "off", "comparison": "off",
    }  # fmt: skip
    assert spine_of(taskset).next_label == "Add tasks"


def test_a_missing_answer_is_counted(workspace):
    taskset = make_taskset(workspace=workspace)
    taskset.items.filter(pk=taskset.items.first().pk).update(reference_answer=None)
    spine = spine_of(taskset)
    assert spine.steps[0].note == "1 of 12 without an answer"
    assert spine.next_label == "Complete the answers"


def test_tasks_then_grader_then_readiness_then_training(workspace):
    taskset = make_taskset(workspace=workspace)
    assert spine_of(taskset).next_label == "Choose how answers are marked"
    create_grader(taskset=taskset, by=None)
    spine = spine_of(taskset)
    assert (spine.next_label, spine.next_url) == ("Check whether it trains", f"/tasksets/{taskset.pk}/readiness/")
    assert states(taskset)["training"] == "ready", "a launch does not wait for the check"
    check = start(taskset=taskset)
    assert states(taskset)["readiness"] == "busy"
    assert spine_of(taskset).next_label == "Watch the check"
    Readiness.objects.filter(pk=check.pk).update(status="failed")
    assert spine_of(taskset).next_label == "Check whether it trains"
    make_check(taskset=taskset)
    spine = spine_of(taskset)
    assert (states(taskset)["readiness"], spine.steps[2].note) == ("done", "ready")
    assert (spine.next_label, spine.next_url) == ("Launch a training", f"/tasksets/{taskset.pk}/launch/")


def test_what_is_missing_is_shown_and_does_not_stand_in_the_way(workspace):
    taskset = make_taskset(workspace=workspace)
    create_grader(taskset=taskset, by=None)
    keys = taskset.items.values_list("key", flat=True)
    check = make_check(taskset=taskset, answers={key: ["No idea."] * 8 for key in keys})
    spine = spine_of(taskset)
    assert (states(taskset)["readiness"], spine.steps[2].note) == ("ready", "not yet")
    assert (spine.next_label, spine.next_url) == ("See what is missing", f"/readiness/{check.pk}/")
    assert states(taskset)["training"] == "ready"


def test_a_check_of_older_versions_says_so(workspace):
    taskset = make_taskset(workspace=workspace)
    create_grader(taskset=taskset, by=None)
    make_check(taskset=taskset)
    save_item(item=taskset.items.first(), by=None, fields={"message": "Something else"})
    publish_version(taskset=taskset, by=None)
    assert spine_of(taskset).steps[2].note == "ready, before the latest changes"


def test_a_run_is_watched_then_compared(workspace):
    run = make_run(workspace=workspace)
    taskset = run.taskset
    assert states(taskset)["training"] == "busy"
    assert spine_of(taskset).next_label == "Watch the training"
    Run.objects.update(status="failed")
    assert spine_of(taskset).next_label == "Launch again"
    Run.objects.update(status="succeeded")
    assert states(taskset)["training"] == "done"


def test_the_bar_speaks_of_what_runs_and_else_of_what_was_finished(workspace, alice):
    done = make_tuned_run(workspace=workspace, by=alice)
    taskset = done.taskset
    right = [str(item.reference_answer) for item in done.taskset_version.items.filter(split="test").order_by("pk")]
    make_comparison(run=done, base=["No idea, sorry."] * len(right), tuned=right)
    stopped = make_run(workspace=workspace, taskset=taskset)
    Run.objects.filter(pk=stopped.pk).update(status="cancelled")
    assert spine_of(taskset).steps[3].note == f"{done} finished"
    assert spine_of(taskset).next_label == "Read the comparison"
    rft, sft = (make_run(workspace=workspace, taskset=taskset) for _ in range(2))
    Run.objects.filter(pk=sft.pk).update(status="running", baseline_for=rft)
    for status in ("paused", "queued"):
        Run.objects.filter(pk=rft.pk).update(status=status)
        assert (spine_of(taskset).steps[3].note, spine_of(taskset).next_url) == ("running", f"/runs/{sft.pk}/")
    Run.objects.filter(pk=sft.pk).update(status="succeeded")
    assert (spine_of(taskset).steps[3].note, spine_of(taskset).next_url) == ("waiting", f"/runs/{rft.pk}/")
    assert states(taskset)["comparison"] == "done"


def test_a_comparison_that_can_claim_nothing_says_so(workspace, alice):
    run = make_tuned_run(workspace=workspace, by=alice)
    right = [str(item.reference_answer) for item in run.taskset_version.items.filter(split="test").order_by("pk")]
    make_comparison(run=run, base=["No idea, sorry."] * len(right), tuned=right)
    assert spine_of(run.taskset).steps[-1].note == "+1.00 against base"
    make_comparison(run=run, base=right, tuned=right)
    assert spine_of(run.taskset).steps[-1].note == "unclear: 0.00 against base"


def test_it_costs_few_queries(workspace, django_assert_max_num_queries):
    taskset = make_run(workspace=workspace).taskset
    with django_assert_max_num_queries(8):
        spine_of(taskset)
