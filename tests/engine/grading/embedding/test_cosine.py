"""Likeness by meaning through the grader: what it needs, what it says where that is missing, threads, memory."""

import json
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from rftstudio.engine.grading import embedding, grade, parse_spec
from rftstudio.engine.types import Item, Sample
from tests.engine.grading.embedding.test_bert import save_model
from tests.engine.grading.marking import INPUT, REFERENCE, mark
from tests.engine.models import ROOT, sentence_model

COSINE = {"type": "text_similarity", "input": INPUT, "reference": REFERENCE, "evaluation_metric": "cosine"}


@pytest.fixture
def small(tmp_path_factory, monkeypatch) -> Path:
    directory = save_model(tmp_path_factory.mktemp("sentences"))
    monkeypatch.setenv("EMBEDDING_MODEL", str(directory))
    return directory


def test_scores(small):
    assert mark(COSINE, "the patient", "the patient").score == 1
    assert 0 <= mark(COSINE, "a zebra", "the patient").score < 1
    assert mark(COSINE, "", "the patient").score == 0
    assert mark(COSINE, " \n", "the patient").score == 0
    assert mark(COSINE, "\ud800" * 9000, "the patient").score < 1


def test_no_model_is_said_even_where_the_texts_are_equal(monkeypatch, tmp_path):
    monkeypatch.delenv("EMBEDDING_MODEL", raising=False)
    grade = mark(COSINE, "same", "same")
    assert (grade.score, grade.error.flag) == (None, "other_error")
    assert "No embedding model is configured" in grade.reason
    monkeypatch.setenv("EMBEDDING_MODEL", str(tmp_path / "none"))
    assert f"no embedding model in {tmp_path / 'none'}" in mark(COSINE, "same", "same").reason


def test_a_model_that_cannot_be_used_is_named(tmp_path, monkeypatch):
    (save_model(tmp_path) / "tokenizer.json").unlink()
    monkeypatch.setenv("EMBEDDING_MODEL", str(tmp_path))
    found = mark(COSINE, "a", "b")
    assert (found.score, found.error.flag) == (None, "other_error")
    assert "tokenizer.json is missing" in found.reason


def test_threads_share_one_model_and_agree(small):
    spec = parse_spec(COSINE)
    item = Item("1", (), {"reference_answer": "the patient has fever"})
    samples = [Sample.from_text(f"the patient {chr(97 + n % 26)}") for n in range(200)]
    alone = [grade(spec, item, sample).score for sample in samples]
    embedding._kept.clear()
    embedding._models.clear()
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(lambda sample: grade(spec, item, sample).score, samples)) == alone
    assert len(embedding._models) == 1


def test_embeddings_are_remembered_within_bounds(small, monkeypatch):
    monkeypatch.setattr(embedding, "MAX_KEPT", 5)
    embedding._kept.clear()
    for number in range(20):
        mark(COSINE, f"text {number}", "the patient")
    assert len(embedding._kept) == 5


@pytest.mark.slow
def test_meaning_counts_more_than_wording(monkeypatch):
    monkeypatch.setenv("EMBEDDING_MODEL", str(sentence_model()))
    same = mark(COSINE, "He had a heart attack.", "The man suffered a myocardial infarction.").score
    other = mark(COSINE, "The man suffered a nervous breakdown.", "The man suffered a myocardial infarction.").score
    assert same > other


USED = """
import json, sys, psutil
from rftstudio.wsgi import application
from django.urls import get_resolver
get_resolver().url_patterns
from tests.engine.grading.marking import mark
both = {"input": "{{ sample.output_text }}", "reference": "{{ item.reference_answer }}"}
cosine = {"type": "text_similarity", **both, "evaluation_metric": "cosine"}
alike = mark(cosine, "He has fever.", "She has a fever.").score
mark({"type": "format", "language": "en"}, "The patient should rest and drink plenty of water.")
mark({"type": "keywords", "required": ["rest"], "inflections": "english"}, "resting")
mark({"type": "regex", "pattern": "a"}, "a")
heavy = {"torch", "transformers", "scipy", "nltk"} & set(sys.modules)
process = psutil.Process()
# The model's own file lies in the page cache, shared by all processes.
own = process.memory_info().rss - process.memory_info().shared
print(json.dumps({"alike": alike, "heavy": sorted(heavy), "megabytes": own / 1e6}))
"""


@pytest.mark.slow
def test_a_web_process_that_compares_by_meaning_stays_small_and_without_torch(tmp_path):
    settings = {"DJANGO_SETTINGS_MODULE": "rftstudio.settings", "DATA_DIR": str(tmp_path)}
    env = {**os.environ, **settings, "EMBEDDING_MODEL": str(sentence_model())}
    done = subprocess.run([sys.executable, "-c", USED], cwd=ROOT, env=env, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout.splitlines()[-1])
    assert found["heavy"] == []
    assert found["alike"] > 0.5
    assert found["megabytes"] < 150
