"""`./studio up` as a person meets it: pages from nothing, stopped without a trace, back in seconds with all it had."""

import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest

from rftstudio.command.place import Place
from rftstudio.command.processes import jobs_under_way
from rftstudio.command.terminal import ROOT
from tests.engine.models import embedded_model

pytestmark = pytest.mark.slow


class Running:
    """One `./studio up`, its output in a file."""

    def __init__(self, data: Path, port: int) -> None:
        self.shown = data.parent / "shown"
        env = {key: value for key, value in os.environ.items() if key not in ("BROKER_URL", "DATABASE_URL")}
        with self.shown.open("w") as file:
            self.process = subprocess.Popen(
                [sys.executable, str(ROOT / "studio"), "up"],
                env={
                    **env,
                    "DATA_DIR": str(data),
                    "PORT": str(port),
                    "EMBEDDING_MODEL": str(data / "none"),
                    "PYTHONUNBUFFERED": "1",
                },
                stdout=file,
                stderr=subprocess.STDOUT,
            )
        self.data = data
        self.url = f"http://127.0.0.1:{port}"

    def wait_for(self, pattern: str, seconds: float = 120) -> re.Match:
        end = time.monotonic() + seconds
        while time.monotonic() < end and self.process.poll() is None:
            if found := re.search(pattern, self.shown.read_text()):
                return found
            time.sleep(0.1)
        raise AssertionError(f"{pattern!r} was not shown:\n{self.shown.read_text()}")

    def stop(self, number: int) -> str:
        self.process.send_signal(number)
        assert self.process.wait(30) == 0
        return self.shown.read_text()

    def processes(self) -> list[str]:
        listing = subprocess.run(["ps", "-axo", "command="], capture_output=True, text=True).stdout
        mine = (str(self.data), f":{self.url.rpartition(':')[2]}")
        return [line for line in listing.splitlines() if any(word in line for word in mine)]


def page(url: str) -> tuple[int, str]:
    request = urllib.request.Request(url, headers={"Accept": "text/html"})
    with urllib.request.urlopen(request, timeout=20) as answer:
        return answer.status, answer.read().decode()


@pytest.fixture
def start(tmp_path):
    data = tmp_path / "data"
    (data / "models").mkdir(parents=True)
    model = embedded_model()
    (data / "models" / model.name).symlink_to(model, target_is_directory=True)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    begun = []

    def start() -> Running:
        begun.append(Running(data, port))
        return begun[-1]

    yield start
    for running in begun:
        if running.process.poll() is None:
            running.process.terminate()
            running.process.wait(30)


def test_a_day_in_the_life(start):
    first = start()
    link = first.wait_for(r"Sign-in link \(works once\): (\S+)")[1]
    first.wait_for(r"worker \|.* ready")
    assert link.startswith(first.url)
    assert page(link)[0] == 200
    assert '<input type="password"' in re.sub(r"\s+", " ", page(first.url)[1])
    assert (first.data / "secret_key").stat().st_mode & 0o777 == 0o600
    shown = first.stop(signal.SIGINT)
    assert f"Stopped. Everything is kept in {first.data}" in shown
    assert first.processes() == []

    second = start()
    second.wait_for(r"Ready after [\d.]+ s")
    assert second.wait_for(r"Sign-in link \(works once\): (\S+)")[1] == link
    assert "Opened the sample" not in second.shown.read_text()
    second.stop(signal.SIGTERM)
    assert second.processes() == []


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere ps is asked, and always there")
def test_what_goes_on_is_counted_without_ps_and_by_whole_command_lines(tmp_path, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("DATA_DIR", str(tmp_path))
    place = Place()
    assert jobs_under_way(place) == 0
    command = [
        sys.executable,
        "-c",
        "import time; time.sleep(60)",
        b"\xff is no text",
        "-m rftstudio.engine.training",
        f"{tmp_path}/jobs/1",
    ]
    for _ in range(10):  # at once: for some milliseconds a process that was just started has no command line
        process = subprocess.Popen(command)
        try:
            assert jobs_under_way(place) == 1
        finally:
            process.kill()
            process.wait()
