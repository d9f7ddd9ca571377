"""`text_similarity`: how alike two texts are, by a published metric, 0..1.

fuzzy_match: rapidfuzz `fuzz.ratio` (normalised indel similarity). bleu: sacrebleu sentence BLEU (13a tokens, effective
order). gleu: nltk (Wu et al. 2016). meteor: nltk, exact and stem stages only: the synonym stage needs the WordNet
corpus, which is not shipped, so an empty one is given. rouge_1..rouge_5, rouge_l: F-measure as in rouge-score (Lin
2004), with Unicode words in place of its ASCII ones and rapidfuzz for the longest common subsequence.
cosine: of the embeddings by a sentence model (see `embedding`); below 0 counts as 0.
"""

import re
from collections.abc import Callable
from functools import cache, cached_property, lru_cache
from importlib import import_module
from typing import Any, ClassVar, Literal

from pydantic import Field

from rftstudio.engine.grading.embedding import cosine
from rftstudio.engine.grading.failure import NoScore
from rftstudio.engine.grading.kind import Spec, TemplateText, Verdict
from rftstudio.engine.grading.template import Template, compile_template
from rftstudio.engine.types import Item, Sample

# Above this product of lengths a pairwise comparison takes seconds (bit-parallel, 64 cells at a time).
MAX_CELLS = 10_000_000_000
_WORD = re.compile(r"[^\W_]+")
_TOKEN = re.compile(r"\w+|[^\w\s]")


class TextSimilarity(Spec):
    """Likeness of `input` and `reference`, 0 (nothing alike) to 1 (the same)."""

    title: ClassVar[str] = "Text similarity"
    summary: ClassVar[str] = "Free text is scored by how close its wording is to the reference."

    type: Literal["text_similarity"] = "text_similarity"
    input: TemplateText = Field(title="What is graded", description="Template for the text that is graded.")
    reference: TemplateText = Field(title="Compared with", description="Template for the text it is compared with.")
    evaluation_metric: Literal[
        "cosine", "fuzzy_match", "bleu", "gleu", "meteor",
        "rouge_1", "rouge_2", "rouge_3", "rouge_4", "rouge_5", "rouge_l",
    ] = Field(
        title="Measure",
        description="cosine compares meaning, by an embedding model; fuzzy_match letters; rouge_l the order of words; "
        "rouge_n and bleu runs of n words; meteor words with their endings ignored; gleu the stricter of precision "
        "and recall.",
    )  # fmt: skip

    @cached_property
    def _templates(self) -> tuple[Template, Template]:
        return compile_template(self.input), compile_template(self.reference)

    def evaluate(self, item: Item, sample: Sample) -> Verdict:
        template, reference_template = self._templates
        text, reference = template.render(item, sample), reference_template.render(item, sample)
        # Without its model, cosine gives no score to anything, not even to the reference itself.
        same = text == reference and self.evaluation_metric != "cosine"
        score = 1.0 if same else _metric(self.evaluation_metric)(text, reference)
        score = min(1.0, max(0.0, float(score)))
        label = self.evaluation_metric.replace("_", " ")
        return Verdict(score, f"Likeness to the reference is {score:.2f} by {label}.")


@cache
def _metric(name: str) -> Callable[[str, str], float]:
    if name == "fuzzy_match":
        return _fuzzy_match
    if name.startswith("rouge_"):
        size = name.removeprefix("rouge_")
        return _rouge_l if size == "l" else _rouge_n(int(size))
    return {"bleu": _bleu, "gleu": _gleu, "meteor": _meteor, "cosine": _cosine}[name]


def _fuzzy_match(text: str, reference: str) -> float:
    _refuse_if_huge(len(text), len(reference))
    return float(import_module("rapidfuzz.fuzz").ratio(text, reference)) / 100


def _cosine(text: str, reference: str) -> float:
    alike = cosine(text, reference)
    return alike if text.strip() else float(text == reference)


def _bleu(text: str, reference: str) -> float:
    return float(_sacrebleu(reference).corpus_score([text], None).score) / 100


@lru_cache(maxsize=1024)
def _sacrebleu(reference: str) -> Any:
    """Sentence BLEU against one reference: a corpus of one, whose reference is cut into n-grams once."""
    return import_module("sacrebleu.metrics").BLEU(effective_order=True, references=[[reference]])


def _gleu(text: str, reference: str) -> float:
    gleu = import_module("nltk.translate.gleu_score")
    return float(gleu.sentence_gleu([_TOKEN.findall(reference)], _TOKEN.findall(text)))


def _meteor(text: str, reference: str) -> float:
    meteor = import_module("nltk.translate.meteor_score")
    words, expected = _TOKEN.findall(text), _TOKEN.findall(reference)
    return float(meteor.single_meteor_score(expected, words, stemmer=_Stemmer(), wordnet=_NoWordNet()))


class _NoWordNet:
    """A WordNet without entries: METEOR's synonym stage then finds nothing."""

    def synsets(self, word: str) -> list[Any]:
        return []


class _Stemmer:
    """nltk's Porter stemmer, remembering words."""

    def stem(self, word: str) -> str:
        return _stem(word)


@cache
def _porter() -> Any:
    return import_module("nltk.stem.porter").PorterStemmer()


@lru_cache(maxsize=65536)
def _stem(word: str) -> str:
    # A word this long is no word, and Porter's rules take quadratic time on it.
    return str(_porter().stem(word)) if len(word) <= 64 else word


class _UnicodeWords:
    """rouge-score's tokenizer keeps only a-z and 0-9; these are the words of any script."""

    def tokenize(self, text: str) -> list[str]:
        return _words(text)


@lru_cache(maxsize=1024)
def _words(text: str) -> list[str]:
    return _WORD.findall(text.casefold())


def _rouge_n(size: int) -> Callable[[str, str], float]:
    key = f"rouge{size}"
    scorer = import_module("rouge_score.rouge_scorer").RougeScorer([key], tokenizer=_UnicodeWords())

    def score(text: str, reference: str) -> float:
        return float(scorer.score(reference, text)[key].fmeasure)

    return score


def _rouge_l(text: str, reference: str) -> float:
    words, expected = _words(text), _words(reference)
    _refuse_if_huge(len(words), len(expected))
    common = int(import_module("rapidfuzz.distance").LCSseq.similarity(words, expected))
    return 2 * common / (len(words) + len(expected)) if common else 0.0


def _refuse_if_huge(length: int, reference_length: int) -> None:
    if length * reference_length > MAX_CELLS:
        raise NoScore("other_error", "The answer and the reference are too long to be compared.")
