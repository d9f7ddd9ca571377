"""What tests start from, made by the product's own actions."""

import json
import struct
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from django.conf import settings as django_settings
from tokenizers import Tokenizer, decoders, models, pre_tokenizers

from rftstudio.accounts.models import User, Workspace
from rftstudio.engine.grading import grade, parse_spec
from rftstudio.engine.types import Sample
from rftstudio.graders.actions import create_grader, publish_grader
from rftstudio.graders.models import Grader
from rftstudio.registry.actions import register_local
from rftstudio.registry.models import BaseModel
from rftstudio.runs.actions import launch_run
from rftstudio.runs.models import Rollout, Run
from rftstudio.tasksets.actions import add_items, create_taskset, publish_version
from rftstudio.tasksets.models import TaskSet
from rftstudio.tasksets.rows import to_items

DESKS = {
    "emergency": ("My chest hurts badly.", "He cannot breathe.", "She fainted and will not wake up."),
    "appointment": ("Can I come on Friday?", "Please move my visit.", "Is the doctor free in May?"),
    "billing": ("Why was I charged twice?", "I need a receipt.", "Does my insurer pay for this?"),
    "prescription": ("I need more tablets.", "May I halve the dose?", "Please renew my inhaler."),
}


def make_taskset(
    *, workspace: Workspace, by: User | None = None, published: bool = False, items: int = 12, **changes: Any
) -> TaskSet:
    """A small choice task: patients' messages to desks. Up to 12 items, splits not dealt unless published."""
    definition: dict[str, Any] = {
        "name": "Inbox",
        "instructions": "Which desk? Answer emergency, appointment, billing or prescription.",
        "answer_type": "choice",
        "answer_options": {"choices": [{"label": label, "description": ""} for label in DESKS]},
        "input_fields": [{"name": "message", "label": "Message", "help": "What the patient wrote."}],
        "prompt_template": "{{ item.message }}",
        "worked_examples": [{"fields": {"message": "Send me the invoice."}, "reference_answer": "billing"}],
    }
    taskset = create_taskset(workspace=workspace, by=by, **{**definition, **changes})
    rows = [
        {"fields": {"message": text}, "reference_answer": desk, "key": f"{desk}-{place}"}
        for place in range(3)
        for desk, texts in DESKS.items()
        for text in texts[place : place + 1]
    ]
    if items:
        add_items(taskset=taskset, by=by, rows=rows[:items])
    if published:
        publish_version(taskset=taskset, by=by)
    return taskset


def make_grader(*, taskset: TaskSet, by: User | None = None, published: bool = False, **changes: Any) -> Grader:
    """A grader of a task set: the one that already works for its answer type, unless `spec` says otherwise."""
    grader = create_grader(taskset=taskset, by=by, **changes)
    if published:
        publish_grader(grader=grader, by=by)
    return grader


def make_base_model(*, name: str = "Tiny", context_length: int = 2048) -> BaseModel:
    """A model directory that can be read and counted with (a token a byte), but not run: it has two weights."""
    directory = Path(django_settings.MODELS_DIR) / name.lower()
    directory.mkdir(parents=True, exist_ok=True)
    config = {"architectures": ["LlamaForCausalLM"], "max_position_embeddings": context_length}
    (directory / "config.json").write_text(json.dumps(config))
    template = "{% for m in messages %}<{{ m.role }}>{{ m.content }}{% endfor %}<assistant>"
    (directory / "tokenizer_config.json").write_text(json.dumps({"chat_template": template, "eos_token": "</s>"}))
    bytes_as_text = sorted(pre_tokenizers.ByteLevel.alphabet())
    tokenizer = Tokenizer(models.BPE(vocab={text: number for number, text in enumerate(bytes_as_text)}, merges=[]))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.save(str(directory / "tokenizer.json"))
    header = json.dumps({"w": {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}}).encode()
    (directory / "model.safetensors").write_bytes(struct.pack("<Q", len(header)) + header + bytes(8))
    return register_local(name=name, directory=directory, licence="none")


def make_run(
    *,
    workspace: Workspace,
    by: User | None = None,
    taskset: TaskSet | None = None,
    base_model: BaseModel | None = None,
    preset: str = "quick",
    settings: dict[str, Any] | None = None,
    seed: int = 0,
) -> Run:
    """A queued training of a small task set, with its job directory; nothing starts it."""
    taskset = taskset or make_taskset(workspace=workspace, by=by, published=True)
    grader = Grader.objects.used_by(taskset) or create_grader(taskset=taskset, by=by)
    return launch_run(
        taskset_version=publish_version(taskset=taskset, by=by),
        grader_version=publish_grader(grader=grader, by=by),
        base_model=base_model or make_base_model(),
        preset=preset,
        settings=settings or {},
        seed=seed,
        by=by,
    )


def make_rollouts(
    run: Run, answers: Sequence[tuple[str, str]], *, step: int = 1, phase: str = "train", group_size: int = 4
) -> list[Rollout]:
    """Answers of a training, given as (item's key, text), graded by its grader and stored as the supervisor does."""
    spec = parse_spec(run.grader_version.spec)
    items = {item.id: item for item in to_items(run.taskset_version, run.taskset_version.items.all())}
    first = run.rollouts.count()
    rows = []
    for place, (key, text) in enumerate(answers):
        marked = grade(spec, items[key], Sample.from_text(text))
        rows.append(
            {
                "seq": first + place,
                "step": step,
                "phase": phase,
                "group": place // group_size,
                "index": place % group_size,
                "item_id": key,
                "text": text,
                "tokens": len(text.split()),
                "truncated": False,
                "reward": marked.score,
                "advantage": None,
                "discard": None,
                "grade": marked.to_json(),
            }
        )
    run.ingest("rollouts", rows)
    return list(run.rollouts.filter(seq__gte=first))
