import pytest

from rftstudio.engine.errors import SpecError
from rftstudio.engine.grading import grade, parse_spec, recompute
from rftstudio.engine.grading.language import language_of
from rftstudio.engine.grading.manners import markdown_in, preamble_of, unfinished
from rftstudio.engine.grading.text_units import count_sentences, count_words
from rftstudio.engine.types import Item, Sample
from tests.engine.grading.marking import mark


def form(**checks):
    return {"type": "format", **checks}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", 0),
        ("one", 1),
        ("state-of-the-art care", 2),
        ("a - b – c", 3),
        ("12.5 mg, twice", 3),
        ("don't\nstop", 2),
        ("*** ___ ---", 0),
        ("患者发烧", 4),
        ("患者 has 热", 4),
        ("Fièvre élevée", 2),
        ("–" * 9, 0),
    ],
)
def test_words(text, words):
    assert count_words(text) == words


@pytest.mark.parametrize(
    ("text", "sentences"),
    [
        ("", 0),
        ("One", 1),
        ("One. Two! Three?", 3),
        ("Give 3.5 mg, e.g. at night. Then stop.", 2),
        ("Dr. Smith said so.", 1),
        ("Wait... what?", 2),
        ("“Yes.” He left.", 2),
        ("- one\n- two", 2),
        ("患者发烧。请休息。", 2),
        ("...", 0),
    ],
)
def test_sentences(text, sentences):
    assert count_sentences(text) == sentences


@pytest.mark.parametrize(
    ("checks", "text", "score"),
    [
        ({"max_words": 3}, "one two three", 1),
        ({"max_words": 3}, "one two three four", 0),
        ({"min_words": 2, "max_words": 3}, "one", 0),
        ({"min_words": 2}, "one two", 1),
        ({"max_sentences": 1}, "One. Two.", 0),
        ({"min_sentences": 2}, "One. Two.", 1),
        ({"max_characters": 5}, "  12345 ", 1),
        ({"max_characters": 5}, "123456", 0),
        ({"max_words": 0}, "one", 0),
        ({"max_words": 1, "max_characters": 99}, "one two", 0.5),
        ({"max_words": 3}, " \n", 0),
    ],
)
def test_length(checks, text, score):
    assert mark(form(**checks), text).score == score


@pytest.mark.parametrize(
    ("language", "text"),
    [
        ("en", "The patient should rest and drink plenty of water."),
        ("de", "Der Patient sollte sich ausruhen und viel trinken."),
        ("fr", "Le patient doit se reposer et boire beaucoup d'eau."),
        ("es", "El paciente debe descansar y beber mucha agua."),
        ("ru", "Пациент должен отдыхать и пить много воды."),
        ("zh", "病人应该休息并多喝水。"),
        ("ja", "患者は休んで水をたくさん飲むべきです。"),
        ("ar", "يجب على المريض أن يستريح ويشرب الكثير من الماء."),
    ],
)
def test_languages_are_told_apart(language, text):
    assert language_of(text)[0] == language
    assert mark(form(language=language), text).score == 1
    wrong = mark(form(language="it"), text)
    assert wrong.score == 0
    assert "not in Italian" in wrong.reason


@pytest.mark.parametrize(
    "text", ["ok", "FBN1", "12.5 mg", "FBN1, TGFBR2, COL3A1", "```python\nreturn the patient to bed\n```"]
)
def test_a_language_that_cannot_be_told_does_not_count(text):
    grade = mark(form(language="en", max_words=99), text)
    assert grade.score == 1
    assert (grade.children[1].score, grade.children[1].weight) == (None, 0)
    alone = mark(form(language="en"), text)
    assert (alone.score, alone.error.flag) == (None, "other_error")
    assert "too short or too unclear" in alone.reason.lower()


def test_a_language_may_be_named():
    assert parse_spec(form(language="German")).language == "de"


@pytest.mark.parametrize(
    ("text", "score"),
    [('{"a": 1}', 1), (" [1] \n", 1), ("null", 1), ('```json\n{"a": 1}\n```', 0), ("{'a': 1}", 0), ('{"a": 1} ok', 0)],
)
def test_valid_json(text, score):
    assert mark(form(valid_json=True), text).score == score


def test_json_inside_a_part_of_the_answer():
    spec = form(input="{{ sample.output_json.note }}", valid_json=True)
    assert mark(spec, '{"note": "[1, 2]"}').score == 1
    assert mark(spec, '{"note": "text"}').score == 0
    assert mark(spec, "text").error.flag == "sample_parse_error"


PREAMBLES = [
    "Sure, here is the letter:",
    "Sure! Here's what I found",
    "Certainly! The patient",
    "Of course, I'd be happy to help",
    "**Sure**, here you go",
    "Here is the summary you asked for:",
    "Here’s a list",
    "Great question! Fever is",
    "As an AI language model, I",
    "I'd be happy to explain",
    "Okay, let me think",
    "Below is the answer.",
    "Let me explain.",
    "Based on the information you provided, it is",
]
NO_PREAMBLES = [
    "Fever and cough.",
    "The patient should rest.",
    "Yes, this is an emergency.",
    "Surely the dose is too high.",
    "Okay to discharge.",
    "Here, pain is the leading sign.",
    "Certain drugs interact.",
    "Of course of treatment: seven days",
    '{"a": 1}',
    "I would refer to a cardiologist.",
    "Based on the ECG, it is an infarction.",
]


@pytest.mark.parametrize("text", PREAMBLES)
def test_preambles(text):
    assert preamble_of(text)
    assert mark(form(no_preamble=True), text).score == 0


@pytest.mark.parametrize("text", NO_PREAMBLES)
def test_no_preambles(text):
    assert preamble_of(text) == ""


CUT_OFF = [
    "Give 25 mg and",
    "The dose is (about 25",
    "```\ncode",
    '{"a": [1, 2',
    "First, second,",
    "The treatment of choice for an adult with this condition is a course of",
    "It is done. The treatment of choice for an adult with this condition is rest in bed for",
]
FINISHED = [
    "Yes",
    "FBN1",
    "Rest, and drink.",
    "Is it so?",
    "1. FBN1\n2. TGFBR2",
    "- rest in bed\n- drink plenty of water, tea or broth all day",
    "“Rest.”",
    "Rest (in bed)",
    '{"a": 1}',
    "```\ncode\n```",
    "Good luck :)",
    "a) rest b) drink",
    "请休息。",
    "Warm regards\nDr. Smith",
]


@pytest.mark.parametrize("text", CUT_OFF)
def test_cut_off(text):
    assert unfinished(text)
    assert mark(form(ends_properly=True), text).score == 0


@pytest.mark.parametrize("text", FINISHED)
def test_finished(text):
    assert unfinished(text) == ""


def test_an_answer_that_hit_the_length_limit_does_not_end_properly():
    spec = parse_spec(form(ends_properly=True))
    found = grade(spec, Item("1", ()), Sample.from_text("It ends.", truncated=True))
    assert (found.score, found.children[0].reason) == (0, "Was cut off at the length limit.")


@pytest.mark.parametrize(
    "text",
    [
        "# Title", "text\n## Part", "- one\n- two", "* one", "> quoted", "a **bold** word", "an *italic* word",
        "```\ncode\n```", "a `term`", "[link](http://x.org)", "| a | b |", "text\n---\ntext", "__bold__ text",
    ],
)  # fmt: skip
def test_markdown(text):
    assert markdown_in(text)
    assert mark(form(no_markdown=True), text).score == 0


@pytest.mark.parametrize(
    "text",
    ["2 * 3 * 4", "snake_case_name", "C# and F#", "5 > 3", "1. one\n2. two", "a - b", "[1] and (2)", "__init__x"],
)
def test_no_markdown(text):
    assert markdown_in(text) == ""


def test_children_tell_each_check():
    spec = form(max_words=3, no_preamble=True, ends_properly=True, no_markdown=True)
    found = mark(spec, "Sure, here is **it**")
    assert [(child.name, child.score) for child in found.children] == [
        ("words", 0), ("no_preamble", 0), ("ends_properly", 1), ("no_markdown", 0),
    ]  # fmt: skip
    assert found.score == 0.25
    assert recompute(parse_spec(spec), found) == 0.25
    assert found.reason.startswith("Passes 1 of 4 checks: Has 4 words, at most 3 are asked for;")


def test_an_empty_answer_passes_nothing():
    found = mark(form(max_words=3, no_markdown=True, language="en"), "")
    assert found.score == 0
    assert found.reason == "The answer is empty."


@pytest.mark.parametrize(
    ("checks", "path", "says"),
    [
        ({}, "max_words", "No check is chosen"),
        ({"min_words": 5, "max_words": 3}, "max_words", "less than"),
        ({"min_words": -1}, "min_words", "is too small"),
        ({"max_words": 2.5}, "max_words", "number"),
        ({"language": "klingon"}, "language", "no language known"),
        ({"valid_json": "perhaps"}, "valid_json", ""),
    ],
)
def test_author_mistakes(checks, path, says):
    with pytest.raises(SpecError) as caught:
        parse_spec(form(**checks))
    assert caught.value.path == path
    assert says in caught.value.message
    assert caught.value.fix
