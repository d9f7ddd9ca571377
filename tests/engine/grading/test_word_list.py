"""Word lists of the workspace, and columns of the task set, as other names in the four kinds that know any."""

from time import perf_counter

import pytest

from rftstudio.engine.grading import check_variables, parse_spec
from rftstudio.engine.grading.tools import Tools, using
from rftstudio.engine.grading.vocabulary import Vocabulary
from tests.engine.grading.marking import mark

LISTS = {
    "genes": {"CFTR": ("ABCC7", "MRP7"), "FBN1": ("FBN", "MASS"), "TGFBR2": ("MFS2", "twice"), "ACTA2": ("twice",)},
    "genes@2": {"CFTR": ("newest name",)},
}
KINDS = {
    "exact_choice": {"type": "exact_choice"},
    "ranking": {"type": "ranking"},
    "set_match": {"type": "set_match"},
    "keywords": {"type": "keywords", "required_from": "{{ item.reference_answer }}"},
}


@pytest.fixture(autouse=True)
def lists():
    with using(Tools(lists=LISTS)) as given:
        yield given


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("reference", "answer", "score"),
    [
        ("CFTR", "ABCC7", 1),
        ("CFTR", "mrp7", 1),
        ("ABCC7", "CFTR", 1),
        ("ABCC7", "MRP7", 1),
        ("CFTR", "FBN", 0),
        ("a new gene", "A new gene", 1),
        ("TGFBR2", "twice", 0),
        ("ACTA2", "twice", 0),
    ],
)
def test_other_names_come_from_a_list(kind, reference, answer, score):
    spec = {**KINDS[kind], "synonyms_list": "genes"}
    assert mark(spec, answer, reference).score == score
    assert mark(KINDS[kind], answer, reference).score == (reference.casefold() == answer.casefold())


@pytest.mark.parametrize("kind", KINDS)
def test_a_pinned_version_is_another_list(kind):
    spec = {**KINDS[kind], "synonyms_list": "genes@2"}
    assert mark(spec, "newest name", "CFTR").score == 1
    assert mark(spec, "ABCC7", "CFTR").score == 0


@pytest.mark.parametrize("kind", KINDS)
def test_a_list_that_is_not_there_gives_no_score_and_is_named(kind):
    grade = mark({**KINDS[kind], "synonyms_list": "diseases"}, "x", "x")
    assert (grade.score, grade.error.flag) == (None, "other_error")
    assert "“diseases”" in grade.reason
    assert "“genes”" in grade.reason
    with using(Tools()):
        assert "No list is at hand" in mark({**KINDS[kind], "synonyms_list": "genes"}, "x", "x").reason


@pytest.mark.parametrize("kind", KINDS)
def test_other_names_come_from_a_column(kind):
    spec = {**KINDS[kind], "synonyms_from": "{{ item.names }}"}
    for names in (["ABCC7", "MRP7"], "ABCC7; MRP7", '["ABCC7", "MRP7"]', {"CFTR": ["ABCC7"]}, {"CFTR": "ABCC7, x"}):
        assert mark(spec, "ABCC7", "CFTR", names=names).score == 1, names
    assert mark(spec, "ABCC7", "CFTR", names=None).score == 0
    assert mark(spec, "ABCC7", "CFTR").error.flag == "invalid_variable_error"
    assert [error.path for error in check_variables(parse_spec(spec), ["reference_answer"])] == ["synonyms_from"]


@pytest.mark.parametrize("kind", KINDS)
def test_what_a_grader_or_an_item_says_counts_more_than_the_list(kind):
    own = {**KINDS[kind], "synonyms_list": "genes", "synonyms": {"NEW1": ["ABCC7"]}}
    assert mark(own, "ABCC7", "NEW1").score == 1
    assert mark(own, "ABCC7", "CFTR").score == 0
    assert mark(own, "MRP7", "CFTR").score == 1
    column = {**KINDS[kind], "synonyms_list": "genes", "synonyms_from": "{{ item.names }}"}
    assert mark(column, "ABCC7", "NEW1", names=["ABCC7"]).score == 1
    assert mark(column, "MRP7", "CFTR", names=[]).score == 1


def test_choices_that_a_list_takes_for_the_same_give_no_score():
    spec = {"type": "exact_choice", "choices": ["CFTR", "ABCC7"], "synonyms_list": "genes"}
    grade = mark(spec, "CFTR", "CFTR")
    assert (grade.score, grade.error.flag) == (None, "other_error")
    assert "for the same" in grade.reason


def test_choices_keep_their_own_spelling():
    spec = {"type": "exact_choice", "choices": ["ABCC7", "FBN1"], "synonyms_list": "genes", "partial": 0.2}
    assert mark(spec, "CFTR", "ABCC7").reason == "The answer is “ABCC7”, as expected."
    # Only the choices count as other labels, not everything that the list knows.
    assert mark(spec, "It is MRP7, not ACTA2.", "ABCC7").score == 0.2
    assert mark(spec, "It is MRP7 or MASS.", "ABCC7").score == 0


def test_the_same_grader_follows_a_list_that_changes():
    spec = parse_spec({"type": "exact_choice", "synonyms_list": "genes"})
    for name in ("one", "two"):
        with using(Tools(lists={"genes": {"CFTR": (name,)}})):
            assert mark(spec, name, "CFTR").score == 1
            assert mark(spec, "ABCC7", "CFTR").score == 0


def test_every_name_of_a_label():
    known = Vocabulary.of_list(LISTS["genes"])
    own = Vocabulary(["CFTR"], {"CFTR": ["the big one"], "other": ["MRP7"]}, parent=known)
    assert own.spellings(own.key("CFTR")) == ["cftr", "the big one", "abcc7"]


def test_a_large_list_is_made_once():
    entries = {f"G{n}": (f"alias {n}", f"old {n}") for n in range(30_000)}
    spec = parse_spec({"type": "ranking", "synonyms_list": "big"})
    with using(Tools(lists={"big": entries})):
        assert mark(spec, "old 17", "G17").score == 1
        started = perf_counter()
        for number in range(200):
            mark(spec, f"alias {number}", f"G{number}")
        assert perf_counter() - started < 1
