"""A Python grader on the pages: typed, checked, tried, kept where it cannot be run."""

import json

import pytest
from django.urls import reverse

from rftstudio.engine.errors import SpecError
from rftstudio.engine.grading.sandbox import detect
from rftstudio.engine.grading.sandbox import pool as pools
from rftstudio.graders import actions
from rftstudio.graders.checking import find_errors
from rftstudio.graders.forms.tree import Node, texts_of
from tests.factories import make_grader, make_taskset

SPEC = {
    "type": "python",
    "source": "def grade(sample, item):\n    return float(sample['output_text'] == item['reference_answer'])\n",
}


@pytest.fixture
def taskset(workspace, bob):
    return make_taskset(workspace=workspace, by=bob)


@pytest.fixture
def runs():
    if refusal := detect.detect().refusal:
        pytest.skip(refusal)


@pytest.fixture
def no_sandbox(monkeypatch):
    monkeypatch.setattr(pools, "_pool", None)
    monkeypatch.setattr(detect, "_found", detect.Detection(None, {"seccomp": "the kernel has none"}))


def test_it_is_published_where_it_marks_its_references(runs, taskset, bob):
    grader = make_grader(taskset=taskset, by=bob, spec=SPEC, published=True)
    assert grader.latest_version.spec == {**SPEC, "name": ""}


def test_the_page_shows_the_source_with_numbers(taskset, bob, as_bob):
    grader = make_grader(taskset=taskset, by=bob, spec=SPEC)
    page = as_bob.get(f"/graders/{grader.pk}/").content.decode()
    assert 'data-code="python"' in page
    assert "def grade(sample, item):" in page
    assert "1\n2\n3" in page


def test_a_mistake_stands_at_the_source_with_its_line(taskset):
    spec = {**SPEC, "source": "def grade(sample, item)\n    return 1\n"}
    node = Node(texts_of(spec))
    node.place(find_errors(taskset, node.spec))
    assert "Line 1, column 24" in node.form.errors["source"][0]


@pytest.mark.parametrize("spec", [SPEC, {**SPEC, "engine": "monty"}])
def test_it_comes_back_from_its_form(spec):
    if "engine" in spec:
        pytest.importorskip("pydantic_monty")
    assert Node(texts_of(spec)).spec == spec


def test_the_largest_source_fits(taskset, bob):
    source = SPEC["source"] + "# " + '"' * 250_000 + "\n"
    assert make_grader(taskset=taskset, by=bob, spec={**SPEC, "source": source}).spec["source"] == source


def test_without_a_sandbox_it_is_saved_and_not_published(no_sandbox, taskset, bob):
    grader = make_grader(taskset=taskset, by=bob, spec=SPEC)
    saved = {**SPEC, "source": SPEC["source"] + "# changed\n"}
    assert actions.save_draft(grader=grader, spec=saved, by=bob).spec["source"].endswith("# changed\n")
    with pytest.raises(SpecError, match="CONFIG_SECCOMP_FILTER"):
        actions.publish_grader(grader=grader, by=bob)


def test_an_endless_loop_does_not_hold_the_page(runs, taskset, bob, as_bob, monkeypatch):
    monkeypatch.setattr("rftstudio.graders.tryout.MAX_SECONDS", 0.3)
    endless = {**SPEC, "source": "def grade(sample, item):\n    while True:\n        pass\n"}
    grader = make_grader(taskset=taskset, by=bob, spec=endless)
    page = as_bob.get(f"/graders/{grader.pk}/").content.decode()
    assert "longer than 0.3 s" in page


def test_the_json_of_a_grader_stays_json(taskset, bob):
    grader = make_grader(taskset=taskset, by=bob, spec=SPEC)
    assert json.loads(json.dumps(grader.spec)) == grader.spec


def test_a_new_one_starts_with_monty_only_where_there_is_no_sandbox(no_sandbox, taskset, bob, as_bob):
    address = reverse("graders:create", args=[taskset.pk])
    as_bob.post(address, {"kind": "python", "name": "Where there is none"})
    grader = taskset.graders.get(name="Where there is none")
    assert grader.spec["engine"] == "monty"
    assert actions.publish_grader(grader=grader, by=bob).number == 1


def test_a_new_one_starts_in_the_sandbox_where_there_is_one(runs, taskset, as_bob):
    as_bob.post(reverse("graders:create", args=[taskset.pk]), {"kind": "python", "name": "Usual"})
    assert taskset.graders.get(name="Usual").spec.get("engine") is None
