"""Where a hub model lies, and where it is gathered before. Light: the pages import it too."""

from pathlib import Path

MARK = "source.json"  # written last; a directory that has it is whole


def folder(hub_id: str) -> str:
    """A name for a directory: ids have no two hyphens in a row."""
    return hub_id.replace("/", "--")


def partial_of(target: Path) -> Path:
    """Where a model is gathered until it is whole."""
    return target.with_name(f".{target.name}.part")
