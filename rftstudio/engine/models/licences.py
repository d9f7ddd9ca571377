"""Licences by the hub's short names: how they are called, and which are widely known to allow free use."""

OPEN = {
    "apache-2.0": "Apache-2.0",
    "mit": "MIT",
    "bsd": "BSD",
    "bsd-2-clause": "BSD-2-Clause",
    "bsd-3-clause": "BSD-3-Clause",
    "isc": "ISC",
    "cc0-1.0": "CC0-1.0",
    "cc-by-4.0": "CC-BY-4.0",
    "cc-by-sa-4.0": "CC-BY-SA-4.0",
    "unlicense": "Unlicense",
    "mpl-2.0": "MPL-2.0",
    "zlib": "Zlib",
    "postgresql": "PostgreSQL",
}


def licence_name(short: str, own: str = "") -> str:
    """For people. own: what the model calls it, where the hub knows it only as "other"."""
    if short in ("", "unknown"):
        return own
    return own if short == "other" and own else OPEN.get(short, short)


def is_open(short: str) -> bool:
    """Whether nobody has to read it first. An unknown licence is not open: it may forbid what is planned."""
    return short.lower() in OPEN
