"""The pool: fresh processes, shared batches that are checked, several threads, crashes, ends."""

import os
import signal
import subprocess
import sys
import threading
import time

import psutil
import pytest

from rftstudio.command.terminal import ROOT
from rftstudio.engine.errors import GraderFault
from rftstudio.engine.grading.sandbox import circuit, detect
from rftstudio.engine.grading.sandbox import pool as pools
from rftstudio.engine.grading.sandbox.libraries import installed
from rftstudio.engine.grading.sandbox.limits import Limits
from rftstudio.engine.grading.sandbox.pool import Pool, Unavailable, patience
from rftstudio.engine.grading.sandbox.source import read_program

EVALUATES = read_program(
    """
def grade(sample, item):
    try:
        value = eval(sample)
    except Exception:
        return 0.0
    return 1.0 if value == item else 0.0
"""
)
# An answer that rewrites the function which marks the next one.
HOSTILE = (
    "[setattr(f, '__code__', (lambda sample, item: 1.0).__code__) for f in __import__('gc').get_objects() "
    "if getattr(f, '__name__', '') == 'grade' and hasattr(f, '__code__')]"
)
ECHO = read_program("def grade(sample, item):\n    return float(sample)\n")


@pytest.fixture(scope="module")
def pool():
    found = detect.detect()
    if found.combination is None:
        pytest.skip(found.refusal)
    made = Pool(found.combination, Limits(seconds=20), size=2)
    yield made
    made.close()


def children() -> set[int]:
    """Ids of the processes that this one has started and that still run."""
    return {child.pid for child in psutil.Process().children() if child.status() != psutil.STATUS_ZOMBIE}


def test_an_answer_cannot_change_how_the_next_one_is_marked(pool):
    answers = ["1+1", "3", HOSTILE, "3", "banana"]
    assert not EVALUATES.shares
    assert [pool.grade(EVALUATES, (answer, 2)).score for answer in answers] == [1.0, 0.0, 0.0, 0.0, 0.0]
    warm = pool._attempt(EVALUATES, [(answer, 2) for answer in answers], 5)  # in one process, as is never done with it
    assert [outcome.score for outcome in warm] == [1.0, 0.0, 0.0, 1.0, 1.0]


def test_an_answer_cannot_change_the_next_one_through_the_modules(pool):
    program = read_program(
        "import math\ndef grade(sample, item):\n    if sample == 'bad':\n        math.pi = 1\n    return math.pi\n"
    )
    assert [round(pool.grade(program, (text, 0)).score, 2) for text in ("bad", "good")] == [1.0, 3.14]


def test_a_batch_keeps_its_order(pool):
    outcomes = pool.grade_batch(ECHO, [(str(number), None) for number in range(300)])
    assert [outcome.score for outcome in outcomes] == [float(number) for number in range(300)]


def test_an_answer_that_fails_in_a_batch_fails_alone(pool):
    answers = ["1", "no number", "2"]
    outcomes = pool.grade_batch(ECHO, [(answer, None) for answer in answers])
    assert [outcome.score for outcome in outcomes] == [1.0, None, 2.0]
    assert outcomes[1].failure.kind == "exception"


def test_an_answer_that_ends_its_process_does_not_take_the_batch_with_it(pool):
    program = read_program("import re\ndef grade(sample, item):\n    return float(bool(re.match('(a+)+$', sample)))\n")
    assert program.shares
    with patience(1):
        outcomes = pool.grade_batch(program, [("a", None), ("a" * 60 + "b", None), ("b", None)])
    assert [outcome.score for outcome in outcomes] == [1.0, None, 0.0]
    assert outcomes[1].failure.kind == "timeout"


def test_a_grader_that_remembers_is_found_out(pool, monkeypatch):
    monkeypatch.setattr(pools, "CHECKED_SHARE", 1.0)
    program = read_program("SEEN = []\ndef grade(sample, item):\n    SEEN.append(sample)\n    return len(SEEN)\n")
    assert program.shares
    with pytest.raises(GraderFault, match="among others and 1 by itself"):
        pool.grade_batch(program, [("x", None)] * 3)
    assert [one.score for one in pool.grade_batch(ECHO, [("1", None)] * 3)] == [1.0] * 3


def test_one_in_a_hundred_is_checked(pool, monkeypatch):
    checked = []
    monkeypatch.setattr(pool, "_check", lambda program, pair, outcome: checked.append(pair))
    pool.grade_batch(ECHO, [("1", None)] * 6400)
    assert 20 <= len(checked) <= 130


def test_several_threads_share_it(pool):
    found = {}

    def work(number):
        found[number] = [pool.grade(ECHO, (str(number * 10 + turn), None)).score for turn in range(5)]

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert found == {number: [float(number * 10 + turn) for turn in range(5)] for number in range(8)}
    assert pool._out == 0
    assert len(pool._idle) <= pool.size


def test_three_crashes_in_a_row_open_the_circuit(pool, monkeypatch):
    program = read_program("import os\ndef grade(sample, item):\n    if sample:\n        os._exit(1)\n    return 1\n")
    assert [pool.grade(program, (bad, None)).score for bad in (1, 1, 0, 1, 1)] == [None, None, 1.0, None, None]
    assert pool.grade(program, (1, None)).failure.kind == "crash"
    with pytest.raises(Unavailable, match="crashed 3 times in a row"):
        pool.grade(program, (0, None))
    assert pool.grade(ECHO, ("1", None)).score == 1.0, "other graders go on"
    monkeypatch.setattr(circuit, "PAUSE_SECONDS", 0.0)
    assert pool.grade(program, (0, None)).score == 1.0
    assert not pool.circuit.is_open(program.key)


def test_a_jail_that_was_killed_is_replaced(pool):
    pool.grade(ECHO, ("1", None))
    for slot in pool._idle:
        os.kill(slot.process.pid, signal.SIGKILL)
    assert pool.grade(ECHO, ("2", None)).score == 2.0


def test_an_answer_nested_too_deeply_has_no_score(pool):
    answer: list = []
    for _ in range(100_000):
        answer = [answer]
    assert pool.grade(ECHO, (answer, None)).failure.kind == "bad_result"
    assert pool._out == 0
    while answer:  # taken apart by hand: letting go of it at once would recurse as well
        answer = answer[0]


def test_a_large_answer_arrives_whole(pool):
    program = read_program("def grade(sample, item):\n    return len(sample)\n")
    assert pool.grade(program, ("é\ud800" * 500_000, None)).score == 1_000_000


def test_the_time_of_a_page_is_shorter(pool):
    program = read_program("while True:\n    pass\ndef grade(sample, item):\n    return 1\n")
    began = time.monotonic()
    with patience(0.5):
        outcome = pool.grade(program, ("x", None))
    assert outcome.failure.kind == "timeout"
    assert "0.5 s" in outcome.failure.message
    assert time.monotonic() - began < 10


@pytest.mark.parametrize("package", ["numpy", "rapidfuzz", "jsonschema", "pydantic", "yaml", "dateutil"])
def test_an_allowed_package_can_be_imported(pool, package):
    if package not in installed():
        pytest.skip("not installed")
    program = read_program(f"import {package}\ndef grade(sample, item):\n    return 1\n")
    outcome = pool.grade(program, ("x", None))
    assert outcome.score == 1.0, outcome.failure


@pytest.mark.parametrize("package", ["torch", "django", "celery", "rftstudio.settings", "pip", "scipy"])
def test_no_other_package_can(pool, package):
    program = read_program(f"def grade(sample, item):\n    import {package}\n    return 1\n")
    assert pool.grade(program, ("x", None)).failure.type == "ModuleNotFoundError"


def test_numpy_numbers_are_numbers(pool):
    if "numpy" not in installed():
        pytest.skip("not installed")
    program = read_program("import numpy\ndef grade(sample, item):\n    return numpy.float32(0.5) + numpy.int64(1)\n")
    assert pool.grade(program, ("x", None)).score == 1.5


def test_memory_may_be_had_up_to_the_limit():
    found = detect.detect()
    if found.combination is None:
        pytest.skip(found.refusal)
    program = read_program("def grade(sample, item):\n    return len(bytearray(sample << 20)) >> 20\n")
    made = Pool(found.combination, Limits(seconds=20, memory_mb=600), size=1)
    try:
        assert made.grade(program, (450, None)).score == 450
        assert made.grade(program, (700, None)).failure.kind == "memory"
    finally:
        made.close()


def test_closing_leaves_no_process():
    found = detect.detect()
    if found.combination is None:
        pytest.skip(found.refusal)
    before = children()
    made = Pool(found.combination, Limits(), size=1)
    made.grade(ECHO, ("1", None))
    assert children() - before
    made.close()
    assert not children() - before
    with pytest.raises(Unavailable):
        made.grade(ECHO, ("1", None))


SCRIPT = """
import os, sys, time
from rftstudio.engine.grading import grade, parse_spec
from rftstudio.engine.grading.sandbox.pool import pool
from rftstudio.engine.types import Item, Sample
spec = parse_spec({"type": "python", "source": "def grade(sample, item):\\n    return 0.5\\n"})
once = lambda: grade(spec, Item("1", ()), Sample("x")).score
assert once() == 0.5, grade(spec, Item("1", ()), Sample("x"))
"""


def run_script(rest: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", SCRIPT + rest], cwd=ROOT, capture_output=True, text=True, timeout=120)


@pytest.fixture
def runs_here():
    if refusal := detect.detect().refusal:
        pytest.skip(refusal)


def test_jails_end_with_their_process(runs_here):
    done = run_script("print(pool()._idle[0].process.pid)")
    assert done.returncode == 0, done.stderr
    assert not os.path.exists(f"/proc/{done.stdout.strip()}")


def test_jails_end_even_where_their_process_is_killed(runs_here):
    done = run_script("print(pool()._idle[0].process.pid, flush=True)\nos.kill(os.getpid(), 9)")
    assert done.returncode == -9
    deadline = time.monotonic() + 10
    while os.path.exists(f"/proc/{done.stdout.strip()}") and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not os.path.exists(f"/proc/{done.stdout.strip()}")


def test_a_forked_copy_makes_jails_of_its_own(runs_here):
    done = run_script(
        """
first = pool()
child = os.fork()
if not child:
    os._exit(0 if once() == 0.5 and pool() is not first else 1)
assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
assert once() == 0.5 and pool() is first
print("both")
"""
    )
    assert done.stdout == "both\n", done.stderr


def test_the_studio_is_never_forked(runs_here, monkeypatch):
    monkeypatch.setattr(os, "fork", lambda: pytest.fail("forked"))
    made = Pool(detect.require(), Limits(), size=1)
    assert made.grade(ECHO, ("1", None)).score == 1.0
    made.close()
