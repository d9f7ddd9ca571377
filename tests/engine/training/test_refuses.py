"""What cannot be trained is refused before the weights are read, in words and with exit code 2."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from rftstudio.engine.inference import loading
from rftstudio.engine.training.__main__ import main
from rftstudio.engine.training.run import run
from tests.engine.tiny import rows
from tests.engine.training.conftest import GRADER, MakeJob, log


@pytest.fixture(autouse=True)
def _weights_must_not_be_read(monkeypatch: pytest.MonkeyPatch) -> None:
    def load_model(*_: Any) -> None:
        raise AssertionError("the weights were read")

    monkeypatch.setattr(loading, "load_model", load_model)


def refused(directory: Path, *says: str) -> None:
    assert run(directory) == 2
    last = log(directory, "events.jsonl")[-1]
    assert last["type"] == "finished"
    assert (last["data"]["status"], last["data"]["culprit"]) == ("failed", "author")
    for words in says:
        assert words in last["message"]
    assert not (directory / "checkpoints").exists()


def test_a_prompt_longer_than_the_context(make_job: MakeJob) -> None:
    directory = make_job(max_completion_length=250)
    refused(directory, "Item item-0", "tokens", "context of 256", "Shorten the prompt")


def test_empty_splits(make_job: MakeJob) -> None:
    refused(make_job("one", n_train=0), "train split is empty")
    refused(make_job("two", n_validation=0), "validation split is empty")


def test_a_missing_model_directory(make_job: MakeJob, tmp_path: Path) -> None:
    refused(make_job(model=str(tmp_path / "nowhere")), "There is no model directory", "nowhere")


def copy_of(tiny_directory: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(tiny_directory, tmp_path / "copy"))


def test_a_model_without_chat_template(make_job: MakeJob, tiny_directory: Path, tmp_path: Path) -> None:
    model = copy_of(tiny_directory, tmp_path)
    (model / "chat_template.jinja").unlink()
    refused(make_job(model=str(model)), "no chat template", "instruct")


def test_pickled_weights(make_job: MakeJob, tiny_directory: Path, tmp_path: Path) -> None:
    model = copy_of(tiny_directory, tmp_path)
    (model / "model.safetensors").rename(model / "pytorch_model.bin")
    refused(make_job(model=str(model)), "no safetensors weights", "save_pretrained")


def test_a_model_that_brings_code(make_job: MakeJob, tiny_directory: Path, tmp_path: Path) -> None:
    model = copy_of(tiny_directory, tmp_path)
    config = json.loads((model / "config.json").read_text())
    config |= {"model_type": "homemade", "auto_map": {"AutoModelForCausalLM": "code.Model"}}
    (model / "config.json").write_text(json.dumps(config))
    (model / "code.py").write_text("raise SystemExit('ran')")
    refused(make_job(model=str(model)), "its own Python code", "never run")


def test_a_directory_that_is_no_model(make_job: MakeJob, tmp_path: Path) -> None:
    refused(make_job(model=str(tmp_path)), "no config.json")


def test_a_template_that_refuses_the_messages(make_job: MakeJob, tiny_directory: Path, tmp_path: Path) -> None:
    model = copy_of(tiny_directory, tmp_path)
    (model / "chat_template.jinja").write_text(
        "{% if messages|length > 1 %}{{ raise_exception('roles must alternate') }}{% endif %}"
    )
    refused(make_job(model=str(model)), "Item item-0".lower(), "roles must alternate")


def test_a_group_size_that_does_not_divide(make_job: MakeJob) -> None:
    directory = make_job()
    job = json.loads((directory / "job.json").read_text())
    job["settings"]["group_size"] = 3
    (directory / "job.json").write_text(json.dumps(job))
    refused(directory, "group_size", "6 or 9")


def test_a_broken_grader(make_job: MakeJob) -> None:
    refused(make_job(grader={"type": "oracle"}), "oracle")


MISNAMED = {**GRADER, "reference": "{{item.right_answer}}"}
OF_NUMBERS = {"type": "number", "name": "n"}


def test_a_grader_that_names_a_field_no_item_has(make_job: MakeJob) -> None:
    refused(make_job(grader=MISNAMED), "grader.reference: ", "no field “right_answer”", "reference_answer")


def test_a_grader_of_another_kind_of_answer(make_job: MakeJob) -> None:
    refused(make_job(grader=OF_NUMBERS), "grader: ", "cannot mark the reference answer of any task", "Choose a grader")


def test_no_job(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(tmp_path) == 2
    assert "no job.json" in capsys.readouterr().out


def write_inputs(directory: Path) -> list[str]:
    for name, some in (("train", rows(4)), ("validation", rows(2))):
        (directory / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in some))
    (directory / "grader.json").write_text(json.dumps(GRADER))
    arguments = ["new", str(directory / "job")]
    for name in ("train", "validation"):
        arguments += [f"--{name}", str(directory / f"{name}.jsonl")]
    return [*arguments, "--grader", str(directory / "grader.json"), "--model", "some/model", "--revision", "c" * 40]


def test_new_writes_a_job(tmp_path: Path) -> None:
    assert main([*write_inputs(tmp_path), "--set", "steps=7", "--seed", "5"]) == 0
    job = json.loads((tmp_path / "job" / "job.json").read_text())
    assert (job["settings"]["steps"], job["seed"], job["preset"]) == (7, 5, "quick")
    assert len((tmp_path / "job" / "train.jsonl").read_text().splitlines()) == 4


def test_new_takes_openais_hyperparameters(tmp_path: Path) -> None:
    given = ["n_epochs=10", "batch_size=2", "learning_rate_multiplier=0.5", "eval_samples=auto", "eval_interval=4"]
    extra = [part for pair in given for part in ("--hyperparameter", pair)]
    assert main([*write_inputs(tmp_path), *extra, "--set", "eval_interval=9"]) == 0
    settings = json.loads((tmp_path / "job" / "job.json").read_text())["settings"]
    assert (settings["steps"], settings["batch_size"], settings["group_size"]) == (20, 24, 12)  # of 4 tasks
    assert settings["learning_rate"] == pytest.approx(1.5e-4)
    assert (settings["eval_samples"], settings["eval_interval"]) == (4, 9)


@pytest.mark.parametrize(
    ("extra", "says"),
    [
        (["--hyperparameter", "n_epochs=60"], "hyperparameters.n_epochs: 60 is not allowed. Use a whole number from 1"),
        (["--hyperparameter", "n_epochs"], "--hyperparameter: 'n_epochs' has no value"),
        (["--set", "group_size=5"], "group_size: 5 answers per task do not divide 72 answers per step. Set"),
        (["--set", "steps"], "Write name=value"),
        (["--set", "stepz=3"], "no such setting"),
    ],
)
def test_new_names_what_is_wrong(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], extra: list[str], says: str
) -> None:
    assert main([*write_inputs(tmp_path), *extra]) == 2
    assert says in capsys.readouterr().err
    assert not (tmp_path / "job").exists()


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("train.jsonl", '{"messages": []}\n', "line 1"),
        ("train.jsonl", "{broken\n", "train.jsonl line 1"),
        ("train.jsonl", "", "train split is empty"),
        ("validation.jsonl", "\n\n", "validation split is empty"),
        ("grader.json", "{", "grader.json"),
        ("grader.json", '{"type": "oracle"}', "oracle"),
        ("grader.json", json.dumps(MISNAMED), "grader.reference: The items have no field “right_answer”"),
        ("grader.json", json.dumps(OF_NUMBERS), "grader: The grader cannot mark the reference answer of any task"),
    ],
)
def test_new_names_the_file_and_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str, content: str, says: str
) -> None:
    arguments = write_inputs(tmp_path)
    (tmp_path / name).write_text(content)
    assert main(arguments) == 2
    assert says in capsys.readouterr().err


def test_new_takes_judges_and_refuses_unknown_ones(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = [*write_inputs(tmp_path), "--judges", str(tmp_path / "judges.json"), "--secret", "OURS"]
    judge = {"name": "ours", "base_url": "https://judge.example.org/v1", "model": "m", "key_env": "OUR_KEY"}
    grader = {"type": "judge", "model": "ours", "instruction": "Is it?"}
    (tmp_path / "grader.json").write_text(json.dumps(grader))
    (tmp_path / "judges.json").write_text(json.dumps([{**judge, "name": "theirs"}]))
    assert main(arguments) == 2
    assert "The judges there are: theirs" in capsys.readouterr().err
    (tmp_path / "judges.json").write_text(json.dumps([judge]))
    assert main([*arguments, "--set", "judge_tokens=1000"]) == 0
    job = json.loads((tmp_path / "job" / "job.json").read_text())
    assert job["judges"][0] | judge == job["judges"][0]
    assert job["secrets"] == {"OURS": "OURS"}
    assert job["settings"]["judge_tokens"] == 1000


def test_new_does_not_overwrite_a_job(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(write_inputs(tmp_path)) == 0
    assert main(write_inputs(tmp_path)) == 1
    assert "holds a job already" in capsys.readouterr().err
