"""Readiness checks: what the job holds, what is refused, what its end says, what a remedy does."""

import pytest

from rftstudio.engine.errors import SpecError
from rftstudio.engine.job import read_items, read_job
from rftstudio.evaluations.actions import create_comparison
from rftstudio.evaluations.models import Attempt, Readiness
from rftstudio.evaluations.readiness.actions import check_again, drop_solved, publish_and_check
from rftstudio.evaluations.readiness.choose import chosen_rows
from rftstudio.evaluations.readiness.meaning import meaning_of, reference_meaning
from rftstudio.graders.models import Grader
from rftstudio.graders.stored_answers import stored_answers
from rftstudio.runs.actions import cancel_job
from rftstudio.runs.jobs import Status
from rftstudio.runs.standing import standing
from rftstudio.tasksets.actions import publish_version, restore_items, save_item
from tests.evaluations.build import make_tuned_run
from tests.evaluations.readiness import LABELS, SPREAD, finish, make_asked_taskset, make_check, start
from tests.factories import make_base_model, make_run, make_taskset


@pytest.fixture
def taskset(workspace, alice):
    return make_asked_taskset(workspace=workspace, by=alice)


def right(key):
    return LABELS[int(key.rpartition("-")[2]) % 4]


def test_the_job_asks_the_base_model_about_training_tasks(taskset, alice):
    check = start(taskset=taskset, by=alice)
    job = read_job(check.directory)
    assert (job.kind, job.adapters[0].name, job.adapters[0].path) == ("evaluation", "base", None)
    assert len(job.adapters) == 1
    assert (job.settings["samples"], job.settings["temperature"]) == (8, 1.0)
    assert [item.id for item in read_items(check.directory / "items.jsonl")] == [f"train-{n}" for n in range(8)]
    assert (check.status, check.created_by, check.progress) == (Status.QUEUED, alice, {"done": 0, "total": 64})
    assert standing(check).place == 1


def test_the_tasks_are_drawn_by_the_seed_and_stay_when_others_change(taskset, alice):
    version = publish_version(taskset=taskset, by=alice)
    first = [row.key for row in chosen_rows(version, seed=1, n_items=3)]
    assert len(first) == 3
    assert first == sorted(first)
    assert first == [row.key for row in chosen_rows(version, seed=1, n_items=3)]
    assert any(first != [row.key for row in chosen_rows(version, seed=seed, n_items=3)] for seed in range(2, 8))
    gone = next(key for key in (f"train-{n}" for n in range(8)) if key not in first)
    taskset.items.filter(key=gone).update(split="test")
    later = publish_version(taskset=taskset, by=alice)
    assert later != version
    assert first == [row.key for row in chosen_rows(later, seed=1, n_items=3)]


def test_drafts_are_published_first_all_or_nothing(taskset, alice):
    grader = Grader.objects.used_by(taskset)
    drafts = {"taskset": taskset, "grader": grader, "taskset_version": None, "grader_version": None, "by": alice}
    with pytest.raises(SpecError) as caught:
        publish_and_check(**drafts, base_model=make_base_model(), settings={"samples": 1})
    assert caught.value.path == "samples"
    assert taskset.latest_version is None
    check = publish_and_check(**drafts, base_model=make_base_model())
    assert (check.taskset_version, check.grader_version) == (taskset.latest_version, grader.latest_version)


def test_what_cannot_be_asked_is_refused_on_its_field(taskset):
    with pytest.raises(SpecError, match="reads at most") as caught:
        start(taskset=taskset, settings={"max_completion_length": 2048})
    assert caught.value.path == "max_completion_length"
    taskset.latest_version.items.filter(split="train").delete()
    with pytest.raises(SpecError, match="no training tasks") as caught:
        start(taskset=taskset)
    assert caught.value.path == "taskset_version"
    assert not Readiness.objects.exists()


def test_the_summary_says_what_was_found(taskset, alice):
    answers = {
        "train-0": ["emergency"] * 8,
        "train-1": ["No idea."] * 8,
        "train-2": ["I think that it is billing, really."] * 4 + ["billing"] * 4,
    }
    check = make_check(taskset=taskset, by=alice, answers=answers, unscored=["train-7"], truncated=["train-1"])
    summary = check.summary
    assert (summary["n_items"], summary["n_answers"], summary["samples"]) == (8, 64, 8)
    assert summary["always"] == summary["solved"] == ["train-0"]
    assert summary["never"] == ["train-1"]
    assert summary["unscored"] == ["train-7"]
    assert set(summary["no_spread"]) == {"train-0", "train-1"}
    assert summary["flags"] == {"model_grader_server_error": 8}
    assert (summary["n_truncated"], summary["n_unreadable"], summary["n_no_score"]) == (8, 12, 8)
    assert summary["chance"] == {"labels": 4, "even": 0.25, "most": 0.25, "label": "emergency"}
    assert [item["key"] for item in summary["items"]] == [f"train-{n}" for n in range(8)]
    assert summary["items"][2]["scores"] == [0.2] * 4 + [1.0] * 4
    assert summary["verdict"] == "weak"
    assert {finding["slug"] for finding in summary["findings"]} == {
        "grader_fails", "truncated", "some_solved", "chance", "few_tasks",
    }  # fmt: skip
    assert Attempt.objects.filter(readiness=check).count() == 64


def test_a_doubtful_reference_is_named(taskset, alice):
    check = make_check(taskset=taskset, by=alice, answers={"train-1": ["prescription"] * 8})
    [suspect] = check.summary["suspects"]
    assert (suspect["key"], suspect["meaning"], suspect["reference"]) == ("train-1", "prescription", "appointment")


def test_what_counts_as_right_can_be_lowered(taskset, alice):
    answers = {"train-0": ["That is an emergency!"] * 8}
    assert "train-0" in make_check(taskset=taskset, answers=answers).summary["never"]
    assert "train-0" in make_check(taskset=taskset, answers=answers, pass_score=0.2).summary["always"]


def test_settling_twice_gives_the_same(taskset):
    check = make_check(taskset=taskset)
    before = check.summary
    assert finish(check).summary == before


def test_one_that_lost_answers_has_failed(taskset):
    check = make_check(taskset=taskset, leave_out=3)
    assert (check.status, check.summary) == (Status.FAILED, {})
    assert "3 of its answers are not there" in check.error


@pytest.mark.parametrize("status", [Status.FAILED, Status.CANCELLED])
def test_one_that_did_not_end_keeps_its_answers_and_says_nothing(taskset, status):
    check = make_check(taskset=taskset, status=status)
    assert check.summary == {}
    assert check.attempts.count() == 64


def test_taking_the_same_rows_in_twice_changes_nothing(taskset):
    check = make_check(taskset=taskset)
    finish(check)
    assert check.attempts.count() == 64


def test_its_place_in_the_line(taskset, workspace):
    """Comparisons first, then checks, then trainings, as places are handed out."""
    comparison = create_comparison(run=make_tuned_run(workspace=workspace))
    training = make_run(workspace=workspace)
    check = start(taskset=taskset)
    assert [standing(job).place for job in (comparison, check, start(taskset=taskset), training)] == [1, 2, 3, 4]


def test_cancel_and_again(taskset, alice):
    check = start(taskset=taskset, by=alice, n_items=3, settings={"samples": 4}, seed=5, pass_score=0.5)
    assert cancel_job(job=check, by=alice).status == Status.CANCELLED
    made = check_again(check=check, by=alice)
    assert made.pk != check.pk
    for name in ("taskset_version", "grader_version", "base_model", "settings", "seed", "n_items", "pass_score"):
        assert getattr(made, name) == getattr(check, name), name


def test_solved_tasks_are_taken_out_unless_changed_and_come_back(taskset, alice):
    solved = {f"train-{n}": [LABELS[n % 4]] * 8 for n in range(5)}
    check = make_check(taskset=taskset, by=alice, answers=solved)
    save_item(item=taskset.items.get(key="train-3"), by=alice, fields={"message": "Something harder"})
    taskset.items.filter(key="train-4").update(split="validation")
    count, moment = drop_solved(check=check, by=alice)
    assert count == 3
    live = set(taskset.items.live().values_list("key", flat=True))
    assert live.isdisjoint({"train-0", "train-1", "train-2"})
    assert {"train-3", "train-4", "train-5"} <= live
    restore_items(taskset=taskset, items=taskset.items.filter(deleted_at=moment), by=alice)
    assert taskset.items.live().count() == 16
    assert drop_solved(check=make_check(taskset=taskset, answers={}), by=alice)[0] == 0


def test_its_answers_can_be_tried_with_a_grader(taskset):
    check = make_check(taskset=taskset)
    refs = [answer.ref for answer in stored_answers(taskset, 20) if answer.ref.startswith("readiness:")]
    assert refs
    assert int(refs[0].partition(":")[2]) in check.attempts.values_list("pk", flat=True)


@pytest.mark.parametrize(
    ("answer_type", "text", "meaning"),
    [
        ("choice", " Billing. ", "billing"),
        ("choice", "It is billing", ""),
        ("number", "That makes 1,250 mg", "1250"),
        ("number", "none", ""),
        ("ranking", "1. BRCA1 (breast)\n2. TP53", "brca1"),
        ("set", "fever, Cough", "cough; fever"),
        ("json", '{"b": 1, "a": 2}', '{"a": 2, "b": 1}'),
        ("json", "{broken", ""),
        ("text", " Yes, it IS. ", "yes, it is"),
    ],
)
def test_what_an_answer_says(answer_type, text, meaning):
    options = {"choices": [{"label": label} for label in LABELS]}
    assert meaning_of(text, answer_type, options) == meaning


@pytest.mark.parametrize(
    ("answer_type", "value", "text"),
    [
        ("number", 1250, "1250.0 mg"),
        ("ranking", ["BRCA1", "TP53"], "brca1"),
        ("set", ["cough", "fever"], "Fever, cough"),
        ("json", {"a": 2, "b": 1}, '{"b": 1, "a": 2}'),
        ("text", "Yes.", "yes"),
        ("choice", "billing", "BILLING"),
    ],
)
def test_a_right_answer_says_what_its_reference_says(answer_type, value, text):
    options = {"choices": [{"label": label} for label in LABELS]}
    assert reference_meaning(value, answer_type, options) == meaning_of(text, answer_type, options) != ""


def test_a_task_without_labels_has_no_chance_level(workspace, alice):
    from rftstudio.graders.actions import create_grader
    from rftstudio.tasksets.actions import add_items

    taskset = make_taskset(
        workspace=workspace, items=0, answer_type="text", answer_options={}, worked_examples=[], name="Words"
    )
    rows = [
        {"key": f"{split}-{n}", "fields": {"message": f"{split} {n}"}, "reference_answer": "yes", "split": split}
        for split in ("train", "validation", "test")
        for n in range(4)
    ]
    add_items(taskset=taskset, by=None, rows=rows)
    create_grader(taskset=taskset, by=None)
    summary = make_check(taskset=taskset, answers={f"train-{n}": SPREAD for n in range(4)}).summary
    assert summary["chance"] is None
    assert summary["n_unreadable"] == 0
