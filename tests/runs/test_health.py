"""Findings: each where it belongs, and none where all is well."""

from rftstudio.runs.health import findings
from tests.runs.made import metrics


def points(n=12, **more):
    return [metrics(step, **(more if step else {})) for step in range(n)]


def said(found):
    return " ".join(finding.sentence for finding in found)


def test_a_healthy_run_has_none():
    assert findings(points(20), total_steps=20) == []


def test_too_early_to_say():
    assert findings(points(5, train_reward_mean=0.0), total_steps=20) == []


def test_all_zero():
    found = findings(points(train_reward_mean=0.0), total_steps=40)
    assert found[0].level == "bad"
    assert "earned anything" in found[0].sentence
    assert "worked examples" in found[0].action


def test_no_spread_and_cut_off():
    found = findings(points(frac_reward_zero_std=0.9, truncated_share=0.7), total_steps=40)
    assert {finding.level for finding in found} == {"warn"}
    assert "same mark" in said(found)
    assert "cut off" in said(found)


def test_solved_is_good_news():
    assert [finding.level for finding in findings(points(train_reward_mean=0.99), total_steps=40)] == ["good"]


def test_grader_failures_are_counted_by_kind():
    found = findings(points(3, n_no_score=2, errors={"other_error": 2}), total_steps=40)
    assert "4 answers" in found[0].sentence
    assert "other_error 4" in found[0].evidence


def test_fallen_validation():
    fallen = [metrics(step) for step in range(21)]
    for point in fallen:
        if "valid_reward_mean" in point:
            point |= {"valid_reward_mean": 0.5 - point["step"] / 100, "valid_reward_ci": [0.4, 0.6]}
    assert "has fallen" in said(findings(fallen, total_steps=20))


def test_flat_validation_within_chance():
    flat = [metrics(step) for step in range(21)]
    for point in flat:
        if "valid_reward_mean" in point:
            point |= {"valid_reward_mean": 0.2 + point["step"] / 1000, "valid_reward_ci": [0.1, 0.3]}
    assert "not risen" in said(findings(flat, total_steps=20))
    assert "not risen" not in said(findings(flat, total_steps=100)), "too early"
