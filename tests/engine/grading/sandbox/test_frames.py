"""What a worker may say: one small JSON value, and nothing that could hurt whoever reads it."""

import json
import os

import pytest

from rftstudio.engine.grading.sandbox import frames
from rftstudio.engine.grading.sandbox.slot import Outcome, _body, _outcomes, _WorkerFailed

NONCE = "5f"


def reply(results, **changes) -> bytes:
    return json.dumps({"nonce": NONCE, "results": results, **changes}).encode()


def test_a_reply_is_read():
    found = _outcomes(reply([[0.5, 0.1], [None, 0.0, "exception", "ValueError", "no", 3]]), NONCE, 2)
    assert found[0] == Outcome(0.5, None, 0.1)
    assert (found[1].score, found[1].failure.kind, found[1].failure.line) == (None, "exception", 3)


@pytest.mark.parametrize(
    "body",
    [
        reply([[0.5, 0.1]], nonce="6f"),
        reply([[0.5, 0.1]], nonce=None),
        reply([[0.5, 0.1]], extra=1),
        reply([]),
        reply([[0.5, 0.1], [0.5, 0.1]]),
        reply([[0.5]]),
        reply([[0.5, 0.1, 0.1]]),
        reply([["0.5", 0.1]]),
        reply([[True, 0.1]]),
        reply([[1, 0.1]]),
        reply([[0.5, -1.0]]),
        reply([[None, 0.1]]),
        reply([[None, 0.1, "bribe", "", "", 0]]),
        reply([[None, 0.1, "crash", "", "", 0]]),  # only the parent can say that
        reply([[None, 0.1, "exception", "E", ["text"], 0]]),
        reply({"0": [0.5, 0.1]}),
        reply([{"score": 0.5}]),
        b'{"nonce": "5f", "results": [[NaN, 0.1]]}',
        b'{"nonce": "5f", "results": [[Infinity, 0.1]]}',
        b'{"nonce": "5f", "results": [[-Infinity, 0.1]]}',
        b'{"nonce": "5f", "results": [[1e999, 0.1]]}',
        b'{"nonce": "5f", "results": [[0.5, 0.1]]} ' + b"{}",
        b"[" * 100_000,
        b"[" * 500_000 + b"]" * 500_000,
        b'{"a":' * 100_000,
        b"1" * 1_000_000,
        b'"' + b"\\" * 99_999,
        b"\xff\xfe",
        b"\xef\xbb\xbf{}",
        b"",
        b"null",
        b"[]",
    ],
)
def test_anything_else_is_refused(body):
    with pytest.raises(_WorkerFailed) as failed:
        _outcomes(body, NONCE, 1)
    assert failed.value.failure.kind == "bad_result"


def test_brackets_inside_texts_do_not_count():
    body = reply([[None, 0.1, "exception", "E", '[[[[[{{{{{"\\' * 20, 0]])
    assert _outcomes(body, NONCE, 1)[0].failure.message.startswith("[[[[[")


def test_depth_is_told_before_anything_is_parsed(monkeypatch):
    monkeypatch.setattr(frames.json, "loads", lambda *a, **k: pytest.fail("parsed"))
    with pytest.raises(frames.BadFrame, match="deep"):
        frames.decode(b"[" * 501)


@pytest.mark.parametrize(
    ("received", "body"),
    [
        (b"", None),
        (b"\0\0", None),
        (b"\0\0\0\2", None),
        (b"\0\0\0\2{", None),
        (b"\0\0\0\2{}", b"{}"),
        (b"\0\0\0\0", b""),
    ],
)
def test_a_frame_is_whole_or_waited_for(received, body):
    assert _body(bytearray(received)) == body


@pytest.mark.parametrize("received", [b"\0\0\0\2{}x", b"\0\x10\0\1", b"\xff\xff\xff\xff", b"\0\0\0\0x"])
def test_a_frame_that_is_too_large_or_goes_on_is_refused(received):
    with pytest.raises(_WorkerFailed):
        _body(bytearray(received))


def test_frames_go_through_a_pipe():
    read, write = os.pipe()
    frames.write_all(write, frames.encode({"a": ["é", None]}) + frames.encode(1))
    os.close(write)
    assert frames.read_frame(read) == {"a": ["é", None]}
    assert frames.read_frame(read) == 1
    assert frames.read_frame(read) is None
    os.close(read)
