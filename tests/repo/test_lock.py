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


# Needed without an import of ours: by Django's hasher, as a program, by Transformers' GGUF reader, by its Trainer.
USED_OTHERWISE = {"argon2-cffi", "gunicorn", "gguf", "accelerate"}
MODULES = {
    "celery[redis]": "celery",
    "django-axes": "axes",
    "django-csp": "csp",
    "django-environ": "environ",
    "django-template-partials": "template_partials",
    "google-re2": "re2",
    "markdown-it-py": "markdown_it",
    "pyyaml": "yaml",
}


def test_nothing_is_installed_that_nobody_uses():
    code = "\n".join(path.read_text(encoding="utf-8") for path in (ROOT / "rftstudio").rglob("*.py"))
    for requirement in requirements([]):
        name = requirement.split("==")[0]
        module = MODULES.get(name, name.replace("-", "_"))
        if name not in USED_OTHERWISE:
            assert re.search(rf"(import|from) {module}\b|[\"']{module}\b", code), f"{name} is used nowhere"
