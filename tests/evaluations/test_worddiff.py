"""Which words are marked, and that nothing of a text is lost."""

import random
import time

import pytest

from rftstudio.evaluations.worddiff import MAX_WORDS, word_diff


def marked(pieces):
    return [piece.text for piece in pieces if piece.only]


def whole(pieces):
    return "".join(piece.text for piece in pieces)


def test_only_the_words_that_differ_are_marked():
    diff = word_diff("The answer is emergency, I think.", "The answer is billing, I am sure.")
    assert marked(diff.base) == ["emergency", "think"]
    assert marked(diff.tuned) == ["billing", "am sure"]
    assert not diff.same


def test_equal_texts_have_nothing_marked():
    assert word_diff("billing", "billing").same
    assert word_diff("", "").same


def test_white_space_alone_is_no_difference():
    assert word_diff("a  b\nc", "a b c").same


def test_an_empty_answer():
    diff = word_diff("", "billing")
    assert (diff.base, marked(diff.tuned)) == ((), ["billing"])


def test_words_with_apostrophes_and_accents_are_whole():
    diff = word_diff("don’t naïve", "do naïve")
    assert (marked(diff.base), marked(diff.tuned)) == (["don’t"], ["do"])


@pytest.mark.parametrize("seed", range(20))
def test_the_pieces_give_the_texts_back(seed):
    rng = random.Random(seed)
    words = ["a", "b,", " ", "\n", "  ", "(c)", "é", "<b>", "1.5"]
    base, tuned = ("".join(rng.choices(words, k=rng.randint(0, 30))) for _ in range(2))
    diff = word_diff(base, tuned)
    assert (whole(diff.base), whole(diff.tuned)) == (base, tuned)


def test_very_long_answers_are_shown_unmarked_and_soon():
    base, tuned = "word " * (MAX_WORDS + 1), "other " * (MAX_WORDS + 1)
    started = time.perf_counter()
    diff = word_diff(base, tuned)
    assert not diff.compared
    assert not diff.same
    assert (whole(diff.base), marked(diff.base)) == (base, [])
    assert time.perf_counter() - started < 1


def test_long_answers_are_marked_soon():
    rng = random.Random(1)
    base, tuned = (" ".join(f"w{rng.randrange(300)}" for _ in range(3000)) for _ in range(2))
    started = time.perf_counter()
    assert word_diff(base, tuned).compared
    assert time.perf_counter() - started < 2
