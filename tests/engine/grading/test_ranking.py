import pytest

from rftstudio.engine.errors import SpecError
from rftstudio.engine.grading import parse_spec
from rftstudio.engine.grading.answer_list import parse_list
from tests.engine.grading.marking import mark

GENES = ["FBN1", "TGFBR2", "COL3A1", "SMAD3", "ACTA2", "MYH11"]


def ranking(**extra):
    return {"type": "ranking", **extra}


@pytest.mark.parametrize(
    ("text", "entries"),
    [
        ('["A", "B"]', ["A", "B"]),
        ('Here they are: ["A", "B"].', ["A", "B"]),
        ('```json\n["A", "B"]\n```', ["A", "B"]),
        ('{"genes": ["A", "B"], "sure": false}', ["A", "B"]),
        ('[{"gene": "A", "p": 0.9}, {"gene": "B"}]', ["A", "B"]),
        ("['A', 'B']", ["'A'", "'B'"]),
        ("1. A\n2. B", ["A", "B"]),
        ("Sure:\n\n1) A\n2) B\n\nHope this helps!", ["A", "B"]),
        ("**1.** A\n**2.** B", ["A", "B"]),
        ("1 - A\n2 - B", ["A", "B"]),
        ("1. A 2. B 3. C", ["A", "B", "C"]),
        ("1. A\n   - a note\n2. B", ["A", "B"]),
        ("- A\n- B", ["A", "B"]),
        ("• A\n• B", ["A", "B"]),
        ("The list:\nA\nB", ["A", "B"]),
        ("Some thoughts, at length.\nFinal answer: A, B", ["A", "B"]),
        ("A, B, C", ["A", "B", "C"]),
        ("A, B and C", ["A", "B", "C"]),
        ("A, B, and C", ["A", "B", "C"]),
        ("A; B, or so; C", ["A", "B, or so", "C"]),
        ("A > B > C", ["A", "B", "C"]),
        ("Answer: A, B", ["A", "B"]),
        ("OMIM: 154700", ["OMIM: 154700"]),
        ("see [1]", ["see [1]"]),
        ("A", ["A"]),
        ("", []),
        (" \n ", []),
        ("[]", []),
    ],
)
def test_finds_the_list(text, entries):
    assert parse_list(text) == entries


@pytest.mark.parametrize("place", range(1, 7))
def test_reciprocal_credit(place):
    answer = [gene for gene in GENES if gene != "FBN1"]
    answer.insert(place - 1, "FBN1")
    assert mark(ranking(), ", ".join(answer), ["FBN1"]).score == pytest.approx(1 / place)


@pytest.mark.parametrize(("place", "score"), [(1, 1), (2, 0.75), (4, 0.25), (5, 0)])
def test_linear_credit(place, score):
    spec = ranking(credit="linear", top_k=4)
    assert mark(spec, "\n".join(GENES), GENES[place - 1]).score == pytest.approx(score)


@pytest.mark.parametrize(("place", "score"), [(1, 1), (2, 0.6), (3, 0.1), (4, 0)])
def test_ladder_credit(place, score):
    spec = ranking(credit="ladder", ladder=[1, 0.6, 0.1])
    assert mark(spec, "\n".join(GENES), GENES[place - 1]).score == score


def test_cut_takes_the_credit_but_not_the_metrics():
    grade = mark(ranking(top_k=2), ", ".join(GENES), "SMAD3")
    assert grade.score == 0
    assert grade.metrics == {"top@1": 0, "top@5": 1, "top@max": 1}


@pytest.mark.parametrize(
    ("reference", "metrics"),
    [
        ("FBN1", {"top@1": 1, "top@5": 1, "top@max": 1}),
        ("ACTA2", {"top@1": 0, "top@5": 1, "top@max": 1}),
        ("MYH11", {"top@1": 0, "top@5": 0, "top@max": 1}),
        ("LOX", {"top@1": 0, "top@5": 0, "top@max": 0}),
    ],
)
def test_metrics(reference, metrics):
    assert mark(ranking(), ", ".join(GENES), reference).metrics == metrics


def test_best_placed_right_answer_counts_whatever_the_references_order():
    assert mark(ranking(), ", ".join(GENES), ["MYH11", "TGFBR2"]).score == 0.5
    assert mark(ranking(), ", ".join(GENES), ["TGFBR2", "MYH11"]).score == 0.5


def test_repetition_keeps_the_first_place_and_gains_nothing():
    assert mark(ranking(), "TGFBR2, TGFBR2, tgfbr2, FBN1", "FBN1").score == 0.5
    assert mark(ranking(), "FBN1, FBN1", "FBN1").score == 1


def test_entries_may_carry_comments_and_markdown():
    text = "Ranking:\n1. **TGFBR2** (Loeys-Dietz)\n2. **FBN1**: typical for Marfan syndrome\n3. COL3A1 - vascular"
    assert mark(ranking(), text, "FBN1").score == 0.5
    assert mark(ranking(), text, "COL3A1").score == pytest.approx(1 / 3)


def test_synonyms_typed_and_from_a_column():
    spec = ranking(synonyms={"FBN1": ["fibrillin 1", "MFS1"]})
    assert mark(spec, "SKI, fibrillin-1", "FBN1").score == 0.5
    assert mark(spec, "MFS1", "fibrillin 1").score == 1
    spec = ranking(synonyms_from="{{ item.aliases }}")
    assert mark(spec, "SKI, MFS1", "FBN1", aliases="MFS1, SGS").score == 0.5
    assert mark(spec, "SKI, MFS1", ["LOX", "FBN1"], aliases={"FBN1": ["MFS1"]}).score == 0.5
    unclear = mark(spec, "SKI, MFS1", ["LOX", "FBN1"], aliases="MFS1")
    assert unclear.score is None
    assert "several right answers" in unclear.error.message


def test_nothing_right_and_nothing_listed():
    assert mark(ranking(), "", "FBN1").score == 0
    assert mark(ranking(), "[]", "FBN1").reason == "“FBN1” is not in the answer, which holds no list."
    assert mark(ranking(), "I do not know.", "FBN1").score == 0


def test_empty_reference_gives_no_score():
    assert mark(ranking(), "FBN1", []).error.flag == "other_error"


@pytest.mark.parametrize(
    ("extra", "path"),
    [
        ({"credit": "ladder"}, "ladder"),
        ({"credit": "ladder", "ladder": [1, 2]}, "ladder[1]"),
        ({"credit": "linear"}, "top_k"),
        ({"top_k": 0}, "top_k"),
        ({"credit": "logarithmic"}, "credit"),
        ({"synonyms": {"A": [""]}}, "synonyms.A"),
    ],
)
def test_author_mistakes(extra, path):
    with pytest.raises(SpecError) as caught:
        parse_spec(ranking(**extra))
    assert caught.value.path == path
