import pytest

from rftstudio.engine.errors import SpecError
from rftstudio.engine.grading import parse_spec
from tests.engine.grading.marking import INPUT, REFERENCE, check, mark

STYLE = check("ilike", "please", name="style")
FACTS = {
    "type": "text_similarity",
    "name": "facts",
    "input": INPUT,
    "reference": REFERENCE,
    "evaluation_metric": "fuzzy_match",
}


def multi(formula="0.25 * style + 0.75 * facts", graders=None):
    return {
        "type": "multi",
        "name": "both",
        "graders": graders or {"style": STYLE, "facts": FACTS},
        "calculate_output": formula,
    }


def test_formula_over_children():
    grade = mark(multi(), "Please", "Please")
    assert grade.score == 1
    assert [(child.name, child.type, child.score, child.weight) for child in grade.children] == [
        ("style", "string_check", 1, 0.25),
        ("facts", "text_similarity", 1, 0.75),
    ]
    assert mark(multi(), "Planes", "Please").score == pytest.approx(0.75 * 8 / 12)


def test_array_form_takes_names_and_is_stored_as_an_object():
    array = parse_spec(multi(graders=[STYLE, FACTS]))
    assert array == parse_spec(multi())
    assert list(array.model_dump(exclude_none=True)["graders"]) == ["style", "facts"]
    assert mark(multi(graders=[STYLE, FACTS]), "Please", "Please").score == 1


def test_children_without_a_name_take_their_key():
    unnamed = {key: value for key, value in STYLE.items() if key != "name"}
    spec = parse_spec(multi("style", {"style": unnamed}))
    assert spec.model_dump(exclude_none=True)["graders"]["style"]["name"] == "style"


def test_harmonic_mean():
    graders = {
        "precision": {"type": "set_match", "measure": "precision"},
        "recall": {"type": "set_match", "measure": "recall"},
    }
    formula = "2 * precision * recall / max(precision + recall, 1e-9)"
    assert mark(multi(formula, graders), "a, b", ["b", "c", "d"]).score == pytest.approx(0.4)
    assert mark(multi(formula, graders), "x", ["b", "c", "d"]).score == 0


def test_a_child_without_a_score_leaves_the_whole_without_one():
    grade = mark(multi(), "Please")
    assert grade.score is None
    assert grade.error.flag == "invalid_variable_error"
    assert "facts" in grade.error.message
    assert [child.score for child in grade.children] == [1, None]


def test_unless_the_formula_does_not_use_it():
    assert mark(multi("style"), "Please").score == 1


def test_a_formula_without_a_value():
    grade = mark(multi("style / facts"), "please", "12345")
    assert grade.score is None
    assert grade.error.flag == "formula_parse_error"
    assert "Division by zero" in grade.error.message


def test_scores_beyond_one_are_the_formulas_business():
    assert mark(multi("2 * style - 3"), "x", "please").score == -3


def test_nested():
    spec = multi("inner ^ 2", {"inner": multi("0.5 * style", {"style": STYLE})})
    assert mark(spec, "please").score == 0.25


@pytest.mark.parametrize(
    ("spec", "path", "says"),
    [
        (multi("style + fact"), "calculate_output", "did you mean “facts”"),
        (multi("style +"), "calculate_output", "ends too early"),
        (multi(graders={"my-style": STYLE}), "graders.my-style", "cannot be used in a formula"),
        (multi(graders={"min": STYLE}), "graders.min", "cannot be used in a formula"),
        (multi(graders=[STYLE, STYLE]), "graders[1].name", "Two graders"),
        (multi(graders=[check("eq", "x")]), "graders[0]", "no name"),
        ({**multi(), "graders": {}}, "graders", "empty"),
        ({**multi(), "graders": "style"}, "graders", "must be an object"),
        (multi(graders={"style": check("eq", "{{ item.x")}), "graders.style.reference", "never closed"),
        (multi(graders=[STYLE, {**FACTS, "refrence": "x"}]), "graders.facts.refrence", "Unknown field"),
        (multi(graders={"string_check": {**STYLE, "operation": "is"}}), "graders.string_check.operation", "not known"),
        (multi(graders={"style": {"type": "strong_check"}}), "graders.style.type", "Unknown grader type"),
        (multi(graders={"style": {"name": "x"}}), "graders.style.type", "missing"),
        ({"type": "multi", "graders": {"style": STYLE}}, "calculate_output", "missing"),
    ],
)
def test_author_mistakes(spec, path, says):
    with pytest.raises(SpecError) as caught:
        parse_spec(spec)
    assert caught.value.path == path
    assert says in caught.value.message
    assert caught.value.fix
