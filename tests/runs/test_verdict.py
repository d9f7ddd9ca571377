"""How a job ended, from its exit code and its last words."""

import pytest

from rftstudio.engine.faults import DISK_FULL, OUT_OF_MEMORY
from rftstudio.engine.launch import EXIT_ENDED, EXIT_UNKNOWN
from rftstudio.runs.verdict import Verdict, gave_up, judge, last_event, last_log_line

PAUSED = {"type": "paused", "message": "Paused after step 3.", "data": {"step": 3}}


def finished(status, message="So it is.", culprit="system"):
    return {"type": "finished", "message": message, "data": {"status": status, "culprit": culprit}}


@pytest.mark.parametrize(
    ("code", "event", "wish", "expected"),
    [
        (0, finished("succeeded"), "", Verdict("succeeded")),
        (3, finished("cancelled"), "cancel", Verdict("cancelled")),
        (2, finished("failed", "Empty split.", "author"), "", Verdict("failed", "Empty split.", "author")),
        (EXIT_UNKNOWN, finished("succeeded"), "", Verdict("succeeded")),
        (-9, None, "cancel", Verdict("cancelled")),
        (EXIT_UNKNOWN, None, "cancel", Verdict("cancelled")),
        (-9, None, "", None),
        (EXIT_UNKNOWN, None, "", None),
        (3, None, "", Verdict("cancelled")),
        (5, PAUSED, "pause", Verdict("paused")),
        (5, PAUSED, "", Verdict("paused")),  # for a finding: nobody wished it just now
        (EXIT_UNKNOWN, PAUSED, "", Verdict("paused")),  # nobody was watching
        (5, PAUSED, "cancel", Verdict("cancelled")),  # who wished it to pause changed their mind
        (-9, None, "pause", Verdict("paused")),
        (0, finished("succeeded"), "pause", Verdict("succeeded")),  # the last step came first
        (EXIT_ENDED, None, "", None),  # by SIGTERM: the machine wants it, nobody else
        (EXIT_ENDED, None, "pause", Verdict("paused")),
        (EXIT_ENDED, None, "cancel", Verdict("cancelled")),
        (DISK_FULL.code, None, "", Verdict("failed", DISK_FULL.sentence, "system")),  # no room for last words
        (OUT_OF_MEMORY.code, None, "", Verdict("failed", OUT_OF_MEMORY.sentence, "system")),
        (DISK_FULL.code, None, "cancel", Verdict("cancelled")),
    ],
)
def test_judge(code, event, wish, expected):
    assert judge(code, event, wish=wish) == expected


@pytest.mark.parametrize(
    ("code", "culprit"), [(1, "system"), (2, "author"), (4, "grader"), (0, "system"), (77, "system")]
)
def test_an_end_without_last_words(code, culprit):
    found = judge(code, None, last_line="ImportError: no torch")
    assert (found.status, found.culprit) == ("failed", culprit)
    assert "ImportError: no torch" in found.error


def test_gave_up_names_memory_for_a_kill_and_the_signal_for_a_crash():
    assert "memory" in gave_up(-9, 4).error
    assert "SIGSEGV" in gave_up(-11, 4).error
    assert "memory" not in gave_up(EXIT_UNKNOWN, 4).error


def test_last_event_is_the_last_line_and_no_other(tmp_path):
    log = tmp_path / "events.jsonl"
    assert last_event(tmp_path) is None
    log.write_text('{"seq":1,"type":"finished","data":{}}\n{"seq":2,"type":"metrics","data":{}}\n')
    assert last_event(tmp_path) is None
    log.write_text('{"seq":1,"type":"message","message":"\\"finished\\""}\n')
    assert last_event(tmp_path) is None
    log.write_text('{"seq":1,"type":"metrics"}\n{"seq":2,"type":"finished","data":{"status":"failed"}}\n')
    assert last_event(tmp_path)["seq"] == 2


def test_what_ended_it_before_it_was_resumed_is_over(tmp_path):
    log = tmp_path / "events.jsonl"
    log.write_text('{"seq":1,"type":"metrics"}\n{"seq":2,"type":"paused","data":{"step":3}}\n')
    size = log.stat().st_size
    assert last_event(tmp_path)["type"] == "paused"
    assert last_event(tmp_path, after=size) is None
    with log.open("a") as file:
        file.write('{"seq":3,"type":"paused","data":{"step":4}}\n')
    assert last_event(tmp_path, after=size)["seq"] == 3


def test_last_log_line_skips_empty_ones(tmp_path):
    assert last_log_line(tmp_path) == ""
    (tmp_path / "log.txt").write_text("first\nlast words\n\n  \n")
    assert last_log_line(tmp_path) == "last words"
