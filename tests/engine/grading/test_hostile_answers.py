"""Whatever a model answers gives a `Grade`, soon, and one that can be written as UTF-8."""

import json
from time import perf_counter

import pytest

from rftstudio.engine.grading import grade, parse_spec
from rftstudio.engine.types import Item, Sample
from tests.engine.grading.marking import INPUT, check

MEGABYTE = 1_000_000
HOSTILE = {
    "one letter": "a" * MEGABYTE,
    "spaces": " " * MEGABYTE,
    "words": "fever cough " * (MEGABYTE // 12),
    "different words": " ".join(f"w{number}x" for number in range(MEGABYTE // 8)),
    "commas": "1," * (MEGABYTE // 2),
    "digits": "9" * MEGABYTE,
    "percents": "1 % " * (MEGABYTE // 4),
    "numbered": "1. x\n" * (MEGABYTE // 5),
    "tabs": "1." + "\t" * MEGABYTE,
    "dashes": "a" + "-" * MEGABYTE,
    "brackets": "(" * (MEGABYTE // 2) + ")" * (MEGABYTE // 2),
    "fences": "```\n" * (MEGABYTE // 4),
    "combining marks": "a" + "\u0301\u0327" * (MEGABYTE // 2),
    "zero width": "\u200b" * MEGABYTE,
    "lone surrogates": "\ud800" * MEGABYTE,
    "nul": "\0" * MEGABYTE,
    "variables": "{{ item.reference_answer }}" * (MEGABYTE // 27),
    "deep list": "[" * MEGABYTE,
    "deep object": '{"a":' * 100_000 + "1" + "}" * 100_000,
    "quite deep list": "[" * 900 + "]" * 900,
    "long list": json.dumps([f"w{number}" for number in range(MEGABYTE // 10)]),
    "mixed list": json.dumps([[number] if number % 2 else str(number) for number in range(MEGABYTE // 12)]),
    "huge number": '{"a": ' + "9" * 100_000 + "}",
    "not a number": '{"a": NaN}',
}
SCHEMA = {"uniqueItems": True, "items": {"pattern": "^(\\w+\\s?)*$"}, "properties": {"a": {"type": "number"}}}
SPECS = {
    "string_check": (check("ilike", "{{ item.reference_answer }}"), "fever"),
    "exact_choice": ({"type": "exact_choice", "choices": ["fever", "cough", "a"], "partial": 0.2}, "fever"),
    "number": ({"type": "number", "pick": "last"}, 5),
    "ranking": ({"type": "ranking"}, ["fever"]),
    "set_match": ({"type": "set_match"}, ["fever", "cough"]),
    "keywords": (
        {
            "type": "keywords",
            "required": ["fever", "chest pain"],
            "forbidden": ["cough"],
            "inflections": "english",
            "negation": "respect",
        },
        "fever",
    ),
    "regex": ({"type": "regex", "pattern": "(fever|\\d+ mg)+$", "group": "1"}, "fever"),
    "format": (
        {
            "type": "format",
            "max_words": 3,
            "max_sentences": 1,
            "max_characters": 9,
            "no_preamble": True,
            "ends_properly": True,
            "no_markdown": True,
            "language": "en",
        },
        "fever",
    ),
    "json_fields": (
        {"type": "json_fields", "json_schema": SCHEMA, "fields": [{"path": "a", "grader": {"type": "number"}}]},
        {"a": 1},
    ),
    "multi": ({"type": "multi", "graders": {"x": check("eq", "x")}, "calculate_output": "x"}, "fever"),
    "rubric": ({"type": "rubric", "criteria": [{"name": "x", "check": {"type": "number"}}]}, 5),
}


def grade_quickly(spec, text, reference):
    started = perf_counter()
    found = grade(parse_spec(spec), Item("1", (), {"reference_answer": reference}), Sample.from_text(text))
    assert perf_counter() - started < 30
    json.dumps(found.to_json(), ensure_ascii=False).encode("utf-8")
    assert len(found.reason) < 2000
    return found


@pytest.mark.parametrize("answer", HOSTILE)
@pytest.mark.parametrize("kind", [kind for kind in SPECS if kind not in ("multi", "rubric")])
def test_every_answer_gets_a_score(kind, answer):
    spec, reference = SPECS[kind]
    found = grade_quickly(spec, HOSTILE[answer], reference)
    assert found.score is not None, found.error
    assert 0 <= found.score <= 1
    right = {("string_check", "words"), ("set_match", "words"), ("format", "tabs")}  # “1.” has a good form
    assert found.score < 1 or (kind, answer) in right


@pytest.mark.parametrize(
    "answer", ["words", "different words", "combining marks", "lone surrogates", "nul", "deep list"]
)
@pytest.mark.parametrize("metric", ["fuzzy_match", "bleu", "gleu", "meteor", "rouge_1", "rouge_5", "rouge_l"])
def test_similarity_of_anything(metric, answer):
    spec = {
        "type": "text_similarity",
        "input": INPUT,
        "reference": "{{ item.reference_answer }}",
        "evaluation_metric": metric,
    }
    found = grade_quickly(spec, HOSTILE[answer], "The patient has a fever and a cough.")
    assert found.score is not None, found.error
    assert found.score < 0.5


def test_two_huge_texts_are_refused_not_compared_for_minutes():
    spec = {
        "type": "text_similarity",
        "input": INPUT,
        "reference": "{{ item.reference_answer }}",
        "evaluation_metric": "fuzzy_match",
    }
    found = grade_quickly(spec, "ab" * MEGABYTE, "ba" * MEGABYTE)
    assert (found.score, found.error.flag) == (None, "other_error")


@pytest.mark.parametrize(
    "reference", [{"a": {"b": [[[[]]]]}}, "\ud800", "\0", [[]], [None], {"a": None}, 1e308, -0.0, [1, "x"]]
)
@pytest.mark.parametrize("kind", SPECS)
def test_odd_references_give_a_grade(kind, reference):
    spec, _ = SPECS[kind]
    for text in ("fever", "", "[]", '{"a": {"b": 1}}'):
        grade_quickly(spec, text, reference)
