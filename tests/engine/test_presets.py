"""Settings are checked by name, with what to do about them."""

import math
from typing import Any

import pytest

from rftstudio.engine.errors import SpecError
from rftstudio.engine.presets import (
    DIALS,
    EVALUATION_DIALS,
    PRESETS,
    EvaluationSettings,
    TrainingSettings,
    check_evaluation,
    check_training,
    resolve,
)


@pytest.mark.parametrize("preset", PRESETS)
def test_every_preset_is_valid_and_complete(preset: str) -> None:
    settings = TrainingSettings.read(resolve(preset))
    assert settings.prompts_per_step * settings.group_size == settings.batch_size
    assert set(resolve(preset)) == {dial.name for dial in DIALS}


def test_the_longest_answer_is_lowered_to_what_right_answers_need() -> None:
    assert resolve("balanced")["max_completion_length"] == 128
    assert resolve("balanced", answer_limit=16)["max_completion_length"] == 16
    assert resolve("quick", answer_limit=500) == resolve("quick")
    assert resolve("quick", {"max_completion_length": "90"}, answer_limit=16)["max_completion_length"] == 90


def test_what_a_form_sends_is_text() -> None:
    settings = resolve("quick", {"steps": "90", "learning_rate": "1e-4", "mask_truncated": "true", "loss_type": "grpo"})
    assert (settings["steps"], settings["learning_rate"], settings["mask_truncated"]) == (90, 1e-4, True)
    assert TrainingSettings.read(settings).loss_type == "grpo"


@pytest.mark.parametrize(
    ("change", "path", "says"),
    [
        ({"group_size": 5}, "group_size", "70 or 75"),
        ({"group_size": 128, "batch_size": 64}, "group_size", "128"),
        ({"steps": 0}, "steps", "from 1"),
        ({"steps": "many"}, "steps", "whole number"),
        ({"steps": 2.5}, "steps", "whole number"),
        ({"steps": True}, "steps", "whole number"),
        ({"steps": None}, "steps", "whole number"),
        ({"learning_rate": math.nan}, "learning_rate", "out of range"),
        ({"learning_rate": math.inf}, "learning_rate", "out of range"),
        ({"steps": math.inf}, "steps", "whole number"),
        ({"temperature": 0}, "temperature", "from 0.05"),
        ({"loss_type": "ppo"}, "loss_type", "dapo"),
        ({"mask_truncated": "perhaps"}, "mask_truncated", "true or false"),
        ({"stpes": 3}, "stpes", "no such setting"),
    ],
)
def test_a_bad_setting_is_named_with_a_remedy(change: dict[str, Any], path: str, says: str) -> None:
    with pytest.raises(SpecError) as caught:
        resolve("quick", change)
    assert caught.value.path == path
    assert says in str(caught.value)
    assert caught.value.fix


def test_an_unknown_preset_is_refused() -> None:
    with pytest.raises(SpecError) as caught:
        resolve("overnight")
    assert caught.value.path == "preset"


@pytest.mark.parametrize("dial", [*DIALS, *EVALUATION_DIALS], ids=lambda dial: dial.name)
def test_every_dial_has_words_for_a_form_and_a_valid_default(dial: Any) -> None:
    assert dial.label
    assert dial.help.endswith((".", ")"))
    assert dial.read(dial.default) == dial.default
    assert (dial.kind in ("int", "float")) == (dial.minimum is not None and dial.maximum is not None)


def test_evaluation_settings() -> None:
    assert EvaluationSettings.read({"samples": "4"}).samples == 4
    with pytest.raises(SpecError):
        check_evaluation({"steps": 3})
    assert check_training({})["steps"] == 80
