"""The end of a comparison: statistics, rows an item, proof of the weights, and what is missing."""

import pytest

from rftstudio.evaluations.models import ComparedItem
from rftstudio.evaluations.settle import settle_comparison
from rftstudio.runs.jobs import Status
from tests.evaluations.build import HASH, LABELS, finish, make_comparison, make_tuned_run

RIGHT = LABELS * 2
WRONG = ["I do not know."] * 8


@pytest.fixture
def run(workspace):
    return make_tuned_run(workspace=workspace)


def test_the_headline_is_the_top_level(run):
    summary = make_comparison(run=run, base=[LABELS[0]] * 8, tuned=RIGHT).summary
    assert (summary["base"], summary["tuned"], summary["difference"]) == (0.25, 1.0, 0.75)
    assert (summary["better"], summary["worse"], summary["same"]) == (6, 0, 2)
    assert summary["low"] > 0
    assert summary["verdict"] == "better"


def test_missing_scores_are_left_out_and_counted_never_zero(run):
    summary = make_comparison(run=run, base=WRONG, tuned=RIGHT, unscored=[("tuned", 0), ("base", 1)]).summary
    assert (summary["n"], summary["excluded"], summary["n_items"]) == (6, 2, 8)
    assert (summary["base"], summary["tuned"]) == (0.0, 1.0)
    assert [summary["models"][model]["n_no_score"] for model in ("base", "tuned")] == [1, 1]
    assert summary["flags"] == {"model_grader_server_error": {"base": 1, "tuned": 1}}


def test_nothing_scored_claims_nothing(run):
    every = [("base", index) for index in range(8)]
    comparison = make_comparison(run=run, base=WRONG, tuned=RIGHT, unscored=every)
    assert "difference" not in comparison.summary
    assert (comparison.summary["excluded"], comparison.summary["verdict"]) == (8, "unclear")
    assert set(comparison.items.values_list("outcome", flat=True)) == {"no_score"}


def test_several_answers_count_as_one_task(run):
    base = [(label, "no idea") for label in RIGHT]
    comparison = make_comparison(run=run, base=base, tuned=[(label, label) for label in RIGHT], samples=2)
    assert (comparison.summary["base"], comparison.summary["tuned"], comparison.summary["n"]) == (0.5, 1.0, 8)
    assert comparison.summary["pass_at"] == {
        "1": {"base": 0.5, "tuned": 1.0},
        "2": {"base": 1.0, "tuned": 1.0},
    }


def test_slices_by_tag(run):
    rows = {row["name"]: row for row in make_comparison(run=run, base=WRONG, tuned=RIGHT).summary["tags"]}
    assert {name: row["n"] for name, row in rows.items()} == {"plain": 5, "tricky": 3}
    assert rows["tricky"]["difference"] == 1.0


def test_criteria_and_their_differences(workspace):
    spec = {
        "type": "multi",
        "graders": {
            "right": {
                "type": "string_check",
                "name": "right",
                "operation": "eq",
                "input": "{{ sample.output_text }}",
                "reference": "{{ item.reference_answer }}",
            },
            "polite": {
                "type": "string_check",
                "name": "polite",
                "operation": "ilike",
                "input": "{{ sample.output_text }}",
                "reference": "please",
            },
        },
        "calculate_output": "0.5 * right + 0.5 * polite",
    }
    run = make_tuned_run(workspace=workspace, spec=spec)
    summary = make_comparison(run=run, base=["please wait"] * 8, tuned=RIGHT).summary
    found = {row["name"]: (row["base"], row["tuned"], row["difference"]) for row in summary["criteria"]}
    assert found == {"right": (0.0, 1.0, 1.0), "polite": (1.0, 0.0, -1.0)}
    assert summary["verdict"] == "unclear"


def test_top_k_of_rankings(workspace):
    from rftstudio.tasksets.actions import add_items
    from tests.factories import make_taskset

    taskset = make_taskset(workspace=workspace, items=0, answer_type="ranking", answer_options={}, worked_examples=[])
    rows = [
        {"key": f"{split}-{n}", "fields": {"message": f"{split} {n}"}, "reference_answer": [f"GENE{n}"], "split": split}
        for split in ("train", "validation", "test")
        for n in range(8)
    ]
    add_items(taskset=taskset, by=None, rows=rows)
    run = make_tuned_run(workspace=workspace, taskset=taskset)
    base = [f"1. OTHER\n2. GENE{n}" for n in range(8)]
    tuned = [f"1. GENE{n}\n2. OTHER" for n in range(4)] + ["1. OTHER"] * 4
    metrics = {
        row["name"]: (row["base"], row["tuned"])
        for row in make_comparison(run=run, base=base, tuned=tuned).summary["metrics"]
    }
    assert metrics["top@1"] == (0.0, 0.5)
    assert metrics["top@5"] == (1.0, 0.5)
    assert metrics["top@max"] == (1.0, 0.5)


def test_a_row_an_item(run):
    comparison = make_comparison(run=run, base=[RIGHT[0], *WRONG[1:]], tuned=["Billing!", *RIGHT[1:7], WRONG[7]])
    rows = list(comparison.items.all())
    assert [row.item_key for row in rows] == [f"test-{number}" for number in range(8)]
    assert [row.outcome for row in rows] == ["worse", *["better"] * 6, "same"]
    assert (rows[0].difference, rows[7].changed, rows[1].changed) == (-1.0, False, True)
    assert "billing!" in rows[0].search_text
    assert rows[0].tags == "\ntricky\n"


def test_settling_twice_gives_the_same_rows(run):
    comparison = make_comparison(run=run, base=WRONG, tuned=RIGHT)
    before = comparison.summary
    settle_comparison(comparison=comparison)
    comparison.refresh_from_db()
    assert comparison.summary == before
    assert ComparedItem.objects.filter(comparison=comparison).count() == 8


def test_the_adapter_that_answered_is_the_one_registered(run):
    weights = make_comparison(run=run, base=WRONG, tuned=RIGHT).summary["weights"]
    assert weights["tuned"] == {"adapter_hash": HASH, "as_expected": True}
    assert weights["base"]["as_expected"]


def test_another_adapter_is_noticed(run):
    weights = make_comparison(run=run, base=WRONG, tuned=RIGHT, adapter_hash="f" * 64).summary["weights"]
    assert not weights["tuned"]["as_expected"]


@pytest.mark.parametrize("status", [Status.FAILED, Status.CANCELLED])
def test_one_that_did_not_succeed_gets_no_summary(run, status):
    comparison = make_comparison(run=run, base=WRONG, tuned=RIGHT, status=status)
    assert comparison.summary == {}
    assert comparison.result["models"]["tuned"]["adapter_hash"] == HASH
    assert comparison.answers.count() == 16


def test_a_success_that_left_answers_out_is_a_failure(run):
    comparison = make_comparison(run=run, base=WRONG, tuned=RIGHT, status=Status.RUNNING)
    comparison.answers.filter(item_key="test-3", model="tuned").delete()
    log = comparison.directory / "answers.jsonl"
    log.write_text("".join(line for line in log.read_text().splitlines(True) if '"test-3"' not in line))
    comparison = finish(comparison)
    assert (comparison.status, comparison.culprit, comparison.summary) == (Status.FAILED, "system", {})
    assert "1 of its answers are not there" in comparison.error
