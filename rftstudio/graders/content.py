"""What a grader's content hash is made of: its spec as canonical JSON, and nothing else."""

import hashlib
from typing import Any

from rftstudio.tasksets.definition import canonical


def content_hash(spec: dict[str, Any]) -> str:
    """SHA-256 in hex."""
    return hashlib.sha256(canonical(spec)).hexdigest()
