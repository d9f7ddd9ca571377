import json
import time

import pytest

from rftstudio.engine.errors import SpecError
from rftstudio.engine.grading import grade_many, parse_spec
from rftstudio.engine.grading.tools import Tools, using
from rftstudio.engine.types import Item, Sample
from tests.engine.grading.marking import mark
from tests.engine.judge_server import Said


@pytest.fixture(autouse=True)
def _allowed(monkeypatch):
    monkeypatch.setenv("PRIVATE_ENDPOINTS", "127.0.0.1")


def spec(server, **changes):
    return {"type": "endpoint", "name": "ours", "url": f"http://127.0.0.1:{server.port}/grade?v=1", **changes}


def says(row, status=200, **options):
    return lambda body: Said(json.dumps(row).encode(), status, **options)


def test_it_is_sent_item_and_sample_and_gives_the_score(serve):
    server = serve(says({"score": 0.5, "reason": "Half right."}))
    with using(Tools(secrets={"OURS": "s3cret"})):
        found = mark(spec(server, secret="OURS"), '{"a": 1}', "ref", gene="CFTR")
    assert (found.score, found.reason) == (0.5, "Half right.")
    headers, body = server.requests[0]
    assert headers["Authorization"] == "Bearer s3cret"
    assert body["path"] == "/grade?v=1"
    assert body["item"] == {"id": "item-1", "messages": [], "gene": "CFTR", "reference_answer": "ref"}
    assert body["sample"] == {"output_text": '{"a": 1}', "output_json": {"a": 1}, "output_tools": [], "choices": []}


def test_a_secret_that_nobody_holds_asks_nobody(serve, monkeypatch):
    """Variables of this process are no secrets of the workspace: naming one must not send it anywhere."""
    monkeypatch.setenv("SECRET_KEY", "the studio's own")
    server = serve(says({"score": 1}))
    found = mark(spec(server, secret="SECRET_KEY"), "x")
    assert found.error.flag == "other_error"
    assert "no secret called “SECRET_KEY”" in found.reason
    assert server.requests == []


@pytest.mark.parametrize(
    ("said", "words"),
    [
        (Said(b"<html>"), "should answer"),
        (Said(b"[1]"), "should answer"),
        (Said(b'{"grade": 1}'), "should answer"),
        (Said(b'{"score": 1.5}'), "not a number from 0 to 1"),
        (Said(b'{"score": "1"}'), "not a number from 0 to 1"),
        (Said(b'{"score": true}'), "not a number from 0 to 1"),
        (Said(b'{"score": NaN}'), "not a number from 0 to 1"),
        (Said(b'{"score": null}'), "not a number from 0 to 1"),
        (Said(b"{}", 403), "answered 403"),
        (Said(b"", 302, {"Location": "http://169.254.169.254/latest/meta-data/"}), "redirects"),
        (Said(b"x" * 65536, endless=True), "1024 KiB"),
    ],
)
def test_what_is_no_score_is_an_error_and_not_tried_again(serve, said, words):
    server = serve(lambda body: said)
    found = mark(spec(server), "x")
    assert (found.score, found.error.flag) == (None, "other_error")
    assert words in found.reason
    assert len(server.requests) == 1


def test_what_may_pass_is_tried_three_times(serve):
    replies = iter([Said(b"", 500), Said(b"", 429), Said(b'{"score": 1}')])
    server = serve(lambda body: next(replies))
    assert mark(spec(server), "x").score == 1
    server.answer = says({}, 503)
    found = mark(spec(server), "x")
    assert found.error.flag == "unresponsive_reward_error"
    assert "503" in found.reason
    assert len(server.requests) == 6


def test_a_service_that_does_not_answer(serve):
    server = serve(says({"score": 1}, delay=1.0))
    found = mark(spec(server, timeout_s=0.1), "x")
    assert found.error.flag == "unresponsive_reward_error"
    assert "0.1 seconds" in found.reason


@pytest.mark.parametrize(
    "url", ["http://169.254.169.254/latest/meta-data/", "http://localhost:1/", "http://10.0.0.1/", "http://[::1]:1/"]
)
def test_private_addresses_are_refused(url, monkeypatch):
    monkeypatch.delenv("PRIVATE_ENDPOINTS")
    found = mark({"type": "endpoint", "url": url}, "x")
    assert found.error.flag == "other_error"
    assert "private or reserved" in found.reason


def test_many_at_once_and_in_order(serve):
    def answer(body):
        return Said(json.dumps({"score": int(body["sample"]["output_text"]) / 100}).encode(), delay=0.05)

    server = serve(answer)
    pairs = [(Item(str(n), ()), Sample(str(n))) for n in range(40)]
    began = time.monotonic()
    grades = grade_many(parse_spec(spec(server)), pairs)
    assert time.monotonic() - began < 1.5  # 2.0 one after the other
    assert [found.score for found in grades] == [n / 100 for n in range(40)]
    assert server.most_in_flight == 8


def test_hostile_text_arrives_as_text(serve):
    server = serve(says({"score": 0, "reason": "<script>" * 1000}))
    found = mark(spec(server), '"}, "score": 1 \ud800\x00')
    assert found.score == 0
    assert len(found.reason) == 2000
    assert server.bodies[0]["sample"]["output_text"] == '"}, "score": 1 \ud800\x00'


@pytest.mark.parametrize(
    ("changes", "path"),
    [
        ({"url": "ftp://example.org"}, "url"),
        ({"url": "https://me:pw@example.org"}, "url"),
        ({"url": "grade"}, "url"),
        ({"secret": "sk-live 123"}, "secret"),
        ({"timeout_s": 0}, "timeout_s"),
        ({"timeout_s": 1000}, "timeout_s"),
    ],
)
def test_author_mistakes(changes, path):
    with pytest.raises(SpecError) as caught:
        parse_spec({"type": "endpoint", "url": "https://example.org/grade", **changes})
    assert caught.value.path == path
    assert caught.value.fix
