"""Which directories of the machine may be added as base models, and by whom.

An owner of a workspace may add what lies in one of MODEL_FOLDERS; whoever runs the studio may add any directory. A
path is judged by where it really leads, and so is every file in it: a link cannot smuggle in what lies elsewhere.
"""

from pathlib import Path

from django.conf import settings

from rftstudio.engine.errors import SpecError
from rftstudio.engine.models.contents import read_directory


def allowed_directory(text: str, *, operator: bool) -> Path:
    """The directory, links followed. Raises `SpecError` (path "directory") that tells nothing of what is elsewhere."""
    text = text.strip()
    path = Path(text)
    if not text or "\0" in text or not path.is_absolute():
        raise _error("This is no absolute path.", "Write it from the root on, such as /srv/models/name.")
    roots = settings.MODEL_FOLDERS
    try:
        real = path.resolve()
    except (OSError, RuntimeError):
        real = Path("/")
    if not operator and not any(_inside(real, root) for root in roots):
        named = ", ".join(map(str, roots))
        fix = f"Choose one in {named}." if roots else "Ask whoever runs the studio to add it, or to set MODEL_FOLDERS."
        raise _error("Models of this directory may not be added.", fix)
    if not real.is_dir():
        raise _error(f"There is no directory {path} on the studio’s machine.", "Check the path.")
    if not (real / "config.json").is_file():
        raise _error(
            f"There is no config.json in {path}.",
            "Choose the directory of a whole Hugging Face model, with its weights and its tokenizer.",
        )
    if not operator:
        for name in read_directory(real).wanted:
            if not any(_inside((real / name).resolve(), root) for root in roots):
                raise _error(f"{name} is a link that leads out of the allowed folders.", "Put the file itself there.")
    return real


def _inside(path: Path, root: Path) -> bool:
    return path.is_relative_to(root) and path != root


def _error(message: str, fix: str) -> SpecError:
    return SpecError(message, path="directory", fix=fix)
