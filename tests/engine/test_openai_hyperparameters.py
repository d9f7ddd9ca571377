"""OpenAI's names and ranges, and what they come to in our settings."""

import math
import subprocess
import sys
from typing import Any

import pytest

from rftstudio.engine.approaches import APPROACHES
from rftstudio.engine.errors import SpecError
from rftstudio.engine.openai_hyperparameters import NAMES, settings_of
from rftstudio.engine.presets import PRESETS, resolve


def test_nothing_and_auto_change_nothing() -> None:
    automatic = {name: "auto" for name in NAMES if name != "reasoning_effort"}
    for given in ({}, automatic, {**automatic, "reasoning_effort": "default"}, {"n_epochs": None}):
        assert settings_of(given, n_train=100) == {}


def test_a_warm_start_comes_on_top_of_the_epochs() -> None:
    found = settings_of({"n_epochs": 1}, n_train=12, approach=APPROACHES["sft_rft"])
    assert found["steps"] == 2 + 20
    resolve("quick", {**found, "approach": "sft_rft"})


@pytest.mark.parametrize(
    ("given", "changes"),
    [
        # The preset has 72 answers a step, 12 for each of 6 tasks, a rate of 3e-4 and answers of 32 tokens.
        ({"batch_size": 4}, {"batch_size": 48}),
        ({"compute_multiplier": 0.5}, {"group_size": 6, "batch_size": 36}),
        ({"compute_multiplier": 0.001}, {"group_size": 2, "batch_size": 12}),
        ({"batch_size": 4, "compute_multiplier": 2}, {"group_size": 24, "batch_size": 96}),
        ({"n_epochs": 3}, {"steps": 50, "warmup_steps": 3}),
        ({"n_epochs": 1, "batch_size": 8}, {"steps": 13, "warmup_steps": 1, "batch_size": 96}),
        ({"n_epochs": 1, "batch_size": 256}, {"steps": 1, "warmup_steps": 0, "batch_size": 3072}),
        ({"learning_rate_multiplier": 0.5}, {"learning_rate": 1.5e-4}),
        ({"eval_interval": 7, "eval_samples": 2}, {"eval_interval": 7, "eval_samples": 2}),
        ({"eval_interval": 7.0}, {"eval_interval": 7}),
        ({"reasoning_effort": "low"}, {}),
        ({"reasoning_effort": "high", "n_epochs": "auto"}, {"max_completion_length": 128}),
    ],
)
def test_what_they_come_to(given: dict[str, Any], changes: dict[str, Any]) -> None:
    found = settings_of(given, n_train=100)
    assert found == pytest.approx(changes)
    assert {name: type(value) for name, value in found.items()} == {n: type(v) for n, v in changes.items()}
    resolve("quick", found)


@pytest.mark.parametrize("preset", PRESETS)
def test_every_preset_takes_all_of_them(preset: str) -> None:
    given = {"n_epochs": 2, "batch_size": 16, "learning_rate_multiplier": 1.5, "compute_multiplier": 1.0}
    given |= {"eval_interval": 5, "eval_samples": 3, "reasoning_effort": "medium"}
    settings = resolve(preset, settings_of(given, n_train=160, preset=preset))
    usual = resolve(preset)
    assert (settings["steps"], settings["group_size"]) == (20, usual["group_size"])
    assert settings["batch_size"] == 16 * usual["group_size"]
    assert settings["max_completion_length"] == 2 * usual["max_completion_length"]


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"n_epochs": 0}, "from 1 to 50"),
        ({"n_epochs": 51}, "from 1 to 50"),
        ({"n_epochs": 1.5}, "whole number"),
        ({"n_epochs": "3"}, 'or "auto"'),
        ({"n_epochs": True}, "whole number"),
        ({"n_epochs": [3]}, "whole number"),
        ({"n_epochs": math.inf}, "whole number"),
        ({"batch_size": 257}, "from 1 to 256"),
        ({"batch_size": "Auto"}, "from 1 to 256"),
        ({"learning_rate_multiplier": 0}, "above 0"),
        ({"learning_rate_multiplier": math.nan}, "above 0"),
        ({"learning_rate_multiplier": 1e6}, "Learning rate"),
        ({"compute_multiplier": 1e-5}, "above 1e-05 up to 10"),
        ({"compute_multiplier": 10.1}, "above 1e-05 up to 10"),
        ({"eval_interval": 0}, "1 or more"),
        ({"eval_interval": 100_000}, "from 1 to 10000"),
        ({"eval_samples": -1}, "1 or more"),
        ({"eval_samples": 65}, "from 1 to 64"),
        ({"reasoning_effort": "auto"}, "default, low, medium, high"),
        ({"reasoning_effort": ["high"]}, "default, low, medium, high"),
        ({"epochs": 3}, "Known are n_epochs"),
    ],
)
def test_what_is_refused(given: dict[str, Any], says: str) -> None:
    with pytest.raises(SpecError) as caught:
        settings_of(given, n_train=100)
    assert caught.value.path == f"hyperparameters.{next(iter(given))}"
    assert says in str(caught.value)
    assert caught.value.fix


def test_a_step_too_large_names_what_made_it_so() -> None:
    with pytest.raises(SpecError, match="comes to 6144 for “Answers per step”") as caught:
        settings_of({"compute_multiplier": 2, "batch_size": 256}, n_train=100)
    assert caught.value.path == "hyperparameters.batch_size"


def test_no_torch_is_loaded() -> None:
    code = "import sys, rftstudio.engine.openai_hyperparameters; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
