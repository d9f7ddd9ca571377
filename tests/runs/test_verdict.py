"""How a job ended, from its exit code and its last words."""

import pytest

from rftstudio.engine.launch import EXIT_UNKNOWN
from rftstudio.runs.verdict import Verdict, finished_event, gave_up, judge, last_log_line


def finished(status, message="So it is.", culprit="system"):
    return {"type": "finished", "message": message, "data": {"status": status, "culprit": culprit}}


@pytest.mark.parametrize(
    ("code", "event", "cancelled", "expected"),
    [
        (0, finished("succeeded"), False, Verdict("succeeded")),
        (3, finished("cancelled"), True, Verdict("cancelled")),
        (2, finished("failed", "Empty split.", "author"), False, Verdict("failed", "Empty split.", "author")),
        (EXIT_UNKNOWN, finished("succeeded"), False, Verdict("succeeded")),
        (-9, None, True, Verdict("cancelled")),
        (EXIT_UNKNOWN, None, True, Verdict("cancelled")),
        (-9, None, False, None),
        (EXIT_UNKNOWN, None, False, None),
        (3, None, False, Verdict("cancelled")),
    ],
)
def test_judge(code, event, cancelled, expected):
    assert judge(code, event, cancelled=cancelled) == expected


@pytest.mark.parametrize(
    ("code", "culprit"), [(1, "system"), (2, "author"), (4, "grader"), (0, "system"), (77, "system")]
)
def test_an_end_without_last_words(code, culprit):
    found = judge(code, None, cancelled=False, last_line="ImportError: no torch")
    assert (found.status, found.culprit) == ("failed", culprit)
    assert "ImportError: no torch" in found.error


def test_gave_up_names_memory_for_a_kill_and_the_signal_for_a_crash():
    assert "memory" in gave_up(-9, 4).error
    assert "SIGSEGV" in gave_up(-11, 4).error
    assert "memory" not in gave_up(EXIT_UNKNOWN, 4).error


def test_finished_event_is_the_last_line_and_no_other(tmp_path):
    log = tmp_path / "events.jsonl"
    assert finished_event(tmp_path) is None
    log.write_text('{"seq":1,"type":"finished","data":{}}\n{"seq":2,"type":"metrics","data":{}}\n')
    assert finished_event(tmp_path) is None
    log.write_text('{"seq":1,"type":"message","message":"\\"finished\\""}\n')
    assert finished_event(tmp_path) is None
    log.write_text('{"seq":1,"type":"metrics"}\n{"seq":2,"type":"finished","data":{"status":"failed"}}\n')
    assert finished_event(tmp_path)["seq"] == 2


def test_last_log_line_skips_empty_ones(tmp_path):
    assert last_log_line(tmp_path) == ""
    (tmp_path / "log.txt").write_text("first\nlast words\n\n  \n")
    assert last_log_line(tmp_path) == "last words"
