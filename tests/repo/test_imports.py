"""Who may import whom, and what the web process must not carry."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from rftstudio.command.terminal import ROOT

PROBE = """
import json, psutil, sys
from rftstudio.wsgi import application
from django.urls import get_resolver
get_resolver().url_patterns
heavy = {"torch", "transformers", "trl", "peft", "datasets", "huggingface_hub"} & set(sys.modules)
print(json.dumps({"heavy": sorted(heavy), "megabytes": psutil.Process().memory_info().rss / 1e6}))
"""


def test_contracts_are_kept():
    program = Path(sys.executable).parent / "lint-imports"
    done = subprocess.run([program, "--no-logo", "--no-cache"], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout


@pytest.fixture(scope="module")
def web_process(tmp_path_factory) -> dict:
    env = {
        **os.environ,
        "DATA_DIR": str(tmp_path_factory.mktemp("web")),
        "DJANGO_SETTINGS_MODULE": "rftstudio.settings",
    }
    done = subprocess.run([sys.executable, "-c", PROBE], cwd=ROOT, env=env, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def test_web_process_starts_without_the_training_libraries(web_process):
    assert web_process["heavy"] == []


def test_web_process_stays_under_150_megabytes(web_process):
    assert web_process["megabytes"] < 150
