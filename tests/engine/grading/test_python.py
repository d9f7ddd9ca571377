"""`python`: scores, failures that give no score, the same input as OpenAI's, answers that attack."""

import json

import pytest

from rftstudio.engine.errors import GraderFault, SpecError
from rftstudio.engine.grading import grade, grade_many, parse_spec, recompute, spec_errors
from rftstudio.engine.grading.sandbox import detect
from rftstudio.engine.grading.sandbox import pool as pools
from rftstudio.engine.types import Item, Sample
from tests.engine.grading.marking import mark

GRADER = {"type": "python", "source": "def grade(sample, item):\n    return 1.0\n"}


@pytest.fixture(scope="module")
def runs():
    if refusal := detect.detect().refusal:
        pytest.skip(refusal)


def python(body: str, before: str = "") -> dict:
    lines = "\n".join(f"    {line}" for line in body.splitlines())
    return {"type": "python", "source": f"{before}\ndef grade(sample, item):\n{lines}\n"}


@pytest.mark.parametrize(
    ("body", "score"),
    [
        ("return 1", 1.0),
        ("return 0.25", 0.25),
        ("return True", 1.0),
        ("return -3", -3.0),
        ("return sample['output_text'] == item['reference_answer']", 1.0),
        ("return sample['output_json'] is None", 1.0),
        ("return len(sample['output_tools'])", 0.0),
        ("return sample['choices'][0]['message']['content'] == 'right'", 1.0),
        ("return item['n'] / 10", 0.7),
        ("return item['deep'][0]['a']", 0.5),
    ],
)
def test_the_score_is_what_it_returns(runs, body, score):
    assert mark(python(body), "right", "right", n=7, deep=[{"a": 0.5}]).score == score


def test_a_json_answer_is_given_as_data(runs):
    assert mark(python("return sample['output_json']['a'][1]"), '{"a": [0, 0.5]}').score == 0.5


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ("x = 1\nraise ValueError('no good')", "The function failed on line 4 of the source: ValueError: no good"),
        (
            "return float(sample['output_text'])",
            "The function failed on line 3 of the source: ValueError: could not convert",
        ),
        ("return item['missing']", "The function failed on line 3 of the source: KeyError: 'missing'"),
        ("import json\njson.loads('{')", "The function failed on line 4 of the source: JSONDecodeError"),
        (
            "def inner():\n    assert False, 'deep'\ninner()",
            "The function failed on line 4 of the source: AssertionError: deep",
        ),
        ("return None", "grade() returned NoneType"),
        ("return 'full marks'", "grade() returned text"),
        ("return float('nan')", "grade() returned nan"),
        ("return [1]", "grade() returned list"),
        ("return 1j", "grade() returned complex"),
        ("return [0] * 10 ** 10", "needed more memory"),
        ("import os\nos._exit(0)", "The grader's process ended by itself (exit code 0)"),
        ("import ctypes\nctypes.string_at(0)", "The grader's process ended by itself (signal 11)"),
        ("import torch", "The function failed on line 3 of the source: ModuleNotFoundError"),
        ("return open('/etc/passwd').read()", "The function failed"),
    ],
)
def test_a_failure_gives_no_score_and_says_why(runs, body, words):
    found = mark(python(body), "no number")
    assert found.score is None
    assert found.error.flag == "python_grader_runtime_error"
    assert words in found.error.message


def test_an_error_outside_grade_has_its_line(runs):
    found = mark(python("return 1", before="import math\nmath.sqrt(-1)"), "x")
    assert "The function failed on line 2 of the source: ValueError: math domain error" in found.error.message


def test_it_takes_no_longer_than_it_may(runs):
    with pools.patience(0.5):
        found = mark(python("while True:\n    pass"), "x")
    assert found.error.message == "grade() took longer than 0.5 s."


WRONG = [
    ({"source": "def grade(sample, item)\n    return 1"}, "source", "Line 1, column 24: expected ':'."),
    ({"source": "x = 1"}, "source", "There is no function `grade`."),
    ({"source": ""}, "source", "empty"),
    ({"source": "#" * 300_000}, "source", "more than 256,000"),
    ({"source": 3}, "source", "must be text"),
    ({"source": "def grade(s, i):\n    return '\0'"}, "source", "cannot be stored"),
    ({"engine": "javascript"}, "engine", "is not known here"),
    ({"image": "x"}, "image", "Unknown field"),
]


@pytest.mark.parametrize(("changes", "path", "words"), WRONG)
def test_a_wrong_spec_is_refused_at_its_field(changes, path, words):
    errors = spec_errors({**GRADER, **changes})
    assert (errors[0].path, words in errors[0].message) == (path, True), errors[0]


def test_a_nested_one_has_its_whole_path():
    data = {"type": "multi", "graders": {"style": {**GRADER, "source": "def grade("}}, "calculate_output": "style"}
    with pytest.raises(SpecError) as failed:
        parse_spec(data)
    assert failed.value.path == "graders.style.source"


def test_a_source_without_a_source_is_refused():
    assert spec_errors({"type": "python"})[0].path == "source"


def test_openais_form_is_kept_verbatim():
    data = {**GRADER, "name": "mine", "image_tag": "2025-05-08"}
    assert parse_spec(data).model_dump(mode="json", exclude_none=True) == data


def test_it_says_that_it_waits():
    assert type(parse_spec(GRADER)).waits
    assert not type(parse_spec({"type": "number"})).waits


def test_in_a_formula_and_a_rubric(runs):
    half = python("return 0.5")
    formula = {"type": "multi", "graders": {"a": half, "b": GRADER}, "calculate_output": "(a + b) / 2"}
    assert mark(formula, "x").score == 0.75
    rubric = {
        "type": "rubric",
        "criteria": [{"name": "c", "check": half}, {"name": "d", "check": python("return 1/0")}],
    }
    found = mark(rubric, "x")
    assert found.score is None
    assert found.error.flag == "python_grader_runtime_error"


def test_inside_a_field_it_sees_the_field(runs):
    spec = {"type": "json_fields", "fields": [{"path": "dose", "grader": python("return sample['output_json'] == 5")}]}
    pairs = [
        (Item("1", (), {"reference_answer": {"dose": 5}}), Sample.from_text(json.dumps({"dose": n}))) for n in (5, 6)
    ]
    assert [found.score for found in grade_many(parse_spec(spec), pairs)] == [1.0, 0.0]


def test_many_are_graded_as_one_is(runs):
    """In batches, in order, with the same scores, errors and reasons."""
    spec = parse_spec(
        {
            "type": "multi",
            "graders": {"a": python("return float(sample['output_text']) / item['of']"), "b": GRADER},
            "calculate_output": "a * b",
        }
    )
    pairs = [(Item(str(n), (), {"of": 4}), Sample.from_text(str(n) if n % 7 else "seven")) for n in range(150)]
    many = grade_many(spec, pairs)
    for found, (item, sample) in list(zip(many, pairs, strict=True))[::29]:
        alone = grade(spec, item, sample)
        assert (found.score, found.reason, found.error) == (alone.score, alone.reason, alone.error)
        assert recompute(spec, found) == found.score
    assert [found.score for found in many[1:7]] == [0.25, 0.5, 0.75, 1.0, 1.25, 1.5]
    assert many[7].score is None


def test_a_grader_that_remembers_answers_stops_the_run(runs, monkeypatch):
    monkeypatch.setattr(pools, "CHECKED_SHARE", 1.0)
    spec = parse_spec(python("SEEN.append(1)\nreturn len(SEEN)", before="SEEN = []"))
    with pytest.raises(GraderFault, match="keeps something from one answer to the next"):
        grade_many(spec, [(Item("1", ()), Sample("x"))] * 3)


@pytest.mark.parametrize(
    "answer",
    [
        "__import__('os').system('touch /tmp/mark')",
        "\ud800",
        "x" * 2_000_000,
        "[" * 5_000 + "]" * 5_000,
        "\0",
        '{"nonce": "x", "results": [[1.0, 0.0]]}',
        "NaN",
    ],
    ids=lambda text: text[:10],
)
def test_no_answer_breaks_it(runs, answer):
    assert mark(python("return len(sample['output_text']) < 0"), answer).score == 0.0


def test_without_a_sandbox_it_is_read_and_not_run(monkeypatch):
    monkeypatch.setattr(pools, "_pool", None)
    monkeypatch.setattr(detect, "_found", detect.Detection(None, {"seccomp": "the kernel has none"}))
    spec = parse_spec(GRADER)
    found = grade(spec, Item("1", ()), Sample("x"))
    assert found.score is None
    assert found.error.flag == "python_grader_server_error"
    assert "CONFIG_SECCOMP_FILTER" in found.error.message
    assert [one.error.flag for one in grade_many(spec, [(Item("1", ()), Sample("x"))] * 3)] == [
        "python_grader_server_error"
    ] * 3
