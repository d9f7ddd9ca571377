"""What is found in an author's text without running it."""

import contextlib

import pytest

from rftstudio.engine.errors import SpecError
from rftstudio.engine.grading.sandbox.source import MAX_BYTES, read_program

GOOD = "def grade(sample, item):\n    return 1.0\n"

WRONG = [
    ("def grade(sample, item)\n    return 1", "Line 1, column 24: expected ':'."),
    ("def grade(sample, item):\nreturn 1", "Line 2, column 1: expected an indented block"),
    ("def grade(sample, item):\n    x = (1,\n", "Line 2, column 9: '(' was never closed."),
    ("def grade(sample, item):\n    return 1\n  x = 2", "Line 3"),
    ("return 1\n" + GOOD, "Line 1"),
    ("def grade(sample, item):\n    nonlocal x\n    return 1", "Line 2"),
    ("def grade(sample, item):\n    yield from await x", "Line 2"),
    ("x = 'open\n" + GOOD, "Line 1, column 5: unterminated string literal"),
    ("def score(sample, item):\n    return 1", "There is no function `grade`."),
    ("class A:\n    def grade(self, sample, item):\n        return 1", "The one on line 2 is inside something else."),
    ("def grade(sample):\n    return 1", "Line 1, column 1: `grade` must take two arguments"),
    ("\ndef grade(a, b, c):\n    return 1", "Line 2, column 1: `grade` must take two arguments"),
    ("def grade(a, b, *, c):\n    return 1", "`grade` must take two arguments"),
    ("async def grade(sample, item):\n    return 1", "Line 1, column 1: `grade` is async."),
    ("", "The source is empty."),
    ("  \n\t\n", "The source is empty."),
    ("# grade\n", "There is no function `grade`."),
    ("x = '" + "a" * MAX_BYTES + "'\n" + GOOD, "more than 256,000"),
    ("x = " + "(" * 90 + "1" + ")" * 90 + "\n" + GOOD, "Line 1: more than 60 brackets"),
]


@pytest.mark.parametrize(("text", "words"), WRONG)
def test_an_error_names_its_line(text, words):
    with pytest.raises(SpecError) as failed:
        read_program(text)
    assert failed.value.path == "source"
    assert words in failed.value.message
    assert failed.value.fix


@pytest.mark.parametrize(
    "text",
    [
        "x = " + "-" * 100_000 + "1\n",
        "x = " + "not " * 60_000 + "1\n",
        "x = " + "a." * 100_000 + "a\n",
        "x = " + "+".join("1" * 100_000) + "\n",
        "x = " + "1 if 1 else " * 20_000 + "1\n",
        "x = " + "lambda: " * 30_000 + "1\n",
        "x = " + "a" + "()" * 100_000 + "\n",
        "x = " + "a" + "[0]" * 80_000 + "\n",
        "x = " + "**".join("2" * 50_000) + "\n",
        "x = f'" + "{a}" * 50_000 + "'\n",
        "".join(" " * depth + "if 1:\n" for depth in range(400)) + " " * 400 + "pass\n",
        "if 1: pass\n" + "elif 1: pass\n" * 19_000,
        "x = " + "await " * 40_000 + "1\n",
        "x = " + "yield " * 40_000 + "\n",
        "@a\n" * 80_000 + "def f(): pass\n",
        "x = 9 ** 9 ** 9 ** 9\n",
        "x = 'a' * 10 ** 10\n",
        "x = (1,) * 10 ** 9\n",
        "x = 1 << 10 ** 12\n",
        "x = " + "9" * 200_000 + "\n",
    ],
    ids=lambda text: text[:24].strip(),
)
def test_a_text_made_to_break_the_compiler_breaks_nothing(text):
    """It is refused or accepted, in seconds, and the process lives."""
    with contextlib.suppress(SpecError):
        assert read_program(text + GOOD).code
    assert read_program(GOOD).code, "the next one is read as ever"


@pytest.mark.parametrize(
    "text",
    [
        GOOD,
        "def grade(sample, item, extra=None):\n    return 1",
        "def grade(*both):\n    return 1",
        "def grade(sample, item, /):\n    return 1",
        "import functools\ndef _g(k, sample, item):\n    return k\ngrade = functools.partial(_g, 1)",
        "grade = lambda sample, item: 1.0",
        "try:\n    import numpy\nexcept ImportError:\n    pass\n" + GOOD,
        "if True:\n    def grade(sample, item):\n        return 1",
        "def grade(sample: dict, item: dict) -> float:\n    '''Docs.'''\n    return 1",
    ],
)
def test_graders_written_in_other_ways_are_accepted(text):
    read_program(text)


SHARED = [
    GOOD,
    "import re, math, json\n" + GOOD,
    "import numpy as np\ndef grade(sample, item):\n    return float(np.mean([1, 2]))",
    "from rapidfuzz import fuzz\ndef grade(sample, item):\n    return fuzz.ratio(sample['output_text'], 'a')",
    "LABELS = {'a': 1}\ndef grade(sample, item):\n    return LABELS.get(sample['output_text'], 0)",
]
ALONE = [
    "def grade(sample, item):\n    return eval(sample['output_text'])",
    "def grade(sample, item):\n    exec(sample['output_text'])\n    return 1",
    "def grade(sample, item):\n    compile('1', '', 'eval')\n    return 1",
    "import pickle\n" + GOOD,
    "from importlib import import_module\n" + GOOD,
    "import importlib.util\n" + GOOD,
    "import ctypes\n" + GOOD,
    "import gc\n" + GOOD,
    "def grade(sample, item):\n    return grade.__code__ is None",
    "def grade(sample, item):\n    return grade.__globals__ is None",
    "def grade(sample, item):\n    return getattr(grade, sample['output_text'])",
    "x = '__code__'\n" + GOOD,
    "import numpy\ndef grade(sample, item):\n    return numpy.__builtins__",
    "import yaml\ndef grade(sample, item):\n    return yaml.load(sample['output_text'], Loader=yaml.Loader)",
    "import yaml\ndef grade(sample, item):\n    return yaml.unsafe_load(sample['output_text'])",
    "COUNT = 0\ndef grade(sample, item):\n    global COUNT\n    COUNT += 1\n    return COUNT",
    "import random\n" + GOOD,
    "import time\n" + GOOD,
    "import os\n" + GOOD,
    "import sys\n" + GOOD,
    "import builtins\n" + GOOD,
    "def grade(sample, item):\n    return globals()['x']",
    "def grade(sample, item):\n    setattr(grade, 'x', 1)\n    return 1",
]


@pytest.mark.parametrize("text", SHARED)
def test_answers_share_a_process_where_none_can_change_the_next(text):
    assert read_program(text).shares


@pytest.mark.parametrize("text", ALONE)
def test_and_nowhere_else(text):
    assert not read_program(text).shares


def test_modules_to_load_ahead_are_the_allowed_ones():
    text = (
        "import numpy as np, torch, os.path\nfrom dateutil import parser\nimport antigravity\nfrom . import x\n" + GOOD
    )
    program = read_program(text)
    assert set(program.imports) == {"numpy", "os.path", "dateutil", "dateutil.parser"}
    assert program.packages == {"numpy", "dateutil"}


def test_asserts_count_however_the_studio_was_started():
    import base64
    import marshal

    program = read_program("assert False, 'kept'\n" + GOOD)
    with pytest.raises(AssertionError, match="kept"):
        exec(marshal.loads(base64.b64decode(program.code)), {})


def test_nothing_of_the_text_is_run(tmp_path):
    mark = tmp_path / "mark"
    read_program(f"open({str(mark)!r}, 'w')\n" + GOOD)
    assert not mark.exists()
