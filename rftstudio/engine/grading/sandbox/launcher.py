"""The program that becomes a jail: `python -P -s -S launcher.py CONFIG`, with an environment of its own.

It is started by `exec`, never forked from the studio or a trainer, whose memory holds secrets. It puts up the layers
it is told to, in this order, and stays as the zygote; a layer that fails is told to the parent, and nothing runs.

CONFIG: {"layers", "files", "limits", "control", "status", "request", "reply", "read", "look", "hide", "modules"}.
"""

import json
import os
import sys
import types
from typing import Any, NoReturn

_HERE = os.path.dirname(os.path.abspath(__file__))
_PACKAGES = "rftstudio.engine.grading.sandbox"


def _make_importable() -> None:
    """Let the modules beside this file be imported under their own names, without what their packages import."""
    folder = _HERE
    names = _PACKAGES.split(".")
    for count in range(len(names), 0, -1):
        name = ".".join(names[:count])
        package = types.ModuleType(name)
        package.__path__ = [folder]
        sys.modules[name] = package
        folder = os.path.dirname(folder)


if __name__ == "__main__":
    _make_importable()

from rftstudio.engine.grading.sandbox import kernel, landlock, namespaces, seccomp, zygote  # noqa: E402
from rftstudio.engine.grading.sandbox.frames import encode, write_all  # noqa: E402
from rftstudio.engine.grading.sandbox.layers import LayerFault  # noqa: E402
from rftstudio.engine.grading.sandbox.syscalls import numbers  # noqa: E402


def main(config: dict[str, Any]) -> NoReturn:
    pipes = [config[name] for name in ("control", "status", "request", "reply")]
    try:
        _close_others(pipes)
        os.environ.clear()
        os.environ["OPENBLAS_NUM_THREADS"] = "1"  # a thread would be refused, and is not needed
        zygote.allow_modules(config["modules"])
        if "landlock" not in config["layers"]:
            zygote.load_modules([*zygote.FIXED, *config["modules"]])  # nothing can be opened later on
        else:
            zygote.load_modules(zygote.CORE)
        _enter(config, pipes)
    except LayerFault as fault:
        write_all(config["status"], encode({"fault": fault.layer, "why": fault.why}))
        os._exit(70)
    except BaseException as error:
        write_all(config["status"], encode({"fault": "", "why": f"{type(error).__name__}: {error}"[:400]}))
        os._exit(71)
    zygote.serve(config)


def _enter(config: dict[str, Any], pipes: list[int]) -> None:
    layers = config["layers"]
    if "namespaces" in layers:
        inside = namespaces.enter(bind=config["read"], hide=config["hide"])
        if inside:
            _wait_for(inside, pipes)
        kernel.prctl(kernel.PR_SET_PDEATHSIG, 9)
        os.chdir(namespaces.SCRATCH)
        os.environ["TMPDIR"] = namespaces.SCRATCH
    elif layers and os.getuid() == 0:
        zygote.load_modules(zygote.FIXED)  # Python itself may lie where only root can read
        os.setgroups([])
        os.setresgid(namespaces.NOBODY, namespaces.NOBODY, namespaces.NOBODY)
        os.setresuid(namespaces.NOBODY, namespaces.NOBODY, namespaces.NOBODY)
    if layers:
        kernel.prctl(kernel.PR_SET_DUMPABLE, 0)
        kernel.drop_capabilities(numbers()["capset"])
    if "landlock" in layers:
        write = [namespaces.SCRATCH] if "namespaces" in layers else []
        landlock.restrict(read=config["rules"], look=config["look"], write=write)
    if "seccomp" in layers:
        seccomp.install(seccomp.zygote_filter())


def _wait_for(inside: int, pipes: list[int]) -> NoReturn:
    """The process outside holds nothing; it dies with the jail, and the jail with it."""
    for pipe in pipes:
        os.close(pipe)
    kernel.prctl(kernel.PR_SET_NO_NEW_PRIVS, 1)
    os._exit(os.waitstatus_to_exitcode(os.waitpid(inside, 0)[1]) & 0xFF)


def _close_others(keep: list[int]) -> None:
    last = 2
    for pipe in [*sorted(keep), 1 << 16]:
        os.closerange(last + 1, pipe)
        last = pipe


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
