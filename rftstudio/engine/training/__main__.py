"""The command line of training.

python -m rftstudio.engine.training JOB_DIR
python -m rftstudio.engine.training new JOB_DIR --train F --validation F --grader F --model M
                                    [--approach rft|sft_rft|sft] [--preset quick] [--seed 0] [--json-answers]
                                    [--set name=value ...]
                                    [--hyperparameter name=value ...] [--judges F.json] [--secret NAME ...]
                                    [--report-to tensorboard ...] [--adapter DIR]
python -m rftstudio.engine.training time --model M --out F.json
"""

import argparse
import json
import sys
from dataclasses import replace
from pathlib import Path

from rftstudio.engine.adapter import check_base, check_shape, hash_file, read_adapter
from rftstudio.engine.approaches import APPROACHES, DEFAULT_APPROACH
from rftstudio.engine.errors import EngineError, SpecError
from rftstudio.engine.grading import parse_spec
from rftstudio.engine.grading.fits import check_fits
from rftstudio.engine.grading.judges.endpoint import read_judges
from rftstudio.engine.grading.judges.judges import Judges
from rftstudio.engine.job import Job, Model, Start, read_items, write_job
from rftstudio.engine.models.address import read_address
from rftstudio.engine.openai_hyperparameters import settings_of
from rftstudio.engine.presets import DEFAULT_PRESET, PRESETS, resolve
from rftstudio.engine.process import settle_process
from rftstudio.engine.trackers import TRACKERS
from rftstudio.engine.types import ANSWER, Item


def main(arguments: list[str]) -> int:
    if arguments[:1] == ["new"]:
        return _guard(_new, arguments[1:])
    if arguments[:1] == ["time"]:
        return _guard(_time, arguments[1:])
    parser = argparse.ArgumentParser(prog="python -m rftstudio.engine.training", description="Run a training job.")
    parser.add_argument("directory", type=Path, metavar="JOB_DIR")
    directory = parser.parse_args(arguments).directory
    settle_process()
    from rftstudio.engine.training.run import run

    return run(directory)


def _guard(command: object, arguments: list[str]) -> int:
    assert callable(command)
    try:
        command(arguments)
    except SpecError as error:
        print(error, file=sys.stderr)
        return 2
    except EngineError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def _new(arguments: list[str]) -> None:
    parser = argparse.ArgumentParser(prog="python -m rftstudio.engine.training new", description="Write a job.")
    parser.add_argument("directory", type=Path, metavar="JOB_DIR")
    parser.add_argument("--train", type=Path, required=True, metavar="FILE", help="training items, JSONL")
    parser.add_argument("--validation", type=Path, required=True, metavar="FILE", help="validation items, JSONL")
    parser.add_argument("--grader", type=Path, required=True, metavar="FILE", help="the grader, JSON")
    parser.add_argument("--model", required=True, help="a model directory or a hub id")
    parser.add_argument("--revision", help="a hub model's branch, tag or commit; pinned to the commit")
    parser.add_argument("--approach", choices=list(APPROACHES), help="way of learning; short for --set approach=…")
    parser.add_argument("--preset", default=DEFAULT_PRESET, choices=list(PRESETS))
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json-answers", action="store_true", help="answers are meant to be JSON")
    parser.add_argument("--set", action="append", default=[], metavar="NAME=VALUE", help="change a setting")
    parser.add_argument(
        "--hyperparameter",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="a setting by OpenAI's name and meaning: n_epochs, batch_size, …; --set goes before it",
    )
    parser.add_argument("--judges", type=Path, metavar="FILE", help="judges, JSON: name, base_url, model, key_env, …")
    parser.add_argument(
        "--secret", action="append", default=[], metavar="NAME", help="a variable whose value an endpoint grader sends"
    )
    parser.add_argument(
        "--report-to", action="append", default=[], choices=list(TRACKERS), help="a tracker that is told the figures"
    )
    parser.add_argument(
        "--adapter", type=Path, metavar="DIR", help="a checkpoint to start from; rank and alpha are taken from it"
    )
    given = parser.parse_args(arguments)
    changes = _pairs(given.set, "--set")
    if given.approach:
        changes["approach"] = given.approach
    theirs = {name: _number(value) for name, value in _pairs(given.hyperparameter, "--hyperparameter").items()}
    try:
        grader = json.loads(given.grader.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise SpecError("There is no such file.", path=str(given.grader), fix="Check the name.") from error
    except ValueError as error:
        raise SpecError(f"It is not JSON: {error}.", path=str(given.grader), fix="Mend the file.") from error
    spec = parse_spec(grader)
    endpoints = read_judges(given.judges) if given.judges else []
    Judges(endpoints).require(spec.models())
    items = {"train": read_items(given.train), "validation": read_items(given.validation)}
    for split, rows in items.items():
        if not rows:
            raise SpecError(f"The {split} split is empty.", path=split, fix="Put at least one item into it.")
    check_fits(spec, [item for rows in items.values() for item in rows])
    approach = APPROACHES.get(changes.get("approach", ""), APPROACHES[DEFAULT_APPROACH])
    if approach.copies:
        items["train"] = [_with_answer(item, as_json=given.json_answers) for item in items["train"]]
    learned = [item for item in items["train"] if approach.reinforces or item.answer is not None]
    usual = settings_of(theirs, n_train=max(1, len(learned)), preset=given.preset, approach=approach)
    model = _model(given.model, given.revision or "")
    start = None
    if given.adapter is not None:
        facts = read_adapter(given.adapter)
        check_base(facts, location=model.path, name=model.name, revision=model.revision or "")
        usual = {**usual, "lora_rank": facts.rank, "lora_alpha": facts.alpha}
        start = Start(hash_file(given.adapter), str(given.adapter))
    settings = resolve(given.preset, {**usual, **changes})
    if start is not None:
        check_shape(facts, settings)
    job = Job(
        kind="training",
        model=model,
        grader=grader,
        settings=settings,
        data={"train": "train.jsonl", "validation": "validation.jsonl"},
        seed=given.seed,
        preset=given.preset,
        json_answers=given.json_answers,
        judges=tuple(endpoint.to_json() for endpoint in endpoints),
        secrets={name: name for name in given.secret},
        report_to=tuple(dict.fromkeys(given.report_to)),
        start=start,
    )
    write_job(given.directory, job, items, adapter=given.adapter)
    print(f"Written. Run it with: python -m rftstudio.engine.training {given.directory}")


def _model(given: str, revision: str) -> Model:
    """A directory, or a hub model with the commit that its revision names today. Raises `SpecError`, `SystemFault`."""
    directory = Path(given)
    if directory.exists() or given.startswith((".", "/", "~")):
        return Model(str(directory.resolve()), directory.resolve().name, revision or None)
    from rftstudio.engine.models.cache import pinned

    hub_id = read_address(given).hub_id
    return Model(hub_id, hub_id, pinned(hub_id, revision or read_address(given).revision))


def _with_answer(item: Item, *, as_json: bool) -> Item:
    """The item with the words that are to be copied: its own `$answer`, else its reference where that is text already.

    as_json: answers are JSON, so any reference can be written down. Raises `SpecError` for one that cannot.
    """
    reference = item.fields.get("reference_answer")
    if item.answer is not None or reference is None:
        return item
    if as_json and not _is_json(reference):
        return replace(item, answer=json.dumps(reference, ensure_ascii=False, indent=2))
    if not isinstance(reference, str):
        raise SpecError(
            f"The reference answer of item {item.id} is not text, so it is not known how the model shall write it.",
            path="train",
            fix=f'Say it in the item as "{ANSWER}": "…".',
        )
    return replace(item, answer=reference)


def _is_json(reference: object) -> bool:
    """Whether it is JSON written out already, as graders of JSON take it too."""
    try:
        return isinstance(reference, str) and isinstance(json.loads(reference), dict | list)
    except ValueError:
        return False


def _pairs(given: list[str], option: str) -> dict[str, str]:
    pairs = {}
    for pair in given:
        name, equals, value = pair.partition("=")
        if not equals:
            raise SpecError(f"{pair!r} has no value.", path=option, fix="Write name=value.")
        pairs[name] = value
    return pairs


def _number(text: str) -> int | float | str:
    """A number where it is one, as in OpenAI's JSON; else the word."""
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text


def _time(arguments: list[str]) -> None:
    parser = argparse.ArgumentParser(
        prog="python -m rftstudio.engine.training time", description="Measure this machine, for estimates."
    )
    parser.add_argument("--model", required=True, help="a model directory or a hub id")
    parser.add_argument("--out", type=Path, required=True, metavar="FILE")
    given = parser.parse_args(arguments)
    settle_process()
    from rftstudio.engine.training.timing import measure

    record = measure(Model(given.model))
    given.out.write_text(json.dumps(record, indent=1), encoding="utf-8")
    print(json.dumps(record))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
