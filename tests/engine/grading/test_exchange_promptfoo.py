"""promptfoo's assertions as graders: what each becomes, what is refused and why."""

import json

import pytest

from rftstudio.engine.errors import SpecError
from rftstudio.engine.grading import KINDS, grade, parse_spec
from rftstudio.engine.grading.exchange import read_graders, read_promptfoo
from rftstudio.engine.grading.exchange.promptfoo_kinds import MAKERS, REFUSED
from rftstudio.engine.types import Item, Sample


def marks(grader: dict, answer: str, **fields) -> float | None:
    return grade(parse_spec(grader), Item("", (), fields), Sample.from_text(answer)).score


@pytest.mark.parametrize(
    ("assertion", "right", "wrong"),
    [
        ({"type": "equals", "value": "Paris"}, "Paris", "paris"),
        ({"type": "equals", "value": 12}, "12", "13"),
        ({"type": "equals", "value": {"a": [1, 2]}}, '{"a": [2, 1]}', '{"a": [3]}'),
        ({"type": "contains", "value": "Paris"}, "In Paris.", "In paris."),
        ({"type": "icontains", "value": "Paris"}, "in paris", "in Rome"),
        ({"type": "not-equals", "value": "Paris"}, "Rome", "Paris"),
        ({"type": "not-icontains", "value": "sorry"}, "Yes.", "Sorry, no."),
        ({"type": "contains-all", "value": ["a", "b"]}, "a b", "a"),
        ({"type": "icontains-any", "value": "x, y"}, "Y", "z"),
        ({"type": "is-json"}, '{"a": 1}', "a"),
        ({"type": "is-json", "value": {"type": "object", "required": ["a"]}}, '{"a": 1}', "{}"),
        ({"type": "contains", "value": "{{city}}"}, "It is Oslo", "Paris"),
        ({"type": "contains", "value": "{{ vars.place.name }}"}, "Bergen", "Oslo"),
    ],
)
def test_an_assertion_marks_as_it_did(assertion, right, wrong) -> None:
    report = read_promptfoo([assertion])
    assert report.whole, report.problems
    fields = {"city": "Oslo", "place": {"name": "Bergen"}, "reference_answer": "x"}
    assert marks(report.grader, right, **fields) == 1
    assert marks(report.grader, wrong, **fields) == 0


def test_weights_negation_and_thresholds() -> None:
    text = """
    - {type: contains, value: dose, weight: 3}
    - {type: not-contains, value: cure, metric: Promises nothing}
    - {type: bleu, value: aspirin, threshold: 0.4, weight: 0}
    """
    report = read_graders(text)
    first, second, third = report.grader["criteria"]
    assert (first["weight"], second["polarity"], second["sentence"]) == (3, "must_not", "Promises nothing")
    assert (third["weight"], third["check"]["pass_threshold"]) == (0, 0.4)
    assert marks(report.grader, "a dose and a cure") == 0.75
    assert "0.4" in report.steps[2].note


def test_a_set_of_assertions_is_a_rubric_in_the_rubric() -> None:
    inner = [
        {"type": "contains", "value": "a"},
        {"type": "contains", "value": "b"},
        {"type": "javascript", "value": "1"},
    ]
    report = read_promptfoo([{"type": "contains", "value": "c"}, {"type": "assert-set", "assert": inner, "weight": 2}])
    assert marks(report.grader, "a c") == pytest.approx((1 + 2 * 0.5) / 3)
    assert [step.path for step in report.problems] == ["[1].assert[2]"]


def test_what_differs_from_test_to_test_is_the_reference_answer() -> None:
    text = """
    defaultTest: {assert: [{type: not-contains, value: sorry}]}
    tests:
      - {vars: {q: France}, assert: [{type: equals, value: Paris}]}
      - {vars: {q: Italy}, assert: [{type: equals, value: Rome}]}
    """
    report = read_graders(text)
    assert report.whole
    assert [each["check"]["reference"] for each in report.grader["criteria"]] == [
        "sorry",
        "{{ item.reference_answer }}",
    ]
    assert marks(report.grader, "Rome", reference_answer="Rome") == 1


def test_tests_with_assertions_of_their_own_are_refused_and_the_shared_ones_kept() -> None:
    tests = [{"assert": [{"type": "equals", "value": "a"}]}, {"assert": [{"type": "contains", "value": "b"}]}]
    report = read_promptfoo({"assert": [{"type": "is-json"}], "tests": tests})
    assert report.grader["type"] == "json_fields"
    assert "2 tests have assertions of their own" in report.problems[0].note


@pytest.mark.parametrize("kind", sorted(REFUSED))
def test_what_is_refused_says_what_to_use(kind) -> None:
    report = read_promptfoo([{"type": kind, "value": "x"}, {"type": f"not-{kind}", "value": "x"}])
    assert report.grader is None
    assert [step.what for step in report.problems] == [kind, f"not-{kind}"]
    assert all(step.note.endswith(".") for step in report.problems)


@pytest.mark.parametrize(
    ("assertion", "words"),
    [
        ({"type": "magic", "value": 1}, "no way here"),
        ({"type": "equals"}, "no value"),
        ({"type": "equals", "value": "file://x.txt"}, "another file"),
        ({"type": "equals", "value": "{{ x | upper }}"}, "more than a variable"),
        ({"type": "equals", "value": "{% if x %}a{% endif %}"}, "condition"),
        ({"type": "equals", "value": "a", "transform": "output.trim()"}, "transform"),
        ({"type": "equals", "value": "a", "weight": "many"}, "weight"),
        ({"type": "equals", "value": "a", "weight": -1}, "weight"),
        ({"type": "contains-all", "value": {"a": 1}}, "list of texts"),
        ({"type": "is-json", "value": "file"}, "not JSON"),
        ({"type": "is-json", "value": {"type": 5}}, "5"),
        ({"type": "assert-set", "assert": []}, "None of its"),
        ({"value": "a"}, "no type"),
        ("equals", "no type"),
    ],
)
def test_a_wrong_assertion_is_named(assertion, words) -> None:
    report = read_promptfoo([assertion, {"type": "contains", "value": "kept"}])
    assert words in report.problems[0].note
    assert report.grader["reference"] == "kept"


def test_a_kind_that_is_not_here_is_said_and_nothing_breaks(monkeypatch) -> None:
    for kind in ("regex", "python", "score_model"):
        monkeypatch.delitem(KINDS, kind, raising=False)
    values = {"regex": "a+", "python": "len(output) < 9", "llm-rubric": "Is kind."}
    given = [{"type": kind, "value": value} for kind, value in values.items()]
    report = read_promptfoo(given)
    assert all("not available in this studio" in step.note for step in report.problems)
    assert len(report.problems) == 3


def test_python_becomes_a_source_that_gives_a_number() -> None:
    for value, output, score in (
        ("len(output) < 9", "short", 1.0),
        ("return 0.5", "x", 0.5),
        ("score = 0.25\nreturn {'pass': True, 'score': score}", "x", 0.25),
        ("context['vars']['want'] in output", "b", 0.0),
    ):
        source = MAKERS["python"]({"value": value}).check["source"]
        space: dict = {}
        exec(source, space)
        assert space["grade"]({"output_text": output}, {"want": "a"}) == score


def test_judged_assertions_name_the_judge() -> None:
    made = MAKERS["llm-rubric"]({"value": "Is kind.", "provider": "openai:chat:gpt-4o"})
    assert made.check["model"] == "gpt-4o"
    assert "Is kind." in json.dumps(made.check["input"])


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "nothing here"),
        ("a: [1, 2", "line 2"),
        ('{"type": "equals",, }', "line 1, column"),
        ("x" * 1_000_001, "1,000,000"),
        ("[" * 3000, "nested too deep"),
        (
            "a: &a [x, x]\n"
            + "".join(f"b{n}: &b{n} [*a, *a]\n".replace("*a", f"*b{n - 1}" if n else "*a") for n in range(30)),
            "too many values",
        ),  # fmt: skip
        ("a: .inf", "not a number"),
        ("!!python/object/apply:os.system [ls]", "not valid YAML"),
    ],
)
def test_a_text_that_cannot_be_read_says_where(text, words) -> None:
    with pytest.raises(SpecError) as caught:
        read_graders(text)
    assert words in str(caught.value)


@pytest.mark.parametrize(
    ("text", "source"),
    [
        ('{"type": "string_check", "input": "a", "reference": "a", "operation": "eq"}', "OpenAI grader JSON"),
        ('{"type": "equals", "value": "a"}', "promptfoo assertions"),
        ("assert:\n  - type: contains\n    value: a", "promptfoo assertions"),
        ('[{"type": "python", "value": "True"}]', "promptfoo assertions"),
        ('[{"type": "python", "source": "x"}]', "OpenAI grader JSON"),
        ("prompts: []", "promptfoo assertions"),
        ("hello", "OpenAI grader JSON"),
    ],
)
def test_which_tool_it_comes_from_is_seen(text, source) -> None:
    report = read_graders(text)
    assert report.source == source
    assert report.grader is not None or report.problems
