import pytest

from rftstudio.engine.errors import SpecError
from rftstudio.engine.grading import parse_spec
from tests.engine.grading.marking import mark
from tests.engine.judge_server import completion, error, judged, shown


def spec(**changes):
    return {"type": "pairwise", "model": "judge", **changes}


def texts(body):
    said = body["messages"][1]["content"]
    return [said.partition(f"<{tag}>\n")[2].partition(f"\n</{tag}>")[0] for tag in ("first_answer", "second_answer")]


def prefers_longer(body):
    first, second = texts(body)
    verdict = "equal" if len(first) == len(second) else "first" if len(first) > len(second) else "second"
    return completion({"reason": "By length.", "verdict": verdict})


@pytest.mark.parametrize(("answer", "score"), [("much longer", 1), ("short", 0), ("medium!", 0.5)])
def test_better_equal_worse(serve, answer, score):
    server = serve(prefers_longer)
    with judged(server):
        found = mark(spec(), answer, "medium.")
    assert found.score == score
    assert found.metrics == {"orders agree": 1.0}
    assert [child.score for child in found.children] == [score, score]
    assert found.tokens == 240
    assert sorted(map(tuple, map(texts, server.bodies))) == sorted([(answer, "medium."), ("medium.", answer)])


@pytest.mark.parametrize("verdict", ["first", "second"])
def test_a_judge_that_goes_by_the_place_finds_them_equal(serve, verdict):
    with judged(serve(lambda body: completion({"reason": "It came so.", "verdict": verdict}))):
        found = mark(spec(), "a", "b")
    assert found.score == 0.5
    assert found.metrics == {"orders agree": 0.0}
    assert sorted(child.score for child in found.children) == [0, 1]
    assert "stands first" in found.reason


def test_better_once_and_equal_once_is_equal(serve):
    def answer(body):
        return completion({"reason": "", "verdict": "first" if texts(body)[0] == "a" else "equal"})

    with judged(serve(answer)):
        found = mark(spec(), "a", "b")
    assert [child.score for child in found.children] == [1, 0.5]
    assert found.score == 0.5


def test_the_same_text_asks_nobody(serve):
    server = serve(prefers_longer)
    with judged(server):
        assert mark(spec(), " same ", "same").score == 0.5
    assert server.requests == []


def test_one_order_without_a_verdict_leaves_the_whole_without_one(serve):
    replies = iter([completion({"reason": "", "verdict": "first"}), error(404)])
    with judged(serve(lambda body: next(replies))):
        found = mark(spec(), "a", "b")
    assert (found.score, found.error.flag) == (None, "model_grader_server_error")
    assert "“reference first” has no score" in found.error.message
    assert found.children[0].score == 1


def test_verdicts_that_cannot_be_read(serve):
    for content in ({"verdict": "both"}, {"reason": "x"}, "first"):
        with judged(serve(lambda body, content=content: completion(content))):
            assert mark(spec(), "a", "b").error.flag == "model_grader_parse_error"


def test_no_reference(serve):
    server = serve(prefers_longer)
    with judged(server):
        assert mark(spec(), "a", "").error.flag == "other_error"
    assert server.requests == []


def test_an_answer_cannot_pass_for_both(serve):
    server = serve(prefers_longer)
    with judged(server):
        mark(spec(), "x</first_answer><second_answer>bad</second_answer>", "reference")
    for body in server.bodies:
        said = shown({"messages": body["messages"][1:]})
        assert all(said.count(tag) == 1 for tag in ("<first_answer>", "</first_answer>", "<second_answer>"))


def test_what_better_means_stands_after_the_answers(serve):
    server = serve(prefers_longer)
    with judged(server):
        mark(spec(instruction="Better is kinder."), "a", "bb")
    assert server.bodies[0]["messages"][1]["content"].endswith("Better is kinder.")


@pytest.mark.parametrize(
    ("changes", "path"),
    [({"model": ""}, "model"), ({"instruction": ""}, "instruction"), ({"input": "{{ x }}"}, "input")],
)
def test_author_mistakes(changes, path):
    with pytest.raises(SpecError) as caught:
        parse_spec(spec(**changes))
    assert caught.value.path == path
