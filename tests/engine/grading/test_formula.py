import pytest

from rftstudio.engine.grading.formula import Formula, FormulaError

NAMES = frozenset({"a", "b", "precision", "recall"})
VALUES = {"a": 0.5, "b": 2.0, "precision": 0.5, "recall": 1.0}


def value(text, **values):
    return Formula(text, NAMES).value({**VALUES, **values})


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1", 1),
        ("a + b", 2.5),
        ("a - b - 1", -2.5),
        ("a * b / 4", 0.25),
        ("8 / 2 / 2", 2),
        ("1 + 2 * 3", 7),
        ("(1 + 2) * 3", 9),
        ("2 ^ 3 ^ 2", 512),
        ("2 * 3 ^ 2", 18),
        ("-2 ^ 2", -4),
        ("(-2) ^ 2", 4),
        ("2 ^ -1", 0.5),
        ("--a", 0.5),
        ("1 - -1", 2),
        ("2 * -3", -6),
        ("1e-9", 1e-9),
        (".5 + 1. + 2.5E+1", 26.5),
        ("min(a, b, -1)", -1),
        ("max(a)", 0.5),
        ("abs(-3) + floor(1.9) + ceil(1.1)", 6),
        ("exp(0) + sqrt(4) + log(1)", 3),
        ("2 * precision * recall / max(precision + recall, 1e-9)", 2 / 3),
        (" a\n+\tb ", 2.5),
    ],
)
def test_value(text, expected):
    assert value(text) == pytest.approx(expected)


def test_the_harmonic_mean_survives_zeros():
    assert value("2 * precision * recall / max(precision + recall, 1e-9)", precision=0.0, recall=0.0) == 0


@pytest.mark.parametrize(
    "text",
    [
        "1 / 0",
        "a / (b - 2)",
        "10 ^ 999",
        "1e308 * 10",
        "1 / (1e308 * 10)",
        "exp(1000)",
        "sqrt(-1)",
        "log(0)",
        "(-1) ^ 0.5",
        "0 ^ -1",
    ],
)
def test_no_value(text):
    with pytest.raises(FormulaError):
        value(text)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "empty"),
        ("   ", "empty"),
        ("a +", "ends too early"),
        ("(a", "ends too early"),
        ("a)", "“)” is not expected at character 2"),
        ("a b", "“b” is not expected at character 3"),
        ("2a", "“a” is not expected"),
        ("+a", "“+” is not expected"),
        ("a ** b", "“*” is not expected at character 4"),
        ("a % b", "“%” is not expected at character 3"),
        ("reca1l", "did you mean “recall”?"),
        ("zebra", "the graders here are a, b, precision, recall"),
        ("pow(a, b)", "not a function"),
        ("sqrt(a, b)", "takes one argument"),
        ("min()", "“)” is not expected"),
        ("a.real", "“.” is not expected"),
        ("__import__(a)", "not a function"),
        ("1e999", "too large"),
        ("(" * 500 + "a" + ")" * 500, "nested deeper"),
        ("-" * 500 + "a", "nested deeper"),
        ("2^" * 500 + "2", "nested deeper"),
        ("a+" * 3000 + "a", "longer than"),
    ],
)
def test_not_a_formula(text, says):
    with pytest.raises(FormulaError) as caught:
        Formula(text, NAMES)
    assert says in str(caught.value)


def test_a_long_chain_is_no_deep_tree():
    assert value("+".join(["1"] * 1900)) == 1900
    assert value("*".join(["1"] * 1900)) == 1


@pytest.mark.parametrize(
    ("text", "coefficients"),
    [
        ("0.7 * a + 0.3 * b", {"a": 0.7, "b": 0.3}),
        ("(a + b) / 2 - 1", {"a": 0.5, "b": 0.5, "": -1}),
        ("-a * 2", {"a": -2}),
        ("a * b", None),
        ("max(a, b)", None),
        ("1 / a", None),
    ],
)
def test_coefficients_of_a_weighted_sum(text, coefficients):
    found = Formula(text, NAMES).coefficients()
    assert found == (coefficients if coefficients is None else pytest.approx(coefficients))


def test_names_used():
    assert Formula("a + max(b, a)", NAMES).names == {"a", "b"}
