"""The virtual environment with the pinned packages, Debian packages for the tests, and the lock itself.

requirements.lock constrains what pyproject.toml asks for; its hash decides whether anything is installed again.
"""

import ast
import contextlib
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rftstudio.command.place import GIGABYTE, check_disk
from rftstudio.command.terminal import ROOT, Refusal, say, step

VENV = ROOT / ".venv"
PYTHON = str(VENV / "bin" / "python")
LOCK = ROOT / "requirements.lock"
INSTALLED = VENV / "studio.json"


def make_environment(*extras: str) -> None:
    """Installs what is missing, with the optional dependencies named; raises Refusal when it cannot be had."""
    before = _installed()
    if os.environ.get("DATABASE_URL", "").startswith("postgres"):
        extras = (*extras, "postgres")
    lock = hashlib.sha256(LOCK.read_bytes()).hexdigest()
    if before.get("lock") == lock and set(extras) <= set(before["extras"]):
        return
    check_disk(ROOT, (0.5 if before else 3) * GIGABYTE, "installing the packages")
    wanted = sorted({*extras, *before.get("extras", [])})
    if not Path(PYTHON).exists():
        _make_venv()
    _install(wanted)
    INSTALLED.write_text(json.dumps({"lock": lock, "place": str(VENV), "extras": wanted}))


def _installed() -> dict[str, Any]:
    """What was installed here, by INSTALLED; clears away an environment that was moved or lost its Python."""
    before: dict[str, Any] = {}
    with contextlib.suppress(OSError, ValueError):
        before = json.loads(INSTALLED.read_text())
    if not Path(PYTHON).exists() or before.get("place", str(VENV)) != str(VENV):
        shutil.rmtree(VENV, ignore_errors=True)
        return {}
    return before


def _make_venv() -> None:
    try:
        step("Virtual environment", [sys.executable, "-m", "venv", str(VENV)])
    except Refusal as refusal:
        shutil.rmtree(VENV, ignore_errors=True)
        hint = f"apt-get install python3.{sys.version_info[1]}-venv"
        raise Refusal(f"{refusal}\n  On Debian and Ubuntu: {hint}, then start again.") from None


def _install(extras: Sequence[str]) -> None:
    """uv with the builds of PyTorch that suit the machine, one after another; pip as the last resort."""
    links, options, env = pip_options()
    packages = requirements(extras)
    pip = [PYTHON, "-m", "pip", "install", "--progress-bar=off", "--constraint", str(LOCK), *packages]
    uv = [PYTHON, "-m", "uv", "pip", "install", "--python", PYTHON, *options, "--constraint", str(LOCK), *packages]
    attempts = [[*uv, *build] for build in torch_builds(links)]
    try:
        pin = re.findall(r"^uv==\S+", LOCK.read_text(), re.MULTILINE)
        step("Installer", [PYTHON, "-m", "pip", "install", "--quiet", *pin])
    except Refusal:
        attempts = []
    for number, command in enumerate(attempts, start=1):
        with contextlib.suppress(Refusal):
            step("Packages", command, env)
            return
        if number < len(attempts):
            say("  No CPU build of PyTorch there. The full one comes with CUDA: some 3 GB to download, 8 GB on disk")
    try:
        step("Packages, with pip", pip, env)
    except Refusal as refusal:
        raise Refusal(f"{refusal}\n  Is this machine online, and can it reach its package index?") from None


def requirements(extras: Sequence[str]) -> list[str]:
    """The project's direct dependencies with those of the extras, as pyproject.toml lists them."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    found = list(project["dependencies"])
    for extra in extras:
        for requirement in project["optional-dependencies"][extra]:
            own = re.fullmatch(rf"{project['name']}\[(\w+)\]", requirement)  # an extra that contains another
            found += project["optional-dependencies"][own[1]] if own else [requirement]
    return found


def pip_options() -> tuple[list[str], list[str], dict[str, str]]:
    """What pip was told on this machine: its find-links, all of it as uv's options, and uv's environment.

    uv reads no pip configuration. An index that is a folder is left out: uv stops at one that is missing, pip does not.
    """
    told: dict[str, list[str]] = {}
    for line in _pip_config().splitlines():
        key, _, value = line.partition("=")
        with contextlib.suppress(ValueError, SyntaxError):
            told.setdefault(key.rpartition(".")[2], []).extend(str(ast.literal_eval(value)).split())
    links = list(dict.fromkeys(told.get("find-links", [])))
    options = [word for link in links for word in ("--find-links", link)]
    for index in told.get("index-url", [])[-1:]:
        options += ["--default-index", index]
    for index in dict.fromkeys(told.get("extra-index-url", [])):
        options += [] if index.startswith("file:") else ["--index", index]
    env = dict(os.environ)
    if told.get("cert"):
        env.setdefault("SSL_CERT_FILE", told["cert"][0])
    return links, options, env


def _pip_config() -> str:

    return subprocess.run([PYTHON, "-m", "pip", "config", "list"], capture_output=True, text=True).stdout


def torch_builds(links: Sequence[str]) -> list[list[str]]:
    """uv's options for PyTorch, the best first: a machine without an NVIDIA card is spared gigabytes of CUDA."""
    tag = f"-cp{sys.version_info[0]}{sys.version_info[1]}-"
    folders = [Path(link) for link in links if Path(link).is_dir()]
    local = any(tag in wheel.name for folder in folders for wheel in folder.glob("torch-*.whl"))
    if sys.platform != "linux" or local:
        return [[]]
    if shutil.which("nvidia-smi") or Path("/dev/nvidia0").exists():
        say("  An NVIDIA card is here: PyTorch comes with CUDA, some 3 GB to download and 8 GB on disk")
        check_disk(ROOT, 10 * GIGABYTE, "PyTorch with CUDA")
        return [[]]
    return [["--torch-backend=cpu"], []]


def system_package(package: str, purpose: str, programs: Sequence[str], places: str = "") -> None:
    """Sees to a program of the tests: as root its Debian package is installed; else Refusal says how to get it."""
    if any(shutil.which(program) for program in programs) or (places and any(Path("/").glob(places))):
        return
    if not (shutil.which("apt-get") and os.geteuid() == 0):
        raise Refusal(f"{purpose} need {programs[0]}, which is not on PATH. Install {package}, or use --fast.")
    env = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    step("List of Debian packages", ["apt-get", "update"], env)
    step(f"Debian package {package}", ["apt-get", "install", "-y", "--no-install-recommends", package], env)


def lock() -> None:
    """Resolves pyproject.toml anew into requirements.lock. CUDA's packages are left out: PyTorch pins them itself."""
    make_environment("dev")
    _, options, env = pip_options()
    while "--find-links" in options:  # a folder of this machine's own builds has no place in the lock
        at = options.index("--find-links")
        del options[at : at + 2]
    with tempfile.TemporaryDirectory() as scratch:
        made = Path(scratch) / "lock"
        command = [PYTHON, "-m", "uv", "pip", "compile", "pyproject.toml", "--extra", "dev", "--universal", "--quiet"]
        command += ["--python-version", "3.11", "--no-header", "--no-annotate", "--no-emit-index-url", *options]
        step("Resolving", [*command, "--no-emit-find-links", "-o", str(made)], env)
        rows = [row for row in made.read_text().splitlines() if not re.match(r"nvidia-|cuda-|triton", row)]
    names = [row.split("==")[0] for row in rows]
    # The lock only constrains, so that a marker matters where a package is pinned twice and nowhere else.
    rows = [row if names.count(row.split("==")[0]) > 1 else row.split(" ;")[0] for row in rows]
    LOCK.write_text("\n".join(rows) + "\n")
    say(f"  {len(rows)} packages in requirements.lock")
