import pytest

from rftstudio.engine.errors import SpecError
from rftstudio.engine.grading import check_variables, parse_spec
from rftstudio.engine.grading.phrases import LANGUAGES
from rftstudio.engine.grading.tools import Tools, using
from tests.engine.grading.marking import mark


def keywords(*required, **extra):
    return {"type": "keywords", "required": list(required), **extra}


@pytest.mark.parametrize(
    ("text", "score"),
    [
        ("Fever, cough and a rash.", 1),
        ("FEVER\ncough", 2 / 3),
        ("feverish coughing", 0),
        ("rash decisions", 1 / 3),
        ("", 0),
        ("Ｆｅｖｅｒ", 1 / 3),
        ("no fever at all", 1 / 3),
    ],
)
def test_share_of_the_required(text, score):
    assert mark(keywords("fever", "cough", "rash"), text).score == pytest.approx(score)


@pytest.mark.parametrize(
    ("text", "score"),
    [("Give aspirin", 1), ("Give aspirin, not ibuprofen", 0.5), ("ibuprofen or naproxen", 0), ("rest", 0)],
)
def test_forbidden_phrases_cost_the_penalty(text, score):
    spec = keywords("aspirin", forbidden=["ibuprofen", "naproxen"])
    assert mark(spec, text).score == pytest.approx(score)
    assert mark({**spec, "penalty": 1}, text).score == (1 if score == 1 else 0)
    assert mark({**spec, "penalty": 0}, text).score == ("aspirin" in text)


def test_only_forbidden_ones():
    spec = {"type": "keywords", "forbidden": ["as an AI"], "penalty": 1}
    assert mark(spec, "Rest and drink.").score == 1
    assert mark(spec, "As an AI, I cannot say.").score == 0
    assert mark(spec, "Rest.").reason == "Mentions nothing forbidden."


def test_phrases_of_several_words_and_signs():
    assert mark(keywords("X-ray"), "an x ray of the chest").score == 1
    assert mark(keywords("chest pain"), "pain in the chest").score == 0
    assert mark(keywords("chest pain"), "chest\n pain").score == 1
    assert mark(keywords("A+"), "blood group A-").score == 0
    assert mark(keywords("A+"), "blood group A+.").score == 1
    assert mark(keywords("12.5 mg"), "12 mg or 5 mg").score == 0


def test_other_names_count_as_the_phrase():
    spec = keywords("myocardial infarction", "stroke", synonyms={"myocardial infarction": ["heart attack", "MI"]})
    assert mark(spec, "a heart attack or a stroke").score == 1
    assert mark(spec, "MI, that is, a heart attack").score == 0.5
    both = {"type": "keywords", "forbidden": ["stroke"], "synonyms": {"stroke": ["apoplexy"]}, "penalty": 1}
    assert mark(both, "apoplexy").score == 0


def test_names_from_a_column_of_the_task_set():
    one = keywords("MI", synonyms_from="{{ item.names }}")
    assert mark(one, "a heart attack", names="heart attack; infarct").score == 1
    assert mark(one, "a heart attack", names="").score == 0
    several = keywords("MI", "stroke", synonyms_from="{{ item.names }}")
    assert mark(several, "apoplexy", names={"stroke": ["apoplexy"]}).score == 0.5
    assert mark(several, "apoplexy", names=["apoplexy"]).error.flag == "other_error"
    assert mark(one, "x").error.flag == "invalid_variable_error"


def test_what_is_required_can_come_from_a_column():
    spec = {"type": "keywords", "required_from": "{{ item.reference_answer }}", "forbidden_from": "{{ item.not }}"}
    assert mark(spec, "fever and cough", ["fever", "cough"], **{"not": []}).score == 1
    assert mark(spec, "fever and cough", "fever; rash", **{"not": "cough"}).score == 0
    assert mark({**spec, "required": ["Fever"]}, "fever", ["fever", "rash"], **{"not": None}).score == 0.5
    assert mark(spec, "x", [], **{"not": None}).error.flag == "other_error"
    assert "both requires and forbids" in mark(spec, "x", "fever", **{"not": "FEVER"}).error.message
    errors = check_variables(parse_spec(spec), ["reference_answer"])
    assert [error.path for error in errors] == ["forbidden_from"]


def test_a_word_list_of_the_workspace():
    spec = keywords("MI", synonyms_list="diagnoses")
    lists = {"diagnoses": {"myocardial infarction": ["MI", "heart attack"], "stroke": ["apoplexy"]}}
    with using(Tools(lists=lists)):
        assert mark(spec, "a heart attack").score == 1
        assert mark(spec, "a myocardial infarction").score == 1
        assert mark(spec, "an apoplexy").score == 0
        assert mark({**spec, "synonyms": {"MI": ["mitral insufficiency"]}}, "mitral insufficiency").score == 1


@pytest.mark.parametrize(
    ("language", "phrase", "text"),
    [
        ("english", "tablet", "two tablets"),
        ("english", "treat", "He was treated."),
        ("german", "Tablette", "zwei Tabletten"),
        ("french", "comprimé", "deux comprimés"),
        ("spanish", "tableta", "dos tabletas"),
        ("dutch", "tablet", "twee tabletten"),
    ],
)
def test_endings_are_ignored_where_asked_for(language, phrase, text):
    assert mark(keywords(phrase, inflections=language), text).score == 1
    assert mark(keywords(phrase), text).score == 0


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_language_has_a_stemmer(language):
    assert mark(keywords("x y", inflections=language), "x y").score == 1


def test_inside_longer_words_where_asked_for():
    assert mark(keywords("infarct", whole_words=False), "a reinfarction").score == 1
    assert mark(keywords("infarct"), "a reinfarction").score == 0
    spec = keywords("infarct", whole_words=False, negation="respect")
    assert mark(spec, "no reinfarction. Fever.").score == 0
    assert mark(spec, "no reinfarction before; now an infarction").score == 1


DENIED = [
    "no fever",
    "There was no fever.",
    "No cough, rash or fever.",
    "Patient denies chills, sweats, or fever",
    "without any fever",
    "negative for cough and fever",
    "Fever: no",
    "Fever: none, cough: yes",
    "Fever was not seen.",
    "fever is absent",
    "fever has been ruled out",
    "He doesn't have a fever.",
    "He doesn’t have fever",
    "never had fever",
    "Denies: cough, fever",
    "neither cough nor fever",
    "absence of fever",
    "rather than fever",
    "Fever unlikely",
    "no evidence of fever, but cough",
]
AFFIRMED = [
    "fever",
    "no cough but fever",
    "No cough. Fever.",
    "no cough\nfever",
    "- no cough\n- fever",
    "not only fever but also cough",
    "no doubt a fever",
    "fever cannot be ruled out",
    "No known allergies and he has fever",
    "no cough and has a fever",
    "Symptoms: no cough; fever",
    "cough: no, fever: yes",
    "no fever yesterday; fever today",
    "possible fever",
    "nose and fever",
    "cough apart from fever",
    "no drug was given for the very high and long lasting fever",
]


@pytest.mark.parametrize(("text", "score"), [*((text, 0) for text in DENIED), *((text, 1) for text in AFFIRMED)])
def test_negations(text, score):
    assert mark(keywords("fever", negation="respect"), text).score == score
    assert mark(keywords("fever"), text).score == 1
    forbidden = {"type": "keywords", "forbidden": ["fever"], "penalty": 1, "negation": "respect"}
    assert mark(forbidden, text).score == 1 - score


def test_a_required_negation_is_no_negation_of_itself():
    assert mark(keywords("no fever", negation="respect"), "He has no fever.").score == 1
    assert mark(keywords("isn't ill", negation="respect"), "She isn’t ill").score == 1


def test_reasons_and_metrics():
    grade = mark(keywords("fever", "cough", "rash", forbidden=["drug"], negation="respect"), "no fever; cough; a drug")
    assert grade.reason == (
        "Mentions 1 of 3 required; only denied: “fever”; missing “rash”; must not be mentioned: “drug”."
    )
    assert grade.metrics == {"forbidden": 1, "required": pytest.approx(1 / 3)}


def test_naming_everything_is_punished():
    spec = keywords("aspirin", forbidden=["ibuprofen", "naproxen", "heparin"])
    assert mark(spec, "aspirin ibuprofen naproxen heparin").score == 0


@pytest.mark.parametrize(
    ("spec", "path", "says"),
    [
        ({"type": "keywords"}, "required", "Nothing is required"),
        (keywords("a", " "), "required[1]", "empty"),
        (keywords("a", "A."), "required[1]", "there twice"),
        (keywords("a", forbidden=["b", "A"]), "forbidden[1]", "there twice"),
        (keywords("a", penalty=2), "penalty", "is too large"),
        (keywords("a", inflections="latin"), "inflections", "not known"),
        (keywords("a", synonyms={"a": ["b"], "c": ["b"]}), "synonyms.c", "stands for both"),
        (keywords("a", required_from="{{ item"), "required_from", "never closed"),
        (keywords("a", synonyms_list=" genes"), "synonyms_list", "no space around"),
        (keywords(*map(str, range(1001))), "required", "at most 1000"),
    ],
)
def test_author_mistakes(spec, path, says):
    with pytest.raises(SpecError) as caught:
        parse_spec(spec)
    assert caught.value.path == path
    assert says in caught.value.message
    assert caught.value.fix
