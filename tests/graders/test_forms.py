"""Spec ⇄ form without loss, for every kind, nested and odd; errors beside their fields."""

import json
from html.parser import HTMLParser

import pytest
from django.http import QueryDict
from django.template.loader import render_to_string

from rftstudio.engine.errors import SpecError
from rftstudio.engine.grading import KINDS, parse_spec, spec_errors
from rftstudio.graders.forms import FORMS
from rftstudio.graders.forms.rubric import RubricForm
from rftstudio.graders.forms.tree import Node, texts_of
from tests.graders.specs import NESTED, ODD, PLAIN

ALL = {**PLAIN, "nested": NESTED, **ODD}


def stored(spec: dict) -> dict:
    return parse_spec(spec).model_dump(mode="json", exclude_none=True)


class Inputs(HTMLParser):
    """What a browser would send of a page's fields."""

    def __init__(self) -> None:
        super().__init__()
        self.sent: dict[str, str] = {}
        self._area = ""
        self._select = ""

    def handle_starttag(self, tag: str, attrs: list) -> None:
        found = dict(attrs)
        if tag == "input" and (found.get("type") not in ("checkbox", "radio", "submit") or "checked" in found):
            self.sent[found["name"]] = found.get("value") or ("on" if "checked" in found else "")
        elif tag == "textarea":
            self._area = found["name"]
            self.sent[self._area] = ""
        elif tag == "select":
            self._select = found["name"]
        elif tag == "option" and self._select and ("selected" in found or self._select not in self.sent):
            self.sent[self._select] = found.get("value") or ""

    def handle_data(self, data: str) -> None:
        if self._area:
            self.sent[self._area] += data

    def handle_endtag(self, tag: str) -> None:
        if tag == "textarea":
            # A browser drops the first line end and sends the others as CRLF.
            text = self.sent[self._area].removeprefix("\n").replace("\n", "\r\n")
            self.sent[self._area] = text
            self._area = ""
        elif tag == "select":
            self._select = ""


def through_a_browser(spec: dict) -> dict:
    html = render_to_string("graders/node.html", {"node": Node(texts_of(spec)), "may_edit": True})
    page = Inputs()
    page.feed(html)
    query = QueryDict(mutable=True)
    query.update(page.sent)
    return Node(query.dict()).spec


def test_every_kind_has_a_form() -> None:
    assert set(FORMS) == set(KINDS) == set(PLAIN)


@pytest.mark.parametrize("name", ALL)
def test_a_spec_comes_back_from_its_texts(name: str) -> None:
    spec = stored(ALL[name])
    node = Node(texts_of(spec))
    assert not node.wrong, [form.errors for form in node.forms()]
    assert stored(node.spec) == spec
    assert list(_orders(stored(node.spec))) == list(_orders(spec))


@pytest.mark.parametrize("name", ALL)
def test_a_spec_comes_back_from_its_page(name: str) -> None:
    spec = stored(ALL[name])
    assert stored(through_a_browser(spec)) == spec


@pytest.mark.parametrize("kind", PLAIN)
def test_every_value_of_a_spec_is_on_the_page_or_kept(kind: str) -> None:
    """Each field of the engine's model is a field of the form, so that a new one cannot be forgotten."""
    missing = {
        name
        for name in KINDS[kind].model_fields
        if name not in ("type", "pass_threshold")
        and name not in FORMS[kind].base_fields
        and name != FORMS[kind].rows_key
    }
    assert not missing


def _orders(spec: object):
    """Names in the order they stand: of graders in a formula, of criteria."""
    if isinstance(spec, dict):
        yield from spec.get("graders", {})
        for value in spec.values():
            yield from _orders(value)
    elif isinstance(spec, list):
        for value in spec:
            yield from _orders(value)


WRONG = [
    ({"g-tolerance": "about 1"}, "number", "tolerance", "not a number"),
    ({"g-tolerance": "-1"}, "number", "tolerance", "too small. Use a number of at least 0"),
    ({"g-input": "{{ item.x"}, "number", "input", "never closed"),
    ({"g-input": "  "}, "number", "input", "empty"),
    ({"g-top_k": "2.5"}, "ranking", "top_k", "whole number"),
    ({"g-credit": "linear", "g-top_k": ""}, "ranking", "top_k", "top_k"),
    ({"g-ladder": "1, 2"}, "ranking", "ladder", "between 0 and 1"),
    ({"g-synonyms": "emergency urgent"}, "exact_choice", "synonyms", "Line 1"),
    ({"g-synonyms": "fire = smoke"}, "exact_choice", "synonyms", "not one of the choices"),
    ({"g-choices": '["", "b"]', "g-synonyms": ""}, "exact_choice", "choices", "empty"),
    ({"g-json_schema": '{"type": '}, "json_fields", "json_schema", "line 1"),
    ({"g-pattern": "(a"}, "regex", "pattern", "missing )"),
    ({"g-group": "2"}, "regex", "group", "no group"),
    ({"g-required": "fever\nFever."}, "keywords", "required", "twice"),
    ({"g-penalty": "2"}, "keywords", "penalty", "too large. Use a number of at most 1"),
    ({"g-forbidden_from": "{{ item"}, "keywords", "forbidden_from", "never closed"),
    ({"g-max_words": "4"}, "format", "max_words", "less than"),
    ({"g-max_words": "many"}, "format", "max_words", "not a number"),
    ({"g-unit": "tablets"}, "number", "unit", "no unit known"),
    ({"g-unit_required": "on"}, "number", "unit", "none is named"),
    ({"g-evaluation_metric": "magic"}, "text_similarity", "evaluation_metric", "magic"),
    ({"g-calculate_output": "right * length"}, "multi", "calculate_output", "length"),
    ({"g-calculate_output": ""}, "multi", "calculate_output", "empty"),
    ({"g-r0-weight": "-2"}, "rubric", "g-r0-weight", "too small. Use a number of at least 0"),
    ({"g-r0-weight": "0", "g-r1-weight": "0"}, "rubric", None, "Every weight is 0"),
    ({"g-r1-applies_value": ""}, "rubric", "g-r1-applies_value", "which column"),
    ({"g-r1-name": "drug"}, "rubric", "g-r1-name", "Two criteria"),
    ({"g-r0-g-input": "{{ item }}"}, "rubric", "g-r0-g-input", "does not name a field"),
    ({"g-r1-key": "right"}, "multi", "g-r1-key", "Two graders are called"),
    ({"g-r1-key": ""}, "multi", "g-r1-key", "empty"),
    ({"g-r1-key": "max"}, "multi", "g-r1-key", "cannot be used in a formula"),
    ({"g-r1-key": "right desk"}, "multi", "g-r1-key", "cannot be used in a formula"),
    ({"g-r0-path": "code["}, "json_fields", "g-r0-path", "not a path"),
    ({"g-r1-path": "code"}, "json_fields", "g-r1-path", "there twice"),
    ({"g-model": ""}, "judge", "model", "This is empty"),
    ({"g-instruction": ""}, "judge", "instruction", "asked nothing"),
    ({"g-choices": "yes"}, "judge", "choices", "too few"),
    ({"g-input": "Grade it."}, "score_model", "input", "not shown the answer"),
    ({"g-input": "{{ sample.output_text }}\nuser:\nx"}, "score_model", "input", "before the first role"),
    ({"g-input": "[{"}, "score_model", "input", "line 1"),
    ({"g-range": "1 0"}, "score_model", "range", "no range"),
    ({"g-sampling_params": '{"heat": 1}'}, "score_model", "sampling_params", "Unknown field"),
    ({"g-passing_labels": "nice"}, "label_model", "passing_labels", "not one of the labels"),
    ({"g-url": "ftp://x"}, "endpoint", "url", "not called"),
    ({"g-timeout_s": "soon"}, "endpoint", "timeout_s", "not a number"),
    ({"g-r1-g-tolerance": "x"}, "json_fields", "g-r1-g-tolerance", "not a number"),
]


@pytest.mark.parametrize(("typed", "kind", "place", "words"), WRONG)
def test_an_error_stands_at_its_field(typed: dict, kind: str, place: str | None, words: str) -> None:
    node = Node({**texts_of(stored(PLAIN[kind])), **typed})
    node.place(spec_errors(node.spec))
    found = {
        form.add_prefix(name) if name != "__all__" else None: " ".join(errors)
        for form in node.forms()
        for name, errors in form.errors.items()
    }
    expected = place if place is None or place.startswith("g-") else f"g-{place}"
    assert words in found[expected]
    assert set(found) == {expected}


def test_an_error_without_a_field_stands_above_its_grader() -> None:
    node = Node(texts_of(stored(NESTED)))
    node.place([SpecError("Odd.", path="criteria[0].check.graders"), SpecError("Whole.", path="nowhere.at.all")])
    assert node.form.non_field_errors() == ["Whole."]
    assert node.rows[0].node.form.non_field_errors() == ["Odd."]


def test_a_duplicate_name_loses_neither_grader() -> None:
    texts = texts_of(stored(PLAIN["multi"])) | {"g-r1-key": "right"}
    assert len(Node(texts).spec["graders"]) == 2


def test_a_criterion_without_a_name_is_called_by_its_first_words() -> None:
    texts = texts_of(stored(PLAIN["rubric"])) | {"g-r0-name": "", "g-r1-name": " "}
    names = [criterion["name"] for criterion in Node(texts).spec["criteria"]]
    assert names == ["names the drug", "blames the patient"]


def test_shares_of_weights_sum_to_the_whole() -> None:
    texts = texts_of(stored(NESTED)) | {"g-r0-weight": "1", "g-r1-weight": "3", "g-r2-weight": "oops"}
    assert [row.share for row in Node(texts).rows] == ["25\xa0%", "75\xa0%", "0\xa0%"]


def test_what_is_typed_stays_where_it_cannot_be_read() -> None:
    node = Node(texts_of(stored(PLAIN["number"])) | {"g-tolerance": "ca. 3"})
    assert node.spec["tolerance"] == "ca. 3"
    assert 'value="ca. 3"' in str(node.form["tolerance"])


def test_a_page_with_nothing_on_it_is_an_error_and_no_crash() -> None:
    node = Node({})
    assert node.wrong
    assert spec_errors(node.spec)


def test_a_grader_without_a_form_is_shown_as_json() -> None:
    texts = texts_of({"type": "future_kind", "name": "x", "dial": 3})
    node = Node(texts)
    assert json.loads(texts["g-json"])["dial"] == 3
    node.place(spec_errors(node.spec))
    assert "future_kind" in node.form.errors["json"][0]


def test_messages_to_a_judge_are_shown_as_text_with_a_line_for_each_role() -> None:
    texts = texts_of(stored(PLAIN["score_model"]))
    assert texts["g-input"].startswith("developer:\nBe strict.\n\nBe brief.\nuser:\nsystem: is no role here\n")
    assert texts_of(stored(PLAIN["label_model"]))["g-input"] == "Sort {{ sample.output_text }}"


def test_languages_stand_in_the_order_of_their_names():
    names = [str(label) for _, label in FORMS["format"].base_fields["language"].choices]
    assert names[0] == "any"
    assert names[1:] == sorted(names[1:])


@pytest.mark.parametrize(
    ("sentence", "name"),
    [
        ("Does not frighten the patient", "does not frighten"),
        ("Names the drug and its dose.", "names the drug"),
        ("Polite.", "polite"),
        ("The", "the"),
    ],
)
def test_first_words_do_not_end_in_the_middle(sentence, name):
    assert RubricForm.join(None, [({"name": "", "sentence": sentence}, {})])[0]["name"] == name
