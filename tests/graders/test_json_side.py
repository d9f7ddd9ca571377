"""Form and JSON in step: each follows the other as one types, errors stand at their lines, nothing typed is lost."""

import json
import re

import pytest
from django.urls import reverse

from rftstudio.graders.forms.tree import texts_of
from rftstudio.graders.json_place import named_place, place_of
from rftstudio.graders.json_side import fingerprint
from rftstudio.graders.workbench import Workbench
from tests.factories import DESKS, make_grader, make_taskset

HTMX = {"HTTP_HX_REQUEST": "true"}
TEXT = """{
  "type": "rubric",
  "criteria": [
    {"name": "a", "weight": 1},
    {
      "name": "b", "odd key": [1, {"deep": "x"}],
      "check": {"type": "number", "tolerance": -1}
    }
  ]
}"""


@pytest.mark.parametrize(
    ("path", "place"),
    [
        ("", (1, 1)),
        ("type", (2, 3)),
        ("criteria[0].weight", (4, 19)),
        ("criteria[1]", (5, 5)),
        ("criteria[1].odd key[1].deep", (6, 36)),
        ("criteria[1].check.tolerance", (7, 35)),
        ("criteria[1].check.missing", (7, 7)),
        ("criteria[7].check", (3, 3)),
        ("nowhere.at.all", (1, 1)),
    ],
)
def test_a_value_is_found_in_the_text(path, place):
    line, column = place_of(TEXT, path)
    assert (line, column) == place


@pytest.mark.parametrize("text", ["", "{", '{"a": ', "[1, 2", '{"a" 1}', "nonsense", '{"a": "\\u12"}', "[" * 5000])
def test_what_is_no_json_has_a_first_line(text):
    assert place_of(text, "a.b") in ((1, 1), (1, 2))


def test_a_place_named_in_words_is_read():
    assert named_place("At line 12, column 7: a comma.") == (12, 7)
    assert named_place("grader.py, line 3: indent") == (3, 1)
    assert named_place("The line is long.") is None


@pytest.fixture
def grader(workspace, bob):
    taskset = make_taskset(workspace=workspace, by=bob)
    return make_grader(taskset=taskset, by=bob, spec={"type": "exact_choice", "name": "desk", "choices": list(DESKS)})


def typed(grader, text: str, **sent: str) -> dict[str, str]:
    """The page of a grader in whose JSON something was typed."""
    shown = Workbench.stored(grader, {})
    return {**texts_of(grader.spec), "json": text, "json_was": shown.json_was, "edited": "json", **sent}


def live(client, grader, sent):
    return client.post(reverse("graders:live", args=[grader.pk]), sent, **HTMX)


def state(response) -> dict:
    found = re.search(
        r'<script id="live-state" type="application/json">(.*?)</script>', response.content.decode(), re.S
    )
    return json.loads(found[1])


def test_the_form_follows_what_is_typed_as_json(grader, as_bob):
    text = '{"type": "number",\n "tolerance": 2}'
    response = live(as_bob, grader, typed(grader, text, **{"g-partial": "0.4"}))
    page = response.content.decode()
    assert '<div id="marking" class="marking" hx-swap-oob="outerHTML">' in page
    assert 'name="g-tolerance" value="2"' in page
    found = state(response)
    assert found["json_error"] == ""
    assert found["json_taken"] == fingerprint(text)
    grader.refresh_from_db()
    assert grader.spec["type"] == "exact_choice"


def test_the_json_follows_what_is_typed_in_the_form(grader, as_bob):
    shown = Workbench.stored(grader, {})
    sent = {**texts_of(grader.spec), "json": shown.spec_json, "json_was": shown.json_was, "edited": "form"}
    response = live(as_bob, grader, {**sent, "g-partial": "0.4"})
    assert 'id="marking"' not in response.content.decode()
    assert json.loads(state(response)["json"])["partial"] == 0.4


@pytest.mark.parametrize(
    ("text", "marks", "words"),
    [
        ('{"type": "number",\n "tolerance": }', [[2, 15]], "line 2, column 15"),
        ('{"type": "number",\n "tolerance": "x",\n "band": -1}', [[2, 2], [3, 2]], "And 1 more"),
        ('{"type": "nomber"}', [[1, 2]], "Did you mean number"),
        ('{"type": "number", "tolerance": 1, "tolerance": 2}', [[1, 1]], "stands twice"),
    ],
)
def test_errors_stand_at_their_lines_and_the_form_stays(grader, as_bob, text, marks, words):
    found = state(live(as_bob, grader, typed(grader, text, **{"g-partial": "0.4"})))
    assert [mark[:2] for mark in found["json_marks_sent"]] == marks
    assert words in found["json_error"]
    assert json.loads(found["json"])["partial"] == 0.4


def test_an_error_that_the_form_shows_stands_at_its_line_of_the_json_too(grader, as_bob):
    text = '{"type": "string_check",\n "input": "{{ item.colour }}",\n "reference": "a", "operation": "eq"}'
    found = state(live(as_bob, grader, typed(grader, text)))
    assert [mark[:2] for mark in found["json_marks_sent"]] == [[2, 2]]
    assert "colour" in found["errors"]["id_g-input"]


def test_saving_takes_what_was_just_typed_as_json(grader, as_bob):
    sent = typed(grader, '{"type": "number", "tolerance": 3}', op="save")
    assert as_bob.post(reverse("graders:builder", args=[grader.pk]), sent).status_code == 302
    grader.refresh_from_db()
    assert grader.spec["tolerance"] == 3


def test_json_that_cannot_be_read_is_neither_saved_over_nor_lost(grader, as_bob):
    address = reverse("graders:builder", args=[grader.pk])
    sent = typed(grader, '{"type": ', **{"g-partial": "0.4"}, edited="form")
    page = as_bob.post(address, {**sent, "op": "save"}).content.decode()
    assert "{&quot;type&quot;: " in page
    assert "not in the form yet" in page
    grader.refresh_from_db()
    assert grader.spec["partial"] == 0
    bench = as_bob.post(address, {**sent, "op": "drop_json"}).context["bench"]
    assert (bench.json.text, bench.json.error) == (None, "")
    assert bench.node.spec["partial"] == 0.4


def test_a_field_error_carries_its_place(grader, as_bob):
    spec = {"type": "json_fields", "json_schema": {"type": "object"}}
    other = make_grader(taskset=grader.taskset, spec=spec)
    sent = {**texts_of(other.spec), "g-json_schema": '{"type":\n }', "op": "save"}
    page = as_bob.post(reverse("graders:builder", args=[other.pk]), sent).content.decode()
    assert 'id="id_g-json_schema-error" data-line="2" data-column="2"' in page
