"""Products by MKL and by oneDNN: the same numbers as PyTorch's own, and a choice that the processor alone decides."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from rftstudio.engine.inference import products
from rftstudio.engine.inference.products import MKL, ONEDNN, ROWS, linear, pack, packed_linear

BOTH = [name for name in (MKL, ONEDNN) if products._works(name)]


@pytest.fixture
def fresh() -> Iterator[None]:
    """Decided anew, and again afterwards."""
    products.library.cache_clear()
    yield
    products.library.cache_clear()


@pytest.fixture(params=BOTH)
def library(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    name: str = request.param
    monkeypatch.setattr(products, "library", lambda: name)
    return name


@pytest.mark.usefixtures("library")
@pytest.mark.parametrize("shape", [(1, 24), (24,), (2, 5, 24), (ROWS + 72, 24), (0, 24)])
def test_products_are_those_of_pytorch(shape: tuple[int, ...]) -> None:
    torch.manual_seed(0)
    x, weight, bias = torch.randn(shape), torch.randn(40, 24), torch.randn(40)
    turned = torch.randn(24, 40).t()
    for one in (weight, turned):
        for added in (bias, None):
            wanted = torch.nn.functional.linear(x, one, added)
            assert torch.allclose(linear(x, one, added), wanted, atol=1e-5)
            assert torch.allclose(packed_linear(x, one, pack(one), added), wanted, atol=1e-5)
    apart = torch.stack([x, x], -1)[..., 0]  # not side by side in memory
    assert torch.allclose(linear(apart, weight, bias), torch.nn.functional.linear(x, weight, bias), atol=1e-5)


@pytest.mark.usefixtures("library")
def test_other_kinds_of_numbers_are_left_to_pytorch() -> None:
    torch.manual_seed(0)
    x, weight = torch.randn(3, 24), torch.randn(40, 24)
    for dtype in (torch.float64, torch.bfloat16):
        one, other = x.to(dtype), weight.to(dtype)
        assert torch.equal(linear(one, other), torch.nn.functional.linear(one, other))
        assert not products.packs(other)
    assert products.packs(weight)


@pytest.mark.usefixtures("fresh")
@pytest.mark.skipif(len(BOTH) < 2, reason="this PyTorch has not both libraries")
@pytest.mark.parametrize(
    ("machine", "cpuinfo", "wanted"),
    [
        ("x86_64", "processor\t: 0\nvendor_id\t: GenuineIntel\nmodel name\t: Xeon\n", MKL),
        ("x86_64", "processor\t: 0\nvendor_id\t: AuthenticAMD\nmodel name\t: EPYC\n", ONEDNN),
        ("x86_64", None, MKL),
        ("aarch64", "processor\t: 0\nCPU implementer\t: 0x41\n", MKL),
    ],
)
def test_the_processor_decides(
    machine: str, cpuinfo: str | None, wanted: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("platform.machine", lambda: machine)
    monkeypatch.setattr(products, "CPUINFO", tmp_path / "cpuinfo")
    if cpuinfo is not None:
        (tmp_path / "cpuinfo").write_text(cpuinfo, encoding="utf-8")
    assert products.library() == wanted


@pytest.mark.usefixtures("fresh")
@pytest.mark.skipif(MKL not in BOTH, reason="this PyTorch has no MKL")
def test_where_onednn_fails_its_trial_mkl_does(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("platform.machine", lambda: "x86_64")
    monkeypatch.setattr(products, "CPUINFO", tmp_path / "cpuinfo")
    (tmp_path / "cpuinfo").write_text("vendor_id\t: AuthenticAMD\n", encoding="utf-8")
    monkeypatch.setattr(torch.backends.mkldnn, "is_available", lambda: False)
    assert products.library() == MKL


@pytest.mark.usefixtures("fresh")
def test_without_the_library_products_are_pytorchs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.backends.mkl, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mkldnn, "is_available", lambda: False)
    assert products.library() == ""
    x, weight = torch.randn(3, 24), torch.randn(40, 24)
    assert not products.packs(weight)
    assert torch.equal(linear(x, weight), torch.nn.functional.linear(x, weight))
