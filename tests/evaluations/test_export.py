"""The answers as files."""

import csv
import io
import json

import pytest
from django.urls import reverse

from rftstudio.evaluations.actions import create_comparison
from tests.evaluations.build import LABELS, make_comparison, make_tuned_run


@pytest.fixture
def comparison(workspace, alice):
    run = make_tuned_run(workspace=workspace, by=alice)
    base = ['=HYPERLINK("x")', 'say "b", c\nd', *["é"] * 6]
    return make_comparison(run=run, base=base, tuned=LABELS * 2, unscored=[("base", 7)])


def at(comparison, form):
    return reverse("evaluations:answers", args=[comparison.pk, form])


def read(response):
    return b"".join(response.streaming_content).decode()


def test_csv(as_vera, comparison):
    response = as_vera.get(at(comparison, "csv"))
    text = read(response)
    assert response["Content-Type"].startswith("text/csv")
    assert "attachment" in response["Content-Disposition"]
    assert text.startswith("\ufeff")
    rows = list(csv.DictReader(io.StringIO(text.removeprefix("\ufeff"))))
    assert len(rows) == 8
    assert rows[0]["Message"] == "Message test 0 about emergency."
    assert rows[0]["base_answer"] == '\'=HYPERLINK("x")'
    assert rows[1]["base_answer"] == 'say "b", c\nd'
    assert (rows[2]["tuned_answer"], rows[2]["tuned_score"], rows[2]["difference"]) == ("billing", "1.0", "1.0")
    assert (rows[7]["base_score"], rows[7]["difference"], rows[7]["outcome"]) == ("", "", "no_score")
    assert rows[7]["base_reason"] == "The judge did not answer."


def test_jsonl(as_vera, comparison):
    rows = [json.loads(line) for line in read(as_vera.get(at(comparison, "jsonl"))).splitlines()]
    assert [row["id"] for row in rows] == [f"test-{number}" for number in range(8)]
    assert rows[0]["base"][0]["text"] == '=HYPERLINK("x")'
    assert rows[0]["tuned"][0]["grade"]["type"] == "exact_choice"
    assert rows[7]["base"][0]["score"] is None


def test_a_stranger_finds_nothing(as_charlie, comparison):
    assert as_charlie.get(at(comparison, "csv")).status_code == 404


def test_one_without_answers(as_alice, comparison):
    assert as_alice.get(at(create_comparison(run=comparison.run), "csv")).status_code == 404


def test_a_bad_id_and_a_wrong_method(as_alice, comparison):
    assert as_alice.get(reverse("evaluations:answers", args=[987654, "csv"])).status_code == 404
    assert as_alice.post(at(comparison, "csv")).status_code == 405
