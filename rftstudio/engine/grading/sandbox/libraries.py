"""What graders may import beyond the standard library, and where all of it lies. The parent looks, the jail is told.

Only the packages named here are seen inside, not the environment that they are installed in.
"""

import glob
import importlib.util
import os
import sys
import sysconfig
from dataclasses import dataclass
from functools import lru_cache

# What authors may import, and below what these need themselves.
PACKAGES = ("numpy", "rapidfuzz", "jsonschema", "pydantic", "yaml", "dateutil")
_NEEDED = (
    "annotated_types", "attr", "attrs", "jsonschema_specifications", "pydantic_core", "referencing", "rpds", "six",
    "typing_extensions", "typing_inspection", "_yaml",
)  # fmt: skip
_OTHER_PACKAGES = ("site-packages", "dist-packages")


@dataclass(frozen=True, slots=True)
class Libraries:
    """read: paths to be seen. hide: folders among them to be covered. rules: the same without the hidden ones, for
    Landlock. look: folders whose names may be listed. modules: top-level name to its file.
    """

    read: tuple[str, ...]
    hide: tuple[str, ...]
    rules: tuple[str, ...]
    look: tuple[str, ...]
    modules: tuple[tuple[str, str], ...]


def interpreter() -> str:
    """The Python that a jail runs: the one a virtual environment was made from, so that no environment is in it."""
    return str(getattr(sys, "_base_executable", "") or sys.executable)


@lru_cache(maxsize=1)
def libraries() -> Libraries:
    """Of this installation."""
    standard = os.path.realpath(os.path.dirname(os.__file__))
    hidden = [os.path.join(standard, name) for name in _OTHER_PACKAGES]
    parts = [os.path.join(standard, name) for name in sorted(os.listdir(standard)) if name not in _OTHER_PACKAGES]
    modules, packages = {}, []
    for name in (*PACKAGES, *_NEEDED):
        place = _place(name)
        if place:
            modules[name] = place
            packages += _files_of(name, place)
    system = _system_libraries()
    return Libraries(
        read=tuple(dict.fromkeys([standard, *system, *packages])),
        hide=tuple(path for path in hidden if os.path.isdir(path) and not any(p.startswith(path) for p in packages)),
        rules=tuple(dict.fromkeys([*parts, *system, *packages])),
        look=(standard,),
        modules=tuple(modules.items()),
    )


def installed() -> tuple[str, ...]:
    """Those of `PACKAGES` that are there."""
    found = dict(libraries().modules)
    return tuple(name for name in PACKAGES if name in found)


def _place(name: str) -> str:
    try:
        found = importlib.util.find_spec(name)
    except (ImportError, ValueError):
        return ""
    return os.path.realpath(found.origin) if found is not None and found.origin and found.has_location else ""


def _files_of(name: str, place: str) -> list[str]:
    """A package's folder or its one file, and the folder of shared libraries that its wheel put beside it."""
    own = os.path.dirname(place) if os.path.basename(place).startswith("__init__.") else place
    shared = os.path.join(os.path.dirname(own), f"{name}.libs")
    return [own, shared] if os.path.isdir(shared) else [own]


def _system_libraries() -> list[str]:
    triplet = sysconfig.get_config_var("MULTIARCH")
    folders = [f"/lib/{triplet}", f"/usr/lib/{triplet}"] if triplet else []
    if not any(os.path.isdir(folder) for folder in folders):
        folders = ["/lib", "/lib64", "/usr/lib", "/usr/lib64"]
    own = glob.glob(os.path.join(sys.base_prefix, "lib", "*.so*"))
    found = [os.path.realpath(path) for path in [*folders, "/etc/ld.so.cache", *own] if os.path.exists(path)]
    return list(dict.fromkeys(found))
