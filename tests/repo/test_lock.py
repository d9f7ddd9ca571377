"""The lock pins everything, and says nothing of the machine that made it."""

import re
import tomllib

from rftstudio.command.environment import requirements
from rftstudio.command.terminal import ROOT

LOCK = (ROOT / "requirements.lock").read_text(encoding="utf-8").splitlines()
PINS = {row.split("==")[0]: row.split("==")[1].split(" ")[0] for row in LOCK}


def normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def test_every_row_is_a_plain_pin():
    assert [row for row in LOCK if not re.fullmatch(r"[a-z0-9-]+==[0-9][a-z0-9.]*( ; .*)?", row)] == []


def test_pytorch_is_left_to_the_machine():
    assert not [row for row in LOCK if re.match(r"nvidia-|cuda-|triton", row) or "+" in row]


def test_direct_dependencies_are_pinned_alike():
    for requirement in requirements(["dev"]):
        name, version = re.sub(r"\[.*?\]", "", requirement).split("==")
        assert PINS[normal(name)] == version, f"run ./studio lock: {requirement} is not in requirements.lock"


def test_dev_brings_postgres_along():
    assert [row for row in requirements(["dev"]) if row.startswith("psycopg[")]
    assert not [row for row in requirements([]) if row.startswith(("psycopg[", "pytest"))]


def test_version_is_said_once_over():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert f'__version__ = "{project["version"]}"' in (ROOT / "rftstudio" / "__init__.py").read_text(encoding="utf-8")
