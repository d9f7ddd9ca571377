from time import perf_counter

import pytest

from rftstudio.engine.errors import SpecError
from rftstudio.engine.grading import check_variables, parse_spec
from tests.engine.grading.marking import mark


def regex(pattern, **extra):
    return {"type": "regex", "pattern": pattern, **extra}


@pytest.mark.parametrize(
    ("pattern", "extra", "text", "score"),
    [
        (r"\d+ mg", {}, "Give 25 mg daily", 1),
        (r"\d+ mg", {}, "Give some", 0),
        (r"\d+ mg", {"expect": "no_match"}, "Give 25 mg daily", 0),
        (r"\d+ mg", {"expect": "no_match"}, "Give some", 1),
        (r"\d+ mg", {"where": "whole"}, " 25 mg\n", 1),
        (r"\d+ mg", {"where": "whole"}, "25 mg daily", 0),
        (r"a|ab", {"where": "whole"}, "ab", 1),
        ("fever", {}, "FEVER", 0),
        ("fever", {"ignore_case": True}, "FEVER", 1),
        ("(?i)fever", {}, "FEVER", 1),
        ("^b$", {}, "a\nb\nc", 0),
        ("^b$", {"multiline": True}, "a\nb\nc", 1),
        ("a.b", {}, "a\nb", 0),
        ("a.b", {"dot_all": True}, "a\nb", 1),
        ("a.b", {"dot_all": True, "ignore_case": True, "multiline": True}, "A\nB", 1),
        (r"\bMI\b", {}, "an MI.", 1),
        (r"\p{L}+", {"where": "whole"}, "Übelkeit", 1),
        (r"\w+", {"where": "whole"}, "Übelkeit", 0),
        ("^$", {}, "", 1),
    ],
)
def test_matches(pattern, extra, text, score):
    assert mark(regex(pattern, **extra), text).score == score


@pytest.mark.parametrize(
    ("operation", "text", "reference", "score"),
    [
        ("exists", "Answer: B", None, 1),
        ("exists", "Answer: ", None, 0),
        ("exists", "B", None, 0),
        ("same", "Answer:  “Type 2 diabetes”. ", "type 2 Diabetes", 1),
        ("same", "Answer: Type 1 diabetes", "type 2 diabetes", 0),
        ("eq", "Answer: B", "B", 1),
        ("eq", "Answer: b", "B", 0),
        ("eq", "Answer: C", ["B", "C"], 1),
        ("ne", "Answer: C", "B", 1),
        ("ne", "Answer: C", ["B", "C"], 0),
        ("ne", "no answer", "B", 0),
        ("like", "Answer: B or C", "B", 1),
        ("like", "Answer: b or c", "B", 0),
        ("ilike", "Answer: b or c", "B", 1),
    ],
)
def test_a_group_is_compared(operation, text, reference, score):
    assert mark(regex(r"Answer: *(.*)", group="1", operation=operation), text, reference).score == score


def test_a_group_by_name_from_the_first_or_the_last_match():
    spec = regex(r"gene (?P<gene>\w+)", group="gene", operation="eq")
    text = "gene FBN1, no, gene ACTA2"
    assert mark(spec, text, "FBN1").score == 1
    assert mark({**spec, "pick": "last"}, text, "ACTA2").score == 1
    assert mark({**spec, "pick": "last"}, "nothing", "ACTA2").score == 0
    assert mark({**spec, "group": 1}, text, "FBN1").score == 1


def test_a_group_that_took_no_part_is_empty():
    grade = mark(regex("(a)|b", group="1"), "b")
    assert grade.score == 0
    assert "group 1 is empty" in grade.reason


def test_names_that_other_tools_write():
    assert parse_spec(regex("(a)", group="1", operation="neq")).operation == "ne"


def test_reasons():
    assert mark(regex(r"\d+ mg"), "Give 25 mg").reason == "The pattern fits “25 mg”."
    assert mark(regex(r"\d+ mg"), "nothing").reason == "The pattern does not fit: “nothing”."
    found = mark(regex(r"= (\d+)", group="1", operation="eq"), "x = 4", "5")
    assert found.reason == "Expected “5” in group 1, found “4”."


def test_a_reference_is_only_needed_where_it_is_compared():
    assert mark(regex("a"), "a").score == 1
    assert check_variables(parse_spec(regex("a")), []) == []
    compared = regex("(a)", group="1", operation="eq")
    assert [error.path for error in check_variables(parse_spec(compared), [])] == ["reference"]
    assert mark(compared, "a").error.flag == "invalid_variable_error"
    assert mark(compared, "a", []).error.flag == "other_error"
    assert mark(compared, "a", " ").error.flag == "other_error"


@pytest.mark.parametrize(
    ("pattern", "says", "fix"),
    [
        ("a(?=b)", "lookahead", "as a group"),
        ("a(?!b)", "negative lookahead", "Use two checks"),
        ("(?<=a)b", "lookbehind", "as a group"),
        ("(?<!a)b", "negative lookbehind", "Use two checks"),
        (r"(a)\1", "backreference", "List the cases"),
        ("(?P<x>a)(?P=x)", "backreference", "List the cases"),
        ("a++", "possessive", "Leave it out"),
        ("(?>a)", "atomic", "Leave it out"),
        ("(a)?(?(1)b|c)", "condition", "with |"),
        (r"a\Z", r"\Z", r"\z"),
        ("(?x) a", "flag x", "without spaces"),
        ("(a", "missing )", "put \\ before"),
        ("a)(b", "unexpected )", "put \\ before"),
        ("*", "repetition operator", "put \\ before"),
        ("[a", "missing ]", "put \\ before"),
        ("a{1001}", "invalid repetition size", "fewer repeats"),
        ("((a{100}){100}){100}", "repetition size", "fewer repeats"),
        ("(\\pL{500}){2}", "too large", "fewer repeats"),
        ("a" * 4001, "longer than", "several checks"),
        ("", "empty", "Write what"),
    ],
)
def test_a_pattern_re2_cannot_do_is_refused_with_its_reason(pattern, says, fix):
    with pytest.raises(SpecError) as caught:
        parse_spec({"type": "multi", "graders": {"x": regex(pattern)}, "calculate_output": "x"})
    assert caught.value.path == "graders.x.pattern"
    assert says in caught.value.message
    assert fix in caught.value.fix


@pytest.mark.parametrize(
    ("extra", "path", "says"),
    [
        ({"group": "2"}, "group", "no group “2”"),
        ({"group": "0"}, "group", "no group “0”"),
        ({"group": "dose"}, "group", "no group “dose”"),
        ({"group": "1", "expect": "no_match"}, "group", "must not match"),
        ({"operation": "eq"}, "group", "no group is named"),
        ({"operation": "is"}, "operation", "not known"),
        ({"where": "start"}, "where", "not known"),
        ({"reference": "{{ item }}"}, "reference", "does not name a field"),
    ],
)
def test_author_mistakes(extra, path, says):
    with pytest.raises(SpecError) as caught:
        parse_spec(regex("(a)", **extra))
    assert caught.value.path == path
    assert says in caught.value.message
    assert caught.value.fix


def test_a_pattern_without_groups_has_none_to_take():
    with pytest.raises(SpecError) as caught:
        parse_spec(regex("a", group="1"))
    assert "Put parentheses" in caught.value.fix


@pytest.mark.parametrize("pattern", ["(a+)+$", "(a|aa)+$", "(.*a){20}$", r"(\w+\s?)*!", "(x+x+)+y"])
def test_no_answer_makes_it_slow(pattern):
    started = perf_counter()
    mark(regex(pattern), "a" * 200_000 + " x" * 50_000 + "é")
    assert perf_counter() - started < 10


def test_a_last_match_that_takes_too_long_gives_no_score():
    grade = mark(regex("(a.*b|a)", dot_all=True, group="1", pick="last"), "a" * 300_000)
    assert (grade.score, grade.error.flag) == (None, "unresponsive_reward_error")


def test_half_a_surrogate_pair_is_no_accident():
    assert mark(regex("a.b"), "a\ud800b").score == 1
