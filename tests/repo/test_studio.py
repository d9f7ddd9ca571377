"""`./studio` refuses in a sentence, looks after its processes, and stops cleanly."""

import ast
import importlib.machinery
import importlib.util
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections import namedtuple
from pathlib import Path

import pytest

from rftstudio.command import environment
from rftstudio.command.place import GIGABYTE, Place, check_disk
from rftstudio.command.terminal import ROOT, Refusal

STUDIO = ROOT / "studio"
Usage = namedtuple("Usage", "total used free")


def studio(*arguments: str, **env: str) -> subprocess.CompletedProcess:
    command = [sys.executable, str(STUDIO), *arguments]
    return subprocess.run(command, env={**os.environ, **env}, capture_output=True, text=True, timeout=60)


@pytest.fixture
def script():
    """The executable as a module; its name has no ending, so that it is loaded by hand."""
    loader = importlib.machinery.SourceFileLoader("studio_script", str(STUDIO))
    module = importlib.util.module_from_spec(importlib.util.spec_from_loader("studio_script", loader))
    loader.exec_module(module)
    return module


@pytest.fixture
def listener():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        yield taken.getsockname()[1]


def test_help_names_every_verb():
    shown = studio("help").stdout
    assert all(f"./studio {verb} " in shown for verb in ("up", "dev", "test", "bench", "lock", "help"))
    assert studio().stdout == shown


def test_old_pythons_can_read_the_script():
    text = STUDIO.read_text(encoding="utf-8")
    head = text[: text.index("def main(")]  # what runs before the version has been looked at
    ast.parse(head, feature_version=(3, 6))
    assert "annotations" not in head


def test_old_python_is_refused_with_what_to_do(script, monkeypatch):
    monkeypatch.setenv("PATH", "")
    sentence = script.check_python((3, 9))
    assert "needs Python 3.11 or newer, and this is Python 3.9" in sentence
    assert "apt-get install" in sentence


def test_windows_is_pointed_to_wsl(script):
    assert "WSL" in script.check_python((3, 12), system="nt")


def test_this_python_will_do(script):
    assert script.check_python(sys.version_info[:2]) == ""


def test_unknown_verb_and_stray_argument():
    assert "There is no `./studio start`" in studio("start").stderr
    done = studio("up", "--port=1")
    assert done.returncode == 1
    assert "takes no arguments" in done.stderr


def test_taken_port_is_named_with_a_free_one(tmp_path, listener):
    done = studio("up", PORT=str(listener), DATA_DIR=str(tmp_path))
    assert done.returncode == 1
    assert f"Port {listener} is taken by another program" in done.stderr
    assert "PORT=" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("port", ["eighty", "0", "70000", "-1"])
def test_bad_port(tmp_path, port):
    assert f"PORT={port} is not a port" in studio("up", PORT=port, DATA_DIR=str(tmp_path)).stderr


def test_foreign_host(tmp_path):
    assert "Give HOST an address of this machine" in studio("up", HOST="203.0.113.7", DATA_DIR=str(tmp_path)).stderr


def test_data_dir_that_is_a_file(tmp_path):
    (tmp_path / "file").write_text("")
    done = studio("up", DATA_DIR=str(tmp_path / "file"))
    assert "cannot be written" in done.stderr
    assert "Traceback" not in done.stderr


def test_full_disk_is_refused_with_the_numbers(tmp_path, monkeypatch):
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: Usage(GIGABYTE, GIGABYTE, 0.2 * GIGABYTE))
    with pytest.raises(Refusal, match=r"0\.2 GB are free at .* needs 0\.5 GB"):
        check_disk(tmp_path, 0.5 * GIGABYTE, "the studio")


def test_first_install_asks_for_three_gigabytes(tmp_path, monkeypatch):
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: Usage(9 * GIGABYTE, 7 * GIGABYTE, 2 * GIGABYTE))
    monkeypatch.setattr(environment, "VENV", tmp_path / "venv")
    monkeypatch.setattr(environment, "PYTHON", str(tmp_path / "venv" / "bin" / "python"))
    monkeypatch.setattr(environment, "INSTALLED", tmp_path / "venv" / "studio.json")
    with pytest.raises(Refusal, match="installing the packages needs 3.0 GB"):
        environment.make_environment()


def test_second_studio_on_the_same_data(tmp_path, monkeypatch):
    monkeypatch.setenv("DATA_DIR", str(tmp_path))
    first = Place()
    first.claim()
    first.note([])
    done = studio("up", DATA_DIR=str(tmp_path))
    first.held.close()
    assert done.returncode == 1
    assert f"Another studio is running with DATA_DIR={tmp_path}, at {first.url}" in done.stderr


def test_leftovers_of_a_killed_studio_are_ended(tmp_path, monkeypatch):
    monkeypatch.setenv("DATA_DIR", str(tmp_path))
    sleeper = [sys.executable, "-c", "import time; time.sleep(60)", str(tmp_path)]
    left = subprocess.Popen(sleeper, start_new_session=True)
    foreign = subprocess.Popen([shutil.which("sleep"), "60"], start_new_session=True)
    try:
        (tmp_path / "studio.json").write_text(json.dumps({"children": [left.pid, foreign.pid, 2**22 + 1]}))
        Place().claim()
        assert left.wait(5) < 0
        assert foreign.poll() is None
    finally:
        for process in (left, foreign):
            process.kill()
            process.wait()


LOOK_AFTER = """
import os, sys
from rftstudio.command.place import Place
from rftstudio.command.processes import Child, look_after
sleeper = "import os, sys, time; print('here', os.getpid(), flush=True); time.sleep(60)"
children = [Child(name, "33", [sys.executable, "-c", sleeper], dict(os.environ)) for name in ("one", "two")]
look_after(Place(), children, lambda: "")
"""


def wait_for(path: Path, text: str, times: int = 1, seconds: float = 20) -> str:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        shown = path.read_text()
        if shown.count(text) >= times:
            return shown
        time.sleep(0.05)
    raise AssertionError(f"{text!r} not shown {times} times in {seconds} s:\n{path.read_text()}")


def alive(pid: int) -> bool:
    return subprocess.run(["ps", "-p", str(pid)], capture_output=True).returncode == 0


def test_a_process_that_dies_is_started_again_and_all_end_together(tmp_path):
    shown = tmp_path / "shown"
    with shown.open("w") as file:
        env = {**os.environ, "DATA_DIR": str(tmp_path / "data"), "PORT": "1", "PYTHONPATH": str(ROOT)}
        keeper = subprocess.Popen([sys.executable, "-c", LOOK_AFTER], env=env, stdout=file, stderr=subprocess.STDOUT)
    try:
        lines = wait_for(shown, "here", times=2).splitlines()
        pids = {line.split()[0]: int(line.split()[-1]) for line in lines if "here" in line}
        os.kill(pids["one"], signal.SIGKILL)
        wait_for(shown, "(SIGKILL). Starting it again in 1 s.")
        lines = wait_for(shown, "here", times=3).splitlines()
        again = int([line for line in lines if "here" in line][-1].split()[-1])
        assert json.loads((tmp_path / "data" / "studio.json").read_text())["process"] == keeper.pid
        keeper.send_signal(signal.SIGTERM)
        assert keeper.wait(20) == 0
        assert "Stopped. Everything is kept in" in shown.read_text()
        assert not any(alive(pid) for pid in (pids["two"], again))
    finally:
        keeper.kill()


def test_pip_configuration_is_handed_to_uv(monkeypatch):
    listing = (
        ":env:.find-links='/a /b'\nglobal.find-links='/a'\nglobal.cert='/c.pem'\n"
        "global.extra-index-url='file:///gone https://more.example/simple'\nuser.index-url='https://own.example/simple'\n"
    )
    monkeypatch.setattr(environment, "_pip_config", lambda: listing)
    monkeypatch.delenv("SSL_CERT_FILE", raising=False)
    links, options, env = environment.pip_options()
    assert links == ["/a", "/b"]
    assert options == [
        "--find-links", "/a", "--find-links", "/b",
        "--default-index", "https://own.example/simple", "--index", "https://more.example/simple",
    ]  # fmt: skip
    assert env["SSL_CERT_FILE"] == "/c.pem"


def test_a_local_build_of_pytorch_is_taken(tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "platform", "linux")
    assert environment.torch_builds([str(tmp_path), "https://wheels.example"])[-1] == []
    (tmp_path / f"torch-2.13.0+cpu-cp3{sys.version_info[1]}-cp3{sys.version_info[1]}-linux_x86_64.whl").write_text("")
    assert environment.torch_builds([str(tmp_path)]) == [[]]
