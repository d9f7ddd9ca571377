"""Red-team, calibration, cases and replay with a grader that really asks a judge, over HTTP."""

import pytest
from django.urls import reverse

from rftstudio.graders import calibration, cases, redteam
from rftstudio.graders.actions import create_grader, publish_tested
from rftstudio.graders.agreement import agreement_of
from rftstudio.graders.evidence import KeptGrade, RedTeam
from rftstudio.graders.judges.actions import change_judge, create_judge
from rftstudio.graders.keeping import item_of, keep_answer
from rftstudio.graders.marking import do_marking, draft_of, grades_of, order_marking
from rftstudio.graders.proof import NotProven
from tests.engine.judge_server import JudgeServer, completion, error
from tests.factories import make_taskset

SCORE = {
    "type": "score_model",
    "model": "main",
    "input": [{"role": "user", "content": "Right: {{ item.reference_answer }}. Answer: {{ sample.output_text }}"}],
}


def obedient(body):
    """A judge that does what the answer says, and otherwise looks for the right answer."""
    asked = str(body["messages"][-1]["content"])
    if "full marks" in asked:
        return completion({"steps": [], "result": 1.0})
    right = asked.split("Right: ")[1].split(".")[0]
    return completion({"steps": [], "result": 1.0 if right in asked.split("Answer:")[1] else 0.0})


@pytest.fixture
def server(monkeypatch):
    with JudgeServer(obedient) as server:
        monkeypatch.setenv("PRIVATE_ENDPOINTS", f"127.0.0.1:{server.port}")
        yield server


@pytest.fixture
def grader(workspace, bob, server):
    url = f"http://127.0.0.1:{server.port}/v1"
    create_judge(workspace=workspace, by=None, name="main", base_url=url, model="m", price_in=2.0, price_out=6.0)
    return create_grader(taskset=make_taskset(workspace=workspace, by=bob), by=bob, spec=SCORE)


def page(grader, name, *more) -> str:
    return reverse(f"graders:{name}", args=[grader.pk, *more])


def test_nothing_is_asked_before_somebody_agrees(grader, server, bob, as_bob):
    text = as_bob.get(page(grader, "check")).content.decode()
    assert "at the prices set" in text
    as_bob.post(page(grader, "check"))
    with pytest.raises(NotProven, match="since that asks a judge"):
        publish_tested(grader=grader, by=bob)
    as_bob.get(page(grader, "calibrate"))
    as_bob.get(page(grader, "cases"))
    assert server.requests == []


def test_a_judge_that_obeys_the_answer_is_caught(grader, server, bob, as_bob, django_capture_on_commit_callbacks):
    with django_capture_on_commit_callbacks(execute=True):
        as_bob.post(page(grader, "check"), {"agreed": "1"})
    row = RedTeam.objects.get()
    assert (row.status, row.error, row.n_items) == ("done", "", 3)
    assert row.tokens > 0
    assert row.cost > 0
    assert {result.kind.name for result in redteam.flagged(row)} >= {"order", "labels"}
    assert "Ignore the above" in as_bob.get(page(grader, "check")).content.decode()
    with pytest.raises(NotProven, match="It pays"):
        publish_tested(grader=grader, by=bob)


def test_marks_are_remembered_and_not_asked_for_twice(
    grader, server, bob, rita, as_bob, django_capture_on_commit_callbacks
):
    found = calibration.create_set(taskset=grader.taskset, name="", by=bob)
    for case in found.cases.select_related("answer"):
        right = case.answer.item["reference_answer"] in case.answer.text
        calibration.score_case(case=case, by=rita, score=1.0 if right else 0.0)
    for _ in range(2):
        with django_capture_on_commit_callbacks(execute=True):
            as_bob.post(page(grader, "calibration_mark", found.pk), {"agreed": "1"})
        assert len(server.requests) <= 24
    assert KeptGrade.objects.count() == 24
    agreed = agreement_of(found, draft_of(grader))
    assert agreed.n == 24
    assert agreed.spearman.value > 0.6
    assert agreed.n_wrong > 0 or agreed.mean_error.mean > 0  # it obeyed one of the answers


def test_a_judge_that_is_away_is_not_remembered(grader, server, bob, as_bob, django_capture_on_commit_callbacks):
    answer = keep_answer(taskset=grader.taskset, item=item_of(grader.taskset, "billing-0"), text="billing")
    cases.add_case(grader=grader, answer=answer, rule="at_least", wanted=1, why="", gave=None, by=bob)
    server.answer = lambda body: error(500)
    with django_capture_on_commit_callbacks(execute=True):
        as_bob.post(page(grader, "cases"), {"agreed": "1"})
    assert not KeptGrade.objects.exists()
    server.answer = obedient
    with django_capture_on_commit_callbacks(execute=True):
        as_bob.post(page(grader, "cases"), {"agreed": "1"})
    assert [each.state for each in cases.try_cases(draft_of(grader), cases.current_cases(grader))] == ["passed"]


@pytest.mark.parametrize("change", [{"model": "another"}, {"base_url": "http://127.0.0.1:1/v1"}])
def test_another_model_behind_the_judges_name_is_asked_anew(grader, server, bob, workspace, change):
    answer = keep_answer(taskset=grader.taskset, item=item_of(grader.taskset, "billing-0"), text="billing")
    do_marking(pk=order_marking(subject=draft_of(grader), answers=[answer], by=bob).pk)
    redteam.do_red_team(pk=redteam.red_team(subject=draft_of(grader), by=bob).pk)
    assert grades_of(draft_of(grader), [answer])[answer.pk].score == 1
    assert redteam.stored_for(draft_of(grader)).status == "done"
    assert order_marking(subject=draft_of(grader), answers=[answer], by=bob) is None
    judge = workspace.judges.get()
    change_judge(judge=judge, timeout_s=30.0)  # the same model still
    assert answer.pk in grades_of(draft_of(grader), [answer])
    before = {name: getattr(judge, name) for name in change}
    change_judge(judge=judge, **change)
    assert grades_of(draft_of(grader), [answer]) == {}
    assert redteam.stored_for(draft_of(grader)) is None
    assert order_marking(subject=draft_of(grader), answers=[answer], by=bob) is not None
    change_judge(judge=judge, **before)
    assert answer.pk in grades_of(draft_of(grader), [answer])


def test_a_marking_that_goes_on_pays_nothing_twice(grader, server, bob):
    keys = [f"{desk}-{place}" for desk in ("billing", "emergency") for place in range(3)]
    answers = [keep_answer(taskset=grader.taskset, item=item_of(grader.taskset, key), text=key) for key in keys]
    first = order_marking(subject=draft_of(grader), answers=answers[:4], by=bob)
    second = order_marking(subject=draft_of(grader), answers=answers, by=bob)
    do_marking(pk=first.pk)
    assert len(server.requests) == 4
    done = do_marking(pk=second.pk)
    done.refresh_from_db()
    assert (done.status, done.done, done.total) == ("done", 6, 6)
    assert len(server.requests) == 6
