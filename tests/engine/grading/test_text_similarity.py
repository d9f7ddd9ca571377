import pytest
from nltk.translate.gleu_score import sentence_gleu
from rouge_score.rouge_scorer import RougeScorer

from rftstudio.engine.errors import SpecError
from rftstudio.engine.grading import parse_spec
from tests.engine.grading.marking import INPUT, REFERENCE, mark

METRICS = ["fuzzy_match", "bleu", "gleu", "meteor", "rouge_1", "rouge_2", "rouge_3", "rouge_4", "rouge_5", "rouge_l"]
GOLD = "It is a guide to action that ensures that the military will forever heed Party commands"
CLOSE = "It is a guide to action which ensures that the military always obeys the commands of the party"
FAR = "Green apples fell off seven wagons yesterday evening"


def likeness(metric, text, reference=GOLD):
    spec = {"type": "text_similarity", "input": INPUT, "reference": REFERENCE, "evaluation_metric": metric}
    return mark({**spec, "pass_threshold": 0.8}, text, reference).score


@pytest.mark.parametrize("metric", METRICS)
def test_orders_same_close_far(metric):
    same, close, far = (likeness(metric, text) for text in (GOLD, CLOSE, FAR))
    assert same == 1
    assert same > close >= far
    assert 0 <= far < 0.5
    assert close > 0 or metric == "rouge_5"


@pytest.mark.parametrize("metric", METRICS)
def test_empty_answer_scores_zero(metric):
    assert likeness(metric, "") == 0


@pytest.mark.parametrize(
    ("metric", "key"), [(f"rouge_{n}", f"rouge{n}") for n in (1, 2, 3, 4, 5)] + [("rouge_l", "rougeL")]
)
def test_rouge_equals_the_reference_implementation(metric, key):
    expected = RougeScorer([key]).score(GOLD, CLOSE)[key].fmeasure
    assert likeness(metric, CLOSE) == pytest.approx(expected)


def test_known_values():
    # 2·common/(a+b) for the longest common subsequence "abc" of "abcd" and "abce".
    assert likeness("fuzzy_match", "abce", "abcd") == pytest.approx(0.75)
    assert likeness("gleu", CLOSE) == pytest.approx(sentence_gleu([GOLD.split()], CLOSE.split()))
    # nltk's own documentation gives 0.6944 for these two with WordNet; without synonyms it cannot be more.
    assert 0.5 < likeness("meteor", CLOSE) <= 0.6945
    assert likeness("meteor", "the dogs walked", "the dog walks") > 0.9


def test_rouge_reads_other_scripts():
    assert likeness("rouge_1", "Θεραπεία με ασπιρίνη", "θεραπεία με ασπιρίνη") == pytest.approx(1)
    assert likeness("rouge_l", "Übelkeit und Fieber", "Fieber und Übelkeit") < 1


def test_a_measure_that_does_not_exist_is_refused():
    with pytest.raises(SpecError) as caught:
        parse_spec({"type": "text_similarity", "input": "a", "reference": "b", "evaluation_metric": "bert_score"})
    assert caught.value.path == "evaluation_metric"
    assert "fuzzy_match" in caught.value.fix
