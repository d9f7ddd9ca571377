"""Every finding of a readiness check: answers that give it and answers that must not."""

import pytest

from rftstudio.engine.stats.findings import Setup, judge
from rftstudio.engine.stats.readiness import Tried, Try, measure

LABELS = ["a", "b", "c", "d"]
SETUP = Setup(n_train=100, n_examples=4, limit=32, context=2048)


def tried(number, said, reference=None, **more):
    """Eight answers, a letter each; right where it is the reference, unreadable where it is `-`."""
    reference = reference or LABELS[number % 4]
    tries = [
        Try(float(letter == reference), meaning="" if letter == "-" else letter, tokens=2, **more) for letter in said
    ]
    return Tried(f"i{number}", reference, tries)


def scored(*rows):
    return [Tried(f"i{n}", "a", [Try(s, meaning=f"m{n}{k}") for k, s in enumerate(row)]) for n, row in enumerate(rows)]


def lacking(share, of=20):
    """Of every item's eight answers the last ones have no score."""
    gone = round(share * 8)
    tries = [Try(1.0, meaning="a")] * 4 + [Try(0.0, meaning="b")] * 4
    kept = [*tries[: 8 - gone], *[Try(None, flag="model_grader_server_error")] * gone]
    return [Tried(f"i{n}", LABELS[n % 4], kept) for n in range(of)]


def told(items, setup=SETUP, labels=()):
    verdict, findings = judge(measure(items, samples=8, labels=labels), setup)
    return verdict, {finding.slug: finding for finding in findings}


def right(share, count=20):
    """Items of which that many are right eight times, the others half of the times."""
    full = round(share * count)
    answers = [LABELS[n % 4] * 8 if n < full else "abcdabcd" for n in range(count)]
    return [tried(n, said) for n, said in enumerate(answers)]


def flat(share, count=20):
    """Items of which that many are wrong eight times, each in its own way, the others right now and then."""
    full = round(share * count)
    return [tried(n, "zyxwvuts" if n < full else "abcdabcd") for n in range(count)]


def cut(share):
    return [
        Tried(f"i{n}", "a", [Try(float(k % 2), meaning=f"{n}{k}", truncated=k < share * 8) for k in range(8)])
        for n in range(10)
    ]


GOOD = [tried(n, "abcdabcd") for n in range(20)]


def test_a_task_that_will_train():
    verdict, findings = told(GOOD)
    assert (verdict, findings) == ("ready", {})


ZERO = [tried(n, "zyxwvuts") for n in range(20)]
SAME_PARTS = scored(*[[0.5] * 8] * 20)


@pytest.mark.parametrize(
    ("slug", "level", "gives", "gives_not"),
    [
        ("all_zero", "stop", ZERO, [*ZERO[:19], tried(19, "abcdabcd")]),
        ("no_spread", "stop", SAME_PARTS, flat(0.9)),
        ("no_spread", "stop", flat(0.98, count=50), right(1.0)),
        ("little_spread", "weak", flat(0.8), flat(0.7)),
        ("solved", "stop", right(0.95), right(0.8)),
        ("many_solved", "weak", right(0.6), right(0.4)),
        ("some_solved", "note", right(0.2), right(0.05)),
        ("grader_fails", "weak", lacking(0.25), lacking(0.0)),
        ("grader_fails", "stop", lacking(0.625), lacking(0.0)),
        ("truncated", "weak", cut(0.125), [*cut(0.125)[:6], *cut(0.0)[6:]]),
        ("truncated", "stop", cut(0.75), cut(0.0)),
        ("unreadable", "weak", [tried(n, "abcd----") for n in range(20)], [tried(n, "abcdab--") for n in range(20)]),
        ("same_answer", "weak", [tried(n, "bbbbbbbc") for n in range(20)], [tried(n, "bbbbacdc") for n in range(20)]),
        ("suspects", "note", [*GOOD, tried(21, "cccccccc", "b")], GOOD),
        ("suspects", "weak", [*GOOD, *[tried(n, f"{n}"[0] * 8, "b") for n in (30, 40, 50)]], GOOD),
    ],
)
def test_each_finding_has_its_case_and_its_counter_case(slug, level, gives, gives_not):
    verdict, findings = told(gives)
    assert slug in findings, findings
    assert findings[slug].level == level
    assert findings[slug].remedies
    assert verdict == {"stop": "not_yet", "weak": "weak"}.get(level, verdict)
    assert slug not in told(gives_not)[1]


def test_a_right_answer_to_everything_is_no_habit():
    one_label = [tried(n, "bbbbbbbc", reference="b") for n in range(20)]
    assert "same_answer" not in told(one_label)[1]


def test_guessing_is_told_where_there_are_labels():
    assert told(GOOD, labels=LABELS)[1]["chance"].level == "note"
    better = [tried(n, LABELS[n % 4] * 6 + "ab") for n in range(20)]
    assert "chance" not in told(better, labels=LABELS)[1]
    assert "chance" not in told(GOOD)[1]


def test_few_tasks():
    assert "few_tasks" in told(GOOD, Setup(n_train=10, n_examples=4, limit=32))[1]
    assert "few_tasks" not in told(GOOD, Setup(n_train=24, n_examples=4, limit=32))[1]


def test_without_any_score_the_grader_is_the_only_finding():
    nothing = [Tried("i", "a", [Try(None, meaning="a", flag="other_error")] * 8)]
    verdict, findings = told(nothing)
    assert (verdict, list(findings)) == ("not_yet", ["grader_fails"])
    assert "(another failure: 8)" in findings["grader_fails"].text


def test_penalties_that_differ_are_something_to_learn_from():
    rows = scored(*[[-7.0, -3.0, 0.0, -1.0]] * 20)
    assert told(rows)[0] == "ready"
    assert "all_zero" in told(scored(*[[-1.0] * 4] * 20))[1]


def test_what_runs_past_a_label_is_not_cut_short():
    labels = Setup(n_train=100, n_examples=4, limit=16, context=2048, enough=True)
    verdict, findings = told(cut(0.75), labels)
    assert (verdict, findings["truncated"].remedies) == ("weak", ("examples", "instructions"))
    assert told(cut(0.75))[0] == "not_yet"


def test_a_task_with_answers_that_nobody_marked_is_not_solved():
    whole = Tried("whole", "a", [Try(1.0, meaning="a")] * 8)
    partly = Tried("partly", "a", [Try(1.0, meaning="a")] + [Try(None, flag="other_error")] * 7)
    assert measure([whole, partly], samples=8).solved == ("whole",)


def test_worked_examples_come_first_where_there_are_none():
    none = Setup(n_train=100, n_examples=0, limit=32)
    assert told(ZERO, none)[1]["all_zero"].remedies[0] == "examples"
    assert told(ZERO)[1]["all_zero"].remedies[0] == "soften"


def test_a_longer_answer_is_proposed_as_far_as_the_model_reads():
    assert told(cut(0.5))[1]["truncated"].values == {"max_completion_length": 64}
    small = told(cut(0.5), Setup(n_train=100, n_examples=4, limit=32, context=100))[1]["truncated"]
    assert small.values == {"max_completion_length": 50}
    full = told(cut(0.5), Setup(n_train=100, n_examples=4, limit=32, context=64))[1]["truncated"]
    assert full.remedies == ("instructions",)


def test_solved_items_are_named():
    assert told(right(0.2))[1]["some_solved"].items == ("i0", "i1", "i2", "i3")


def test_the_gravest_comes_first():
    _, findings = judge(measure(ZERO, samples=8), Setup(n_train=3, n_examples=0, limit=32))
    assert [finding.level for finding in findings] == ["stop", "weak"]
