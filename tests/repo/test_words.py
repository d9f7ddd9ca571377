"""Nothing unfinished and nothing of one machine in the files that are kept."""

import re
import subprocess

import pytest

from rftstudio.command.terminal import ROOT

FORBIDDEN = {
    "a package registry's host": re.compile(r"\b(pypi|pythonhosted|npmjs|yarnpkg|crates|rubygems)\.(org|com|io)\b"),
    "a path of somebody's machine": re.compile(r"(?<![\w.$}])/((work|root|opt)/\w|(home|Users)/\w{2,})"),
    "something left undone": re.compile(r"\b(TODO|FIXME|XXX|lorem ipsum|coming soon)\b"),
    "debugging left behind": re.compile(r"\b(breakpoint\(\)|pdb\.set_trace|console\.log\()"),
}
SKIPPED = ("static/vendor/", "LICENSE", "requirements.lock", "tests/repo/test_words.py")


def kept_files() -> list[str]:
    listing = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True)
    if listing.returncode:
        pytest.skip("not a git checkout")
    return [name for name in listing.stdout.splitlines() if not name.startswith(SKIPPED)]


def found_in(text: str) -> list[str]:
    return [what for what, pattern in FORBIDDEN.items() if pattern.search(text)]


def test_files_are_free_of_them():
    problems = []
    for name in kept_files():
        path = ROOT / name
        if path.suffix in (".png", ".gz", ".xlsx", ".parquet") or not path.is_file():
            continue
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
            problems += [f"{name}:{number} has {what}" for what in found_in(line)]
    assert problems == []


@pytest.mark.parametrize(
    "text",
    ["see https://" + "pypi" + ".org/simple", "open('/root/x')", "# TODO later", "console.log(1)"],
)
def test_the_search_bites(text):
    assert found_in(text)
