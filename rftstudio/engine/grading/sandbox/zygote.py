"""The one process in a jail that lasts: it forks a worker for each request and kills it afterwards.

It never runs an author's code and never reads what a worker wrote. It speaks with the parent over two pipes of its
own: `control` in, `status` out.

    {"load": code, "imports": [...], "seconds", "memory_mb"}  hold this grader from now on
    {"next": true}                                            end the worker, make another
"""

import base64
import contextlib
import gc
import importlib
import importlib.machinery
import importlib.util
import marshal
import os
import select
import signal
import sys
from collections.abc import Iterable, Mapping, Sequence
from types import CodeType, ModuleType
from typing import Any, NoReturn

from rftstudio.engine.grading.sandbox import kernel, namespaces, seccomp, worker
from rftstudio.engine.grading.sandbox.frames import encode, read_frame, write_all
from rftstudio.engine.grading.sandbox.layers import LayerFault
from rftstudio.engine.grading.sandbox.limits import Limits

CORE = ("math", "re", "json", "string", "collections")
FIXED = (
    *CORE,
    "_strptime", "encodings.idna", "linecache", "traceback", "array", "ast", "base64", "binascii", "bisect",
    "calendar", "cmath", "collections.abc", "copy", "csv", "ctypes", "dataclasses", "datetime", "decimal",
    "difflib", "encodings.ascii", "encodings.latin_1", "enum", "fractions", "functools", "hashlib", "heapq", "html",
    "html.parser", "io", "ipaddress", "itertools", "locale", "mmap", "numbers", "operator", "pprint", "random",
    "resource", "socket", "statistics", "struct", "subprocess", "tempfile", "textwrap", "threading", "time",
    "types", "typing", "unicodedata", "urllib.parse", "uuid", "xml.etree.ElementTree", "zlib",
)  # fmt: skip
_TIDY_FILES = 64
IDLE_SECONDS = 600  # a jail that nobody needs ends by itself; the parent makes another when it does


class _AllowedPackages:
    """Finds the few packages that graders may import beyond the standard library, by name, and lists no folder."""

    def __init__(self, places: Mapping[str, str]) -> None:
        self.places = places

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        place = self.places.get(name)
        if place is None:
            return None
        folder = [os.path.dirname(place)] if os.path.basename(place).startswith("__init__.") else None
        return importlib.util.spec_from_file_location(name, place, submodule_search_locations=folder)


def allow_modules(places: Mapping[str, str]) -> None:
    """places: top-level name to its file."""
    sys.meta_path.append(_AllowedPackages(places))


def load_modules(names: Iterable[str]) -> None:
    """Import trusted modules ahead of time, so that a worker starts with them. What cannot be imported is left out."""
    for name in names:
        if name not in sys.modules:
            with contextlib.suppress(Exception):
                importlib.import_module(name)


def serve(config: Mapping[str, Any]) -> NoReturn:
    """Until the parent is gone."""
    Zygote(config).run()


class Zygote:
    def __init__(self, config: Mapping[str, Any]) -> None:
        self.layers: list[str] = config["layers"]
        self.files = config["files"]
        self.limits = Limits(**config["limits"])
        self.control, self.status = config["control"], config["status"]
        self.request, self.reply = config["request"], config["reply"]
        self.code: CodeType | None = None
        self.worker = 0
        if "seccomp" in self.layers:
            seccomp.worker_filter(self.files, 0)  # put together once, before the first fork
        self.woken, self.wake = os.pipe()
        for pipe in (self.woken, self.wake):
            os.set_blocking(pipe, False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.set_wakeup_fd(self.wake, warn_on_full_buffer=False)

    def run(self) -> NoReturn:
        self._tell({"ready": self.layers})
        gc.collect()
        gc.freeze()
        while True:
            ready, _, _ = select.select([self.control, self.woken], [], [], IDLE_SECONDS)
            if not ready:
                self._end_worker()
                os._exit(0)
            if self.woken in ready:
                with contextlib.suppress(BlockingIOError):
                    os.read(self.woken, 4096)
                self._reap()
            if self.control in ready:
                message = read_frame(self.control)
                if message is None:
                    self._end_worker()
                    os._exit(0)
                self._obey(message)

    def _obey(self, message: dict[str, Any]) -> None:
        self._end_worker()
        if "load" in message:
            # Compiled by the parent from the author's text: loading it runs none of it.
            self.code = marshal.loads(base64.b64decode(message["load"]))
            if "landlock" in self.layers or not self.layers:
                load_modules(message["imports"])
            self.limits = Limits(**message["limits"])
            gc.collect()
            gc.freeze()
        if not self._tidy():
            self._tell({"spoilt": True})
            os._exit(0)
        self._fork()
        self._tell({"worker": self.worker})

    def _fork(self) -> None:
        self.worker = os.fork()
        if self.worker:
            return
        try:
            signal.set_wakeup_fd(-1)
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            for pipe in (self.control, self.woken, self.wake):
                os.close(pipe)
            if self.layers:
                kernel.prctl(kernel.PR_SET_PDEATHSIG, 9)
            worker.harden(self.layers, self.files, self.limits)
        except BaseException as error:
            layer, why = (error.layer, error.why) if isinstance(error, LayerFault) else ("", repr(error)[:400])
            self._tell({"fault": layer, "why": why})
            os._exit(72)
        try:
            os.close(self.status)
            worker.serve(self.code, self.request, self.reply)
        finally:
            os._exit(73)  # whatever the author's code did, it never comes back into this class

    def _end_worker(self) -> None:
        if self.worker:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.worker, signal.SIGKILL)
            with contextlib.suppress(ChildProcessError):
                os.waitpid(self.worker, 0)
            self.worker = 0

    def _reap(self) -> None:
        """Tell the parent of a worker that ended by itself."""
        while True:
            try:
                gone, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if not gone:
                return
            if gone == self.worker:
                self.worker = 0
                self._tell({"died": os.waitstatus_to_exitcode(status)})

    def _tidy(self) -> bool:
        """Nothing of a worker is left for the next one. False where that is too much to clear: away with the jail."""
        os.set_blocking(self.request, False)
        with contextlib.suppress(BlockingIOError):
            while os.read(self.request, 1 << 16):
                pass
        os.set_blocking(self.request, True)
        if self.files != "scratch":
            return True
        left = os.listdir(namespaces.SCRATCH)
        if len(left) > _TIDY_FILES:
            return False
        try:
            for name in left:
                os.unlink(os.path.join(namespaces.SCRATCH, name))
        except OSError:
            return False
        return True

    def _tell(self, message: Mapping[str, Any]) -> None:
        try:
            write_all(self.status, encode(message))
        except BrokenPipeError:
            os._exit(0)
