"""An author's text before it runs: is it Python, has it `grade`, what does it import, may answers share a process?

Reads the text and compiles it; runs none of it.
"""

import ast
import base64
import marshal
import sys
from dataclasses import dataclass
from functools import lru_cache

from rftstudio.engine.errors import SpecError
from rftstudio.engine.grading.sandbox.libraries import PACKAGES
from rftstudio.engine.grading.sandbox.worker import FILE

MAX_BYTES = 256_000
MAX_NESTING = 60  # of brackets; far below what Python's own parser can take
_FIX = "Correct the line. The editor's line numbers are those of the message."


def _words(text: str) -> list[str]:
    return text.split()


# Names with which text becomes code, or a function reaches its own code or another's: one answer could then change how
# the next is marked. And what makes two runs on the same answer differ, which could not be told from that.
_NEVER_SHARED = frozenset(
    _words(
        """
        eval exec compile __import__ globals locals vars setattr delattr breakpoint open input pickle marshal
        shelve copyreg dill cloudpickle importlib pkgutil runpy code codeop ctypes gc sys inspect types builtins
        traceback atexit signal threading multiprocessing subprocess asyncio concurrent os pathlib shutil
        tempfile io socket random secrets uuid time unsafe_load full_load load_all Loader UnsafeLoader
        FullLoader unsafe_load_all attrgetter methodcaller create_model frompyfunc getattr
        """
    )
)
# Modules whose import has an effect of its own, or needs what a jail does not have.
_NOT_AHEAD = frozenset({"antigravity", "this", "idlelib", "turtle", "turtledemo", "tkinter", "test", "lib2to3"})


@dataclass(frozen=True, slots=True)
class Program:
    """A grader ready to run. key: which program it is. code: compiled, as text. imports: modules to load ahead.

    packages: those of them beyond the standard library. shares: whether answers may be graded in one process, a batch
    at a time.
    """

    key: str
    code: str
    imports: tuple[str, ...]
    packages: frozenset[str]
    shares: bool


@lru_cache(maxsize=256)
def read_program(text: str) -> Program:
    """Raises `SpecError` with path `source` for a text that is no grader, naming line and column."""
    size = len(text.encode("utf-8", "replace"))
    if size > MAX_BYTES:
        message = f"The source has {size:,} bytes, more than {MAX_BYTES:,}."
        raise SpecError(message, path="source", fix="Shorten it; long lists belong into columns of the task set.")
    if not text.strip():
        raise SpecError("The source is empty.", path="source", fix="Write def grade(sample, item): …")
    _check_nesting(text)
    try:
        tree = ast.parse(text, FILE)
        # optimize=0: the author's asserts count, however the studio itself was started.
        code = compile(tree, FILE, "exec", dont_inherit=True, optimize=0)
    except SyntaxError as error:
        raise SpecError(_syntax_message(error), path="source", fix=_FIX) from None
    except (ValueError, RecursionError, MemoryError, OverflowError) as error:
        why = str(error) or type(error).__name__
        raise SpecError(f"The source cannot be read: {why}.", path="source", fix="Write it more simply.") from None
    _check_grade(tree)
    packed = base64.b64encode(marshal.dumps(code)).decode("ascii")
    imports = _imports(tree)
    packages = frozenset(name.split(".")[0] for name in imports) & frozenset(PACKAGES)
    shares = not _names(tree) & _NEVER_SHARED and not _reaches_inside(tree)
    return Program(text, packed, imports, packages, shares)


def _syntax_message(error: SyntaxError) -> str:
    where = f"Line {error.lineno}" if error.lineno else "The source"
    column = f", column {error.offset}" if error.lineno and error.offset else ""
    return f"{where}{column}: {error.msg}."


def _check_nesting(text: str) -> None:
    """Brackets and indentation, counted roughly: what is deep enough to trouble a parser is found before it."""
    depth = 0
    for number, line in enumerate(text.splitlines(), 1):
        for character in line:
            if character in "([{":
                depth += 1
                if depth > MAX_NESTING:
                    _too_deep(number)
            elif character in ")]}":
                depth = max(0, depth - 1)


def _too_deep(number: int) -> None:
    message = f"Line {number}: more than {MAX_NESTING} brackets are open at once."
    raise SpecError(message, path="source", fix="Split the expression.")


def _check_grade(tree: ast.Module) -> None:
    """A function of that name at the top, that can be called with sample and item."""
    found: ast.FunctionDef | ast.AsyncFunctionDef | None = None
    for statement in tree.body:
        if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef) and statement.name == "grade":
            found = statement
        elif "grade" in _bound(statement):
            return  # made in another way, such as grade = functools.partial(…): only running it can tell
    fix = "Write def grade(sample, item): … at the left margin, returning a number."
    if found is None:
        near = [each for each in ast.walk(tree) if isinstance(each, ast.FunctionDef) and each.name == "grade"]
        inner = f" The one on line {near[0].lineno} is inside something else." if near else ""
        raise SpecError(f"There is no function `grade`.{inner}", path="source", fix=fix)
    where = f"Line {found.lineno}, column {found.col_offset + 1}"
    if isinstance(found, ast.AsyncFunctionDef):
        raise SpecError(f"{where}: `grade` is async.", path="source", fix="Write def, without async.")
    arguments = found.args
    given = len(arguments.posonlyargs) + len(arguments.args)
    needed = given - len(arguments.defaults)
    without_default = sum(default is None for default in arguments.kw_defaults)
    if needed > 2 or (given < 2 and arguments.vararg is None) or without_default:
        message = f"{where}: `grade` must take two arguments, sample and item."
        raise SpecError(message, path="source", fix="Write def grade(sample, item): …")


def _bound(statement: ast.stmt) -> set[str]:
    """Names that a statement other than `def` may bind at the top."""
    if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        return {statement.name} if isinstance(statement, ast.ClassDef) else set()
    names: set[str] = set()
    for node in ast.walk(statement):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            names.add(node.id)
        elif isinstance(node, ast.alias):
            names.add(node.asname or node.name)
        elif isinstance(node, ast.FunctionDef):
            names.add(node.name)
    return names


def _names(tree: ast.AST) -> set[str]:
    """Every name, attribute and imported module in the text, each part by itself."""
    found: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Name):
            found.add(node.id)
        elif isinstance(node, ast.Attribute):
            found.add(node.attr)
        elif isinstance(node, ast.alias):
            found.update(node.name.split("."))
        elif isinstance(node, ast.ImportFrom):
            found.update((node.module or "").split("."))
    return found


def _reaches_inside(tree: ast.AST) -> bool:
    """Dunder names (but for the plain ones), `global` statements, and text that spells a dunder name."""
    harmless = {"__init__", "__name__", "__post_init__", "__slots__", "__future__", "__doc__", "__eq__", "__hash__"}
    for node in ast.walk(tree):
        if isinstance(node, ast.Global):
            return True
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and "__" in node.value:
            return True
    return any(name.startswith("__") and name not in harmless for name in _names(tree))


def _imports(tree: ast.AST) -> tuple[str, ...]:
    """Modules named in import statements that are allowed and exist, in order."""
    names: list[str] = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names += [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
    known = {*sys.stdlib_module_names, *PACKAGES} - _NOT_AHEAD
    return tuple(dict.fromkeys(name for name in names if name.split(".")[0] in known))
