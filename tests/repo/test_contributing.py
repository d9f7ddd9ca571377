"""CONTRIBUTING.md says the truth about the house, above all how to add a grader kind."""

import re

import pytest

from rftstudio.command.terminal import ROOT
from rftstudio.engine.grading import KINDS
from rftstudio.engine.grading.kind import Spec

TEXT = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
RECIPE = TEXT[TEXT.index("## How to add a grader kind") : TEXT.index("## Tests")]
PATHS = re.findall(r"`((?:rftstudio|templates|tests)/[\w./]+\.\w+)`", RECIPE)


def test_recipe_names_the_files_of_a_kind():
    per_kind = [path for path in PATHS if "KIND" in path]
    assert [path.split("/")[0] for path in per_kind] == ["rftstudio", "tests", "rftstudio", "templates", "templates"]


@pytest.mark.parametrize("kind", sorted(KINDS))
@pytest.mark.parametrize("path", sorted({path for path in PATHS if "KIND" in path}))
def test_every_kind_has_every_file(kind, path):
    assert (ROOT / path.replace("KIND", kind)).is_file()


@pytest.mark.parametrize("path", sorted({path for path in PATHS if "KIND" not in path}))
def test_other_files_it_names_exist(path):
    assert (ROOT / path).is_file()


@pytest.mark.parametrize(("kind", "spec"), sorted(KINDS.items()))
def test_every_kind_is_what_the_recipe_says(kind, spec):
    assert issubclass(spec, Spec)
    assert spec.__module__ == f"rftstudio.engine.grading.{kind}"


def test_no_kind_is_without_a_place_in_the_union():
    """A file with a `type` that no one registered would be dead code."""
    found = set()
    for path in (ROOT / "rftstudio" / "engine" / "grading").glob("*.py"):
        found |= set(re.findall(r'^    type: Literal\["(\w+)"\]', path.read_text(encoding="utf-8"), re.MULTILINE))
    assert found == set(KINDS)


def test_rooms_it_lists_are_the_rooms_there_are():
    listed = set(re.findall(r"^\| `rftstudio/(\w+)/`", TEXT, re.MULTILINE))
    assert listed == {path.parent.name for path in (ROOT / "rftstudio").glob("*/__init__.py")}


def test_programs_it_names_exist():
    for module in re.findall(r"python -m ([\w.]+)", TEXT):
        path = ROOT / module.replace(".", "/")
        assert path.with_suffix(".py").is_file() or (path / "__main__.py").is_file(), module
