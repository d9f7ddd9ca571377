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


@pytest.mark.parametrize(
    ("unit", "text", "reference", "score"),
    [
        ("mg/g", "12.5 mg/g", "12.5 mg/g", 1),
        ("mg/g", "12.5 g/kg", 12.5, 1),
        ("mg/g", "1.25 %", "12.5", 1),
        ("mg/g", "12.5", "0.0125 g/g", 1),
        ("mg", "0.5 g", "500 mg", 1),
        ("mg", "500 mg (0.5 g)", 500, 1),
        ("mg", "500000 µg", 500, 1),
        ("mg", "500000 mcg", 500, 1),
        ("mg", "0.5 mg", 500, 0),
        ("mg", "5-10 mg", 10, 0),
        ("mg", "2 tablets of 250 mg", 250, 0),
        ("mg", "500 mg in 5 mL, every 8 hours", 500, 1),
        ("mg", "500 mg every 8 hours, or 250", 500, 0),
        ("°C", "98.6 °F", 37, 1),
        ("°C", "37 C", "98.6 F", 1),
        ("degC", "310.15 K", "37 °C", 1),
        ("°C", "37 degrees Celsius", 37, 1),
        ("°F", "37 °C", 98.6, 1),
        ("mmol/L", "5000 µmol/L", 5, 1),
        ("mmol/L", "5 mM", 5, 1),
        ("mmHg", "16 kPa", "120.00985 mm Hg", 1),
        ("10^9/L", "4.5 × 10⁹/L", 4.5, 1),
        ("10^9/L", "4.5", "4500/µL", 1),
        ("mL/min/1.73 m2", "60 mL/min/1.73 m²", 60, 1),
        ("kg/m2", "25 kg m^-2", 25, 1),
        ("mg/kg/day", "10 mg per kg per day", 10, 1),
        ("km/h", "10 m/s", 36, 1),
        ("IU", "5 kIU", 5000, 1),
        ("cm", "12 in", 30.48, 1),
        ("cm", "12 in total", 12, 1),
        ("h", "90 min", 1.5, 1),
        ("mg", "5 a day", 5, 1),
    ],
)
def test_units_are_converted(unit, text, reference, score):
    assert mark(number(unit=unit, tolerance=1e-4), text, reference).score == score


def test_tolerance_and_band_are_in_the_unit():
    spec = number(unit="°C", tolerance=0.5, band=1)
    assert mark(spec, "99 °F", 37).score == 1
    assert mark(spec, "100.4 °F", 37).score == pytest.approx(0.5)
    assert mark(number(unit="g", tolerance=0.1, tolerance_kind="relative"), "540 mg", "0.5 g").score == 1


@pytest.mark.parametrize(
    ("unit", "text", "reason"),
    [
        ("mg", "5 mL", "Expected 5 mg, the answer says 5 mL, which cannot be converted into mg."),
        ("mmol/L", "90 mg/dL", "Expected 5 mmol/L, the answer says 90 mg/dL, which cannot be converted into mmol/L."),
        ("mg", "none", "Expected 5 mg, the answer holds no number: “none”."),
        ("mg", "5 g", "Expected 5 mg, the answer says 5000 mg (5 g), off by 4995."),
        ("mg", "5 or 6 mg", "Expected 5 mg alone, the answer gives several numbers: 5 and 6 mg."),
    ],
)
def test_an_answer_in_other_units_scores_0_with_the_reason(unit, text, reason):
    grade = mark(number(unit=unit), text, 5)
    assert (grade.score, grade.reason) == (0, reason)


@pytest.mark.parametrize("text", ["5 mgg", "5 tablets", "5 EUR", "5.", "5 xyz/q"])
def test_what_is_no_unit_leaves_the_number_without_one(text):
    assert mark(number(unit="mg"), text, 5).score == 1
    required = mark(number(unit="mg", unit_required=True), text, 5)
    assert (required.score, required.reason) == (0, "Expected 5 mg, the answer says 5 without a unit.")


def test_a_required_unit_may_be_any_that_converts():
    spec = number(unit="mg", unit_required=True)
    assert mark(spec, "0.005 g", 5).score == 1
    assert mark(spec, "5, that is 5 mg", "5 mg").score == 1
    assert mark({**spec, "input": "{{ sample.output_json.dose }}"}, '{"dose": 5}', 5).score == 1


@pytest.mark.parametrize(("pick", "score"), [("only", 0), ("first", 0), ("last", 1)])
def test_several_quantities(pick, score):
    assert mark(number(unit="mg", pick=pick), "2 g; in 5 mL; so 500 mg", 500).score == score


@pytest.mark.parametrize("reference", ["5 mL", "5 or 6 mg", "five"])
def test_a_reference_in_another_dimension_gives_no_score(reference):
    grade = mark(number(unit="mg"), "5 mg", reference)
    assert (grade.score, grade.error.flag) == (None, "other_error")


def test_without_a_unit_nothing_is_converted():
    assert mark(number(), "12.5 g", "12.5 mg").score == 1
    assert mark(number(), "12.50 €", "12.5 EUR").score == 1


@pytest.mark.parametrize(
    ("extra", "path", "says"),
    [
        ({"unit": "tablets"}, "unit", "no unit known"),
        ({"unit": "EUR"}, "unit", "currency"),
        ({"unit": "$/kg"}, "unit", "currency"),
        ({"unit": "mg" * 40}, "unit", "no unit known"),
        ({"unit": "m**9**9**9"}, "unit", "no unit known"),
        ({"unit": "__import__('os')"}, "unit", "no unit known"),
        ({"unit": "12"}, "unit", "no unit known"),
        ({"unit_required": True}, "unit", "none is named"),
    ],
)
def test_a_unit_that_is_none(extra, path, says):
    with pytest.raises(SpecError) as caught:
        parse_spec(number(**extra))
    assert caught.value.path == path
    assert says in caught.value.message
    assert caught.value.fix


@pytest.mark.parametrize(
    "unit", ["mg/g", "°C", "%", "1/min", "10^9/L", "mEq/L", "cells/µL", "mm Hg", "kg m^-2", "dB", "ppm"]
)
def test_a_unit_as_people_write_it(unit):
    assert mark(number(unit=unit), f"7 {unit}", 7).score == 1
