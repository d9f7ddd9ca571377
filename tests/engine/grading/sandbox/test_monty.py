"""The other engine: chosen by the author, checked when the grader is read, as tight as the first."""

import pytest

from rftstudio.engine.errors import SpecError
from rftstudio.engine.grading import grade, parse_spec
from rftstudio.engine.grading.sandbox import detect, monty
from rftstudio.engine.grading.sandbox.pool import patience
from rftstudio.engine.types import Grade, Item, Sample

pytest.importorskip("pydantic_monty")


def mark(source: str, text: str = "x", **fields: object) -> Grade:
    spec = parse_spec({"type": "python", "engine": "monty", "source": source})
    with patience(1):
        return grade(spec, Item("1", (), fields), Sample.from_text(text))


@pytest.mark.parametrize(
    ("source", "score"),
    [
        ("def grade(sample, item):\n    return 0.5", 0.5),
        ("def grade(sample, item):\n    return True", 1.0),
        ("def grade(sample, item):\n    return len(sample['output_text']) / item['n']", 0.25),
        ("def grade(sample, item):\n    return sample['output_json']['a']", 0.75),
        ("import re\ndef grade(sample, item):\n    return 1 if re.search('a', sample['output_text']) else 0", 1.0),
        ("import json\ndef grade(sample, item):\n    print('noise')\n    return json.loads('[0.125]')[0]", 0.125),
    ],
)
def test_it_grades(source, score):
    assert mark(source, '{"a": 0.75}' if "json" in source else "a", n=4).score == score


@pytest.mark.parametrize(
    ("source", "words"),
    [
        (
            "def grade(sample, item):\n    x = 1\n    return 1 / 0",
            "The function failed on line 3 of the source: ZeroDivisionError",
        ),
        ("def grade(sample, item):\n    return None", "grade() returned NoneType"),
        ("def grade(sample, item):\n    return float('nan')", "not a finite number"),
        ("def grade(sample, item):\n    return 10 ** 4000", "not a finite number"),
        ("def grade(sample, item):\n    return '1'", "grade() returned str"),
        ("def grade(sample, item):\n    while True:\n        pass", "took longer than"),
        ("def grade(sample, item):\n    return len('x' * 10 ** 10)", "memory"),
        ("def grade(sample, item):\n    return grade(sample, item)", "RecursionError"),
    ],
)
def test_a_failure_has_no_score(source, words):
    found = mark(source)
    assert found.score is None
    assert found.error.flag == "python_grader_runtime_error"
    assert words in found.error.message


@pytest.mark.parametrize(
    "body",
    [
        "open('/etc/passwd').read()",
        "__import__('os').system('id')",
        "__import__('socket').socket()",
        "__import__('os').environ['PATH']",
        "__import__('subprocess').run(['id'])",
        "__import__('os').listdir('/')",
        "open('/tmp/x', 'w').write('x')",
        "eval('__import__(\"os\").getpid()')",
        "().__class__.__base__.__subclasses__()",
    ],
)
def test_there_is_nothing_to_reach(body):
    found = mark(f"def grade(sample, item):\n    {body}\n    return 1.0")
    assert found.score is None
    assert found.error.message.startswith("The function failed")


def test_nothing_is_left_from_one_answer_to_the_next():
    source = "SEEN = []\ndef grade(sample, item):\n    SEEN.append(1)\n    return len(SEEN)"
    assert [mark(source).score for _ in range(3)] == [1.0, 1.0, 1.0]


@pytest.mark.parametrize(
    ("source", "words"),
    [
        (
            "import numpy\ndef grade(sample, item):\n    return 1",
            "Line 1: Monty cannot run this: No module named 'numpy'",
        ),
        ("x = 1 / 0\ndef grade(sample, item):\n    return 1", "division by zero"),
        ("while True:\n    pass\ndef grade(sample, item):\n    return 1", "longer than 2 s"),
    ],
)
def test_what_it_cannot_run_is_found_when_the_grader_is_read(source, words):
    with pytest.raises(SpecError, match="Monty") as failed:
        parse_spec({"type": "python", "engine": "monty", "source": source})
    assert words in failed.value.message


def test_it_runs_where_no_sandbox_holds(monkeypatch):
    monkeypatch.setattr(detect, "_found", detect.Detection(None, {"seccomp": "not here"}))
    assert mark("def grade(sample, item):\n    return 1").score == 1.0
    spec = parse_spec({"type": "python", "source": "def grade(sample, item):\n    return 1"})
    monkeypatch.setattr("rftstudio.engine.grading.sandbox.pool._pool", None)
    found = grade(spec, Item("1", ()), Sample("x"))
    assert found.error.flag == "python_grader_server_error", "and nothing falls from one engine to the other"


def test_where_it_is_not_installed_that_is_said(monkeypatch):
    def missing(name):
        raise ImportError(name)

    monkeypatch.setattr(monty, "_interpreter", None)
    monkeypatch.setattr(monty, "import_module", missing)
    monty.check.cache_clear()
    with pytest.raises(SpecError, match="not installed"):
        parse_spec({"type": "python", "engine": "monty", "source": "def grade(sample, item):\n    return 1"})
