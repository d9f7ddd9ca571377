"""A budget that several jobs spend together: each sees what the others paid, none is counted twice."""

import threading

import pytest

from rftstudio.engine.errors import SpecError
from rftstudio.engine.grading import parse_spec
from rftstudio.engine.grading.judges.purse import Purse
from rftstudio.engine.job import Job, Model, SharedBudget
from rftstudio.engine.judging import judging
from tests.engine.grading.judges.test_judges import GOOD, mark
from tests.engine.judge_server import completion, judged

URL = "https://judge.example.org/v1"
SPEC = parse_spec(
    {"type": "score_model", "model": "main", "input": [{"role": "user", "content": "{{ sample.output_text }}"}]}
)


def test_payments_of_all_are_added_and_torn_lines_passed_over(tmp_path):
    file = tmp_path / "of a launch" / "judge-budget.jsonl"
    mine, other = Purse(file), Purse(file)
    assert mine.total() == (0, 0.0)
    mine.add(100, 0.5)
    assert other.total() == (100, 0.5)
    with file.open("ab") as torn:
        torn.write(b'{"tokens": 7')
    assert other.total() == (100, 0.5)
    other.add(20, 0.25)
    assert mine.total() == other.total() == Purse(file).total() == (120, 0.75)


def test_payments_at_the_same_moment_are_all_kept(tmp_path):
    file = tmp_path / "judge-budget.jsonl"

    def pay() -> None:
        purse = Purse(file)
        for _ in range(200):
            purse.add(1, 0.0)
            purse.total()

    threads = [threading.Thread(target=pay) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert Purse(file).total().tokens == 1200


def test_jobs_share_what_is_left_and_one_that_starts_again_pays_nothing_twice(serve, tmp_path):
    server = serve(lambda body: completion(GOOD))  # 120 tokens a call
    file, replies = tmp_path / "judge-budget.jsonl", tmp_path / "judge-replies.jsonl"
    with judged(server, tokens=600, purse=Purse(file), file=replies):
        assert [mark(str(n)).score for n in range(3)] == [0.75] * 3
    with judged(server, tokens=600, purse=Purse(file)) as other:
        assert mark("of another").score == 0.75
        with judged(server, tokens=600, purse=Purse(file), file=replies) as again:
            assert again.budget.spent.tokens == 360
            assert mark("0").score == 0.75, "known, and free"
            assert mark("3").score == 0.75
            found = mark("4")
        assert found.score is None
        assert "The judge budget of 600 tokens is used up." in found.reason
        assert other.budget.used_up
        assert other.budget.spent.tokens == 120
    assert len(server.requests) == 5


def test_a_share_leaves_something_for_those_that_follow(serve, tmp_path):
    server = serve(lambda body: completion(GOOD))
    file, prices = tmp_path / "judge-budget.jsonl", {"price_in": 10.0, "price_out": 50.0}
    with judged(server, cost=0.01, share=0.6, purse=Purse(file), **prices) as training:
        assert [mark(str(n)).score for n in range(4)] == [0.75, 0.75, 0.75, None]
        says = "Of the launch’s judge budget of 0.01 in money, the part for this job, 0.006, is used up; the rest is "
        assert training.budget.used_up == says + "kept for the others."
    with judged(server, cost=0.01, purse=Purse(file), **prices) as comparison:
        assert [mark(str(n)).score for n in range(3)] == [0.75, 0.75, None]
        assert comparison.budget.used_up == "The judge budget of 0.01 in money is used up."


def test_a_share_is_of_what_the_job_pays_itself_and_the_purse_bounds_the_whole(serve, tmp_path):
    server = serve(lambda body: completion(GOOD))  # 120 tokens a call
    file, replies = tmp_path / "judge-budget.jsonl", tmp_path / "judge-replies.jsonl"
    others = Purse(file)
    others.add(840, 0.0)  # of 1200: far more than the share below
    with judged(server, tokens=1200, share=0.2, purse=Purse(file), file=replies) as baseline:
        assert [mark(str(n)).score for n in range(3)] == [0.75, 0.75, None]
        assert "the part for this job, 240, is used up" in baseline.budget.used_up
    with judged(server, tokens=1200, share=0.2, purse=Purse(file), file=replies) as again:
        assert mark("2").score is None, "what it paid before it was started again is of its part"
        assert again.budget.spent.tokens == 240
    with judged(server, tokens=1200, share=0.9, purse=Purse(file)) as other:
        assert [mark(f"another {n}").score for n in range(2)] == [0.75, None]
        assert other.budget.used_up == "The judge budget of 1,200 tokens is used up."


def job_with(file):
    return Job("training", Model("m"), {}, {}, {}, judges=({"name": "main", "base_url": URL, "model": "m"},),
               budget=SharedBudget(file, 0.5))  # fmt: skip


@pytest.mark.parametrize(
    ("file", "place"),
    [
        ("judge-budget.jsonl", "runs/7/judge-budget.jsonl"),
        ("../6/judge-budget.jsonl", "runs/6/judge-budget.jsonl"),
        ("../../comparisons/6/judge-budget.jsonl", "comparisons/6/judge-budget.jsonl"),
    ],
)
def test_the_shared_file_is_that_of_a_job_beside(tmp_path, file, place):
    directory = tmp_path / "runs" / "7"
    directory.mkdir(parents=True)
    with judging(directory, job_with(file), SPEC, tokens=100, cost=0.0) as judges:
        judges.budget.add(calls=1, tokens=60)
        assert "used up" in judges.budget.used_up
    assert Purse(tmp_path / place).total().tokens == 60


@pytest.mark.parametrize(
    "file",
    [
        "/tmp/judge-budget.jsonl",
        "../judge-budget.jsonl",
        "../../judge-budget.jsonl",
        "../../../other/7/judge-budget.jsonl",
        "../../../../etc/judge-budget.jsonl",
        "../6/../../../judge-budget.jsonl",
        "../../../judge-budget.jsonl",
        "../6/events.jsonl",
        "deeper/judge-budget.jsonl",
        "../linked/judge-budget.jsonl",
        "",
        7,
    ],
)
def test_any_other_file_is_refused_and_nothing_is_written(tmp_path, file):
    directory, outside = tmp_path / "jobs" / "runs" / "7", tmp_path / "outside"
    directory.mkdir(parents=True)
    outside.mkdir()
    (directory.parent / "linked").symlink_to(outside)
    refused = pytest.raises(SpecError, match="is no file of a job beside this one")
    with refused, judging(directory, job_with(file), SPEC, tokens=100, cost=0.0):
        pass
    assert not list(tmp_path.rglob("*.jsonl"))
