import pytest

from rftstudio.engine.errors import SpecError
from rftstudio.engine.grading import parse_spec
from rftstudio.engine.grading.number_text import find_numbers
from tests.engine.grading.marking import mark


def number(**extra):
    return {"type": "number", **extra}


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("The dose is 12.5 mg", [12.5]),
        ("1,234.5", [1234.5]),
        ("1.234,5", [1234.5]),
        ("1,234,567", [1234567]),
        ("1.000.000", [1000000]),
        ("1 234,5", [1, 234.5]),
        ("1\u00a0234", [1234]),
        ("1'234", [1234]),
        ("12,5", [12.5]),
        ("0,234", [0.234]),
        ("1,2,3", [1, 2, 3]),
        ("1e-3", [0.001]),
        ("1.5E+3", [1500]),
        ("1.5 × 10⁻³", [0.0015]),
        ("1.5x10^-3", [0.0015]),
        ("10⁻³", [0.001]),
        ("45 %", [45]),
        ("−4 °C", [-4]),
        ("5-10 mg", [5, 10]),
        ("5 - 10", [5, 10]),
        ("(5)", [5]),
        ("x=3.", [3]),
        ("It was 3. 5 more", [3, 5]),
        (".5", [0.5]),
        ("1½", [1.5]),
        ("１２", [12]),
        ("$1,234.50!", [1234.5]),
        ("vitamin B12, CYP2D6, COVID-19", []),
        ("12mg", [12]),
        ("1e999", []),
        ("9" * 5000, []),
        ("no number", []),
        ("", []),
    ],
)
def test_finds_numbers(text, found):
    assert [number.value for number in find_numbers(text)] == pytest.approx(found)


@pytest.mark.parametrize(
    ("text", "score"),
    [("10", 1), ("10.5", 1), ("9.5", 1), ("10.75", 0.5), ("9.25", 0.5), ("11", 0), ("-10", 0), ("ten", 0), ("", 0)],
)
def test_absolute_tolerance_and_band(text, score):
    assert mark(number(tolerance=0.5, band=0.5), text, 10).score == pytest.approx(score)


@pytest.mark.parametrize(("text", "score"), [("210", 1), ("190", 1), ("215", 0.5), ("225", 0)])
def test_relative_tolerance_and_band(text, score):
    spec = number(tolerance=0.05, tolerance_kind="relative", band=0.05)
    assert mark(spec, text, 200).score == pytest.approx(score)


def test_relative_tolerance_around_zero_accepts_zero_only():
    spec = number(tolerance=0.5, tolerance_kind="relative", band=1)
    assert mark(spec, "0", 0).score == 1
    assert mark(spec, "0.001", 0).score == 0


def test_rounding_does_not_push_a_value_over_the_tolerance():
    assert mark(number(tolerance=0.1), "0.4", 0.3).score == 1


@pytest.mark.parametrize(
    ("pick", "text", "score"),
    [
        ("only", "3 + 4 is 7", 0),
        ("only", "7, that is 7.0", 1),
        ("first", "7, not 8", 1),
        ("first", "8, not 7", 0),
        ("last", "3 + 4 = 7", 1),
        ("last", "7 (3 + 4)", 0),
    ],
)
def test_several_numbers(pick, text, score):
    assert mark(number(pick=pick), text, 7).score == score


@pytest.mark.parametrize(
    ("percent", "text", "reference", "score"),
    [
        ("as_written", "45 %", 45, 1),
        ("as_written", "45 %", 0.45, 0),
        ("fraction", "45 %", 0.45, 1),
        ("fraction", "0.45", "45 %", 1),
        ("fraction", "45", 0.45, 0),
    ],
)
def test_percent(percent, text, reference, score):
    assert mark(number(percent=percent), text, reference).score == score


def test_reference_may_be_text_with_a_unit():
    assert mark(number(), "12.5", "12.5 mg").score == 1


@pytest.mark.parametrize("reference", ["twelve", "5 to 10", [], True, 10**400, ""])
def test_a_reference_that_is_no_number_gives_no_score(reference):
    grade = mark(number(), "5", reference)
    assert (grade.score, grade.error.flag) == (None, "other_error")


def test_reads_numbers_out_of_json():
    spec = number(input="{{ sample.output_json.dose }}")
    assert mark(spec, '{"dose": 12.5}', 12.5).score == 1
    assert mark(spec, '{"dose": "12.5 mg"}', 12.5).score == 1
    assert mark(spec, '{"dose": true}', 1).score == 0
    assert mark(spec, "12.5", 12.5).error.flag == "invalid_variable_error"
    assert mark(spec, "twelve", 12.5).error.flag == "sample_parse_error"


def test_reason_and_metrics():
    grade = mark(number(), "15 mg", 12.5)
    assert grade.reason == "Expected 12.5, the answer says 15, off by 2.5."
    assert grade.metrics == {"absolute_error": 2.5}


@pytest.mark.parametrize("field", ["tolerance", "band"])
@pytest.mark.parametrize("value", [-1, float("nan"), float("inf"), "wide"])
def test_author_mistakes(field, value):
    with pytest.raises(SpecError) as caught:
        parse_spec(number(**{field: value}))
    assert caught.value.path == field
