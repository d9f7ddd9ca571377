import pytest

from rftstudio.engine.errors import SpecError
from rftstudio.engine.grading import grade, parse_spec, recompute
from rftstudio.engine.types import Grade, Item, Sample
from tests.engine.grading.marking import check, mark
from tests.engine.judge_server import completion, error, judged


def criterion(name, contains, **extra):
    return {"name": name, "sentence": f"Says {contains}.", "check": check("ilike", contains), **extra}


def rubric(*criteria):
    return {"type": "rubric", "name": "letter", "criteria": list(criteria)}


def test_weighted_mean():
    spec = rubric(criterion("thanks", "thank", weight=1), criterion("dose", "5 mg", weight=3))
    assert mark(spec, "Thank you. Take 5 mg.").score == 1
    assert mark(spec, "Take 5 mg.").score == 0.75
    assert mark(spec, "Thank you.").score == 0.25


def test_the_tree_shows_each_criterion_with_its_check():
    grade = mark(rubric(criterion("thanks", "thank"), criterion("dose", "5 mg", weight=3)), "Take 5 mg.")
    assert [(child.name, child.type, child.score, child.weight) for child in grade.children] == [
        ("thanks", "criterion", 0, 0.25),
        ("dose", "criterion", 1, 0.75),
    ]
    assert [child.children[0].type for child in grade.children] == ["string_check", "string_check"]
    assert grade.children[0].reason == "Says thank. The answer does not contain “thank”."


def test_must_not_turns_the_check_round():
    spec = rubric(criterion("no slang", "dude", polarity="must_not"))
    assert mark(spec, "Hey dude").score == 0
    assert mark(spec, "Dear patient").score == 1


@pytest.mark.parametrize(("text", "score"), [("thank you, 5 mg", 1), ("5 mg", 0.9), ("thank you", 0), ("nothing", 0)])
def test_a_failed_critical_criterion_makes_the_whole_zero(text, score):
    spec = rubric(criterion("thanks", "thank", weight=1), criterion("dose", "5 mg", weight=9, critical="zero"))
    assert mark(spec, text).score == pytest.approx(score)


def test_a_failed_critical_must_not():
    spec = rubric(
        criterion("thanks", "thank"), criterion("no harm", "bleach", polarity="must_not", critical="zero", weight=0)
    )
    assert mark(spec, "Thanks, drink bleach").score == 0
    assert mark(spec, "Thanks").score == 1


@pytest.mark.parametrize(("text", "score"), [("a b", 1), ("a", 0.3), ("b", 0.5), ("", 0)])
def test_a_cap_limits_but_never_lifts(text, score):
    spec = rubric(criterion("a", "a"), criterion("b", "b", critical="cap", cap=0.3))
    assert mark(spec, text).score == score


def test_the_lowest_cap_counts_and_zero_beats_caps():
    caps = [
        criterion("x", "x", weight=8),
        criterion("a", "aa", critical="cap", cap=0.6),
        criterion("b", "bb", critical="cap", cap=0.2),
    ]
    assert mark(rubric(*caps), "x").score == 0.2
    assert mark(rubric(*caps, criterion("z", "zz", critical="zero")), "x").score == 0


def test_threshold_decides_what_fails():
    likeness = {"type": "number", "tolerance": 0, "band": 10}
    spec = rubric({"name": "close", "check": likeness, "critical": "zero", "threshold": 0.8})
    assert mark(spec, "11", 10).score == pytest.approx(0.9)
    assert mark(spec, "13", 10).score == 0


@pytest.mark.parametrize(
    ("condition", "pregnant", "applies"),
    [
        ({"value": "{{ item.pregnant }}"}, "yes", True),
        ({"value": "{{ item.pregnant }}"}, "", False),
        ({"value": "{{ item.pregnant }}"}, None, False),
        ({"value": "{{ item.pregnant }}"}, [], False),
        ({"value": "{{ item.pregnant }}"}, 0, True),
        ({"value": "{{ item.unheard_of }}"}, "yes", False),
        ({"value": "{{ item.pregnant }}", "equals": "Yes"}, " yes ", True),
        ({"value": "{{ item.pregnant }}", "equals": ["yes", "maybe"]}, "maybe", True),
        ({"value": "{{ item.pregnant }}", "equals": True}, True, True),
        ({"value": "{{ item.pregnant }}", "equals": ["yes"]}, "no", False),
        ({"value": "{{ item.pregnant }}", "equals": ["yes"], "negate": True}, "no", True),
    ],
)
def test_applies_if(condition, pregnant, applies):
    spec = parse_spec(
        rubric(criterion("thanks", "thank"), criterion("folate", "folic", applies_if=condition, weight=3))
    )
    found = grade(spec, Item("1", (), {"pregnant": pregnant}), Sample.from_text("thank you"))
    assert found.score == (0.25 if applies else 1)
    assert spec.recompute(found) == found.score
    assert found.children[1].weight == (0.75 if applies else 0)
    assert (found.children[1].score is None) == (not applies)


def test_vetoes_of_criteria_that_do_not_apply_do_not_count():
    veto = criterion("folate", "folic", applies_if={"value": "{{ item.pregnant }}"}, critical="zero")
    assert mark(rubric(criterion("thanks", "thank"), veto), "thanks", pregnant="").score == 1


def test_no_criterion_applies():
    found = mark(rubric(criterion("folate", "folic", applies_if={"value": "{{ item.pregnant }}"})), "x", pregnant="")
    assert (found.score, found.error.flag) == (None, "other_error")


def test_a_check_without_a_score_leaves_the_rubric_without_one():
    spec = rubric(criterion("thanks", "thank"), {"name": "label", "check": {"type": "exact_choice"}})
    found = mark(spec, "thanks")
    assert (found.score, found.error.flag) == (None, "invalid_variable_error")
    assert "“label” has no score" in found.error.message
    assert found.children[0].score == 1


def test_checks_beyond_one_are_clipped():
    doubled = {"type": "multi", "graders": {"x": check("like", "x")}, "calculate_output": "4 * x - 2"}
    spec = rubric({"name": "x", "check": doubled})
    assert mark(spec, "x").score == 1
    assert mark(spec, "y").score == 0
    assert mark(rubric({"name": "x", "check": doubled, "polarity": "must_not"}), "x").score == 0


def test_a_rubric_inside_a_rubric():
    inner = rubric(criterion("a", "a"), criterion("b", "b"))
    assert mark(rubric({"name": "inner", "check": inner}, criterion("c", "c")), "a c").score == 0.75


@pytest.mark.parametrize(
    ("spec", "path", "says"),
    [
        (rubric(), "criteria", "empty"),
        (rubric(criterion("a", "a"), criterion("a", "b")), "criteria[1].name", "Two criteria"),
        (rubric(criterion("a", "a", weight=0)), "criteria", "Every weight is 0"),
        (rubric(criterion("a", "a", weight=-1)), "criteria[0].weight", "is too small"),
        (rubric(criterion("a", "a", polarity="should")), "criteria[0].polarity", "not known"),
        (rubric(criterion("a", "a", cap=2)), "criteria[0].cap", "is too large"),
        (rubric({"name": "a"}), "criteria[0].check", "missing"),
        (
            rubric({"name": "a", "check": {"type": "multi", "calculate_output": "x"}}),
            "criteria[0].check.graders",
            "missing",
        ),
        (
            rubric(criterion("a", "a", applies_if={"value": "{{ x }}"})),
            "criteria[0].applies_if.value",
            "Unknown variable",
        ),
        (rubric(criterion("", "a")), "criteria[0].name", "is empty"),
    ],
)
def test_author_mistakes(spec, path, says):
    with pytest.raises(SpecError) as caught:
        parse_spec(spec)
    assert caught.value.path == path
    assert says in caught.value.message


def asked(name, sentence, model="judge", **extra):
    return {"name": name, "sentence": sentence, "check": {"type": "judge", "model": model}, **extra}


JUDGED = rubric(
    asked("polite", "Is polite.", weight=3),
    criterion("dose", "5 mg"),
    asked("blames", "Blames the patient.", polarity="must_not", critical="cap", cap=0.3),
    asked("folate", "Mentions folate.", applies_if={"value": "{{ item.pregnant }}"}),
)


def choices(**chosen):
    return lambda body: completion({name: {"reason": f"R {name}.", "choice": word} for name, word in chosen.items()})


def test_criteria_of_the_same_judge_are_asked_in_one_call(serve):
    server = serve(choices(q1="yes", q2="partly"))
    with judged(server):
        found = mark(JUDGED, "Please take 5 mg.", pregnant="")
    assert len(server.requests) == 1
    assert found.score == pytest.approx((3 * 1 + 1 + 0.5) / 5)
    polite, dose, blames, folate = found.children
    assert (polite.score, dose.score, blames.score, folate.score) == (1, 1, 0.5, None)
    assert polite.reason == "Is polite. R q1. The judge says “yes”."
    assert blames.reason.startswith("Blames the patient. R q2.")
    assert blames.children[0].score == 0.5
    assert (found.tokens, polite.tokens, blames.tokens) == (120, 120, 0)
    said = server.bodies[0]["messages"][1]["content"]
    assert said.index("q1: Is polite.") < said.index("q2: Blames the patient.")
    assert "folate" not in said


def test_a_veto_by_a_judge(serve):
    with judged(serve(choices(q1="yes", q2="yes"))):
        found = mark(JUDGED, "5 mg. It is your own fault.")
    assert found.score == 0.3


def test_the_score_follows_from_the_stored_leaves_of_judges(serve):
    with judged(serve(choices(q1="partly", q2="no"))):
        spec = parse_spec(JUDGED)
        row = grade(spec, Item("1", ()), Sample("5 mg")).to_json()
    assert recompute(spec, Grade.from_json(row)) == row["score"] == pytest.approx((1.5 + 1 + 1) / 5)
    row["children"][2]["children"][0]["score"] = 1.0
    assert recompute(spec, Grade.from_json(row)) == 0.3


def test_a_question_of_its_own_and_other_judges_go_into_other_calls(serve):
    server = serve(choices(q1="yes"))
    other = asked("b", "Is brief.")
    other["check"] = {**other["check"], "input": "Only: {{ sample.output_text }}"}
    own = asked("c", "Ignored.", model="missing")
    own["check"] = {**own["check"], "instruction": "Is it new?"}
    with judged(server):
        found = mark(rubric(asked("a", "Is polite."), other, own), "x")
    assert len(server.requests) == 2
    assert [child.score for child in found.children] == [1, 1, None]
    assert found.error.flag == "model_grader_server_error"
    assert "no judge called “missing”" in found.error.message


def test_one_verdict_that_is_missing_does_not_touch_the_others(serve):
    with judged(serve(choices(q1="yes"))):
        found = mark(JUDGED, "5 mg")
    assert (found.score, found.error.flag) == (None, "model_grader_parse_error")
    assert found.children[0].score == 1
    assert "no “q2”" in found.children[2].error.message
    assert found.tokens == 120


def test_a_judge_that_fails_leaves_every_criterion_it_checks_without_a_score(serve):
    with judged(serve(lambda body: error(404))):
        found = mark(JUDGED, "5 mg")
    assert [child.score for child in found.children] == [None, 1, None, None]
    assert {child.error.flag for child in found.children if child.error} == {"model_grader_server_error"}
    assert found.score is None


def test_more_questions_than_fit_one_call(serve):
    def answer(body):
        names = body["response_format"]["json_schema"]["schema"]["required"]
        return completion({name: {"reason": "", "choice": "yes"} for name in names})

    server = serve(answer)
    with judged(server):
        found = mark(rubric(*(asked(f"c{n}", f"Is {n}.") for n in range(45))), "x")
    assert found.score == 1
    assert len(server.requests) == 3
    assert found.tokens == 360


@pytest.mark.parametrize(("sentence", "shown"), [("Says yes", "Says yes. "), ("Says yes.", "Says yes. "), ("", "")])
def test_sentence_and_reason_do_not_run_into_each_other(sentence, shown):
    check = {"type": "exact_choice", "choices": ["yes", "no"]}
    spec = parse_spec({"type": "rubric", "criteria": [{"name": "a", "sentence": sentence, "check": check}]})
    found = grade(spec, Item("1", (), {"reference_answer": "yes"}), Sample("yes"))
    assert found.children[0].reason == f"{shown}The answer is “yes”, as expected."
