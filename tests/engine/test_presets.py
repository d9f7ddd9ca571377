"""Settings are checked by name, with what to do about them."""

import math
from typing import Any

import pytest

from rftstudio.engine.errors import SpecError
from rftstudio.engine.methods import DEFAULT_METHOD, METHODS
from rftstudio.engine.presets import (
    DIALS,
    EVALUATION_DIALS,
    PRESETS,
    EvaluationSettings,
    TrainingSettings,
    check_evaluation,
    check_training,
    differences,
    resolve,
    usual,
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
        ({"loss_type": "cispo", "epsilon_high": 0.28}, "epsilon_high", "5 is usual"),
        ({"entropy_coef": -0.1}, "entropy_coef", "from 0"),
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
def test_every_dial_has_a_sentence_of_help_a_range_and_a_default(dial: Any) -> None:
    assert dial.label[0].isupper()
    assert dial.help[0].isalnum()
    assert dial.help.endswith((".", ")"))
    assert 20 < len(dial.help) < 240
    assert dial.read(dial.default) == dial.default
    if dial.kind in ("int", "float"):
        assert dial.minimum <= dial.default <= dial.maximum
        for beyond in (dial.minimum - 1, dial.maximum * 2):
            with pytest.raises(SpecError, match="Use a value from"):
                dial.read(beyond)
    elif dial.kind == "choice":
        assert len(dial.choices) > 1
        assert all(value and label for value, label in dial.choices)
    else:
        assert isinstance(dial.default, bool)


def test_names_are_used_once() -> None:
    for dials in (DIALS, EVALUATION_DIALS):
        assert len({dial.name for dial in dials}) == len(dials)
        assert len({dial.label for dial in dials}) == len(dials)


@pytest.mark.parametrize("method", METHODS.values(), ids=METHODS)
def test_a_method_brings_its_papers_settings_along(method: Any) -> None:
    settings = resolve("quick", {"loss_type": method.name})
    plain = resolve("quick")
    for name, value in settings.items():
        assert value == method.settings.get(name, method.name if name == "loss_type" else plain[name])
    changed = resolve("quick", {"loss_type": method.name, "epsilon_high": 1.5, "scale_rewards": "batch"})
    assert (changed["epsilon_high"], changed["scale_rewards"]) == (1.5, "batch")
    assert settings == check_training(settings)
    assert usual("quick", settings) == {**settings, "loss_type": DEFAULT_METHOD}


def test_a_method_says_where_it_comes_from() -> None:
    for method in METHODS.values():
        assert method.choice[1].endswith(f"({method.paper})")
        assert bool(method.arxiv) == (method.paper != "TRL")
    assert all(name not in preset.settings for preset in PRESETS.values() for name in ("loss_type", "epsilon_high"))


def test_what_presets_differ_in() -> None:
    rows = {dial.name: values for dial, values in differences()}
    presets = [resolve(name) for name in PRESETS]
    assert rows["steps"] == [80, 200, 500]
    for dial in DIALS:
        values = [settings[dial.name] for settings in presets]
        assert rows.get(dial.name, values[:1] * len(values)) == values
    assert "temperature" not in rows


def test_usual_of_what_is_not_known() -> None:
    assert usual("overnight", {}) == {}
    assert usual("quick", {}) == usual("quick", {"loss_type": "ppo"}) == resolve("quick")


def test_evaluation_settings() -> None:
    assert EvaluationSettings.read({"samples": "4"}).samples == 4
    with pytest.raises(SpecError):
        check_evaluation({"steps": 3})
    assert check_training({})["steps"] == 80
