"""Packed weights: the same products and gradients, made anew when a weight changes, only where they can be."""

import pytest
import torch

from rftstudio.engine.inference import packed
from rftstudio.engine.inference.packed import PackedLinear, drop_packed, pack_layers
from rftstudio.engine.inference.products import ROWS
from tests.engine.tiny import tiny_model


def layer(*, bias: bool) -> torch.nn.Linear:
    torch.manual_seed(0)
    return torch.nn.Linear(24, 40, bias=bias).requires_grad_(False)


@pytest.mark.parametrize("bias", [False, True])
@pytest.mark.parametrize("shape", [(24,), (1, 24), (3, 1, 24), (2, 5, 24), (ROWS, 24), (ROWS + 1, 24), (0, 24)])
def test_products_are_those_of_the_plain_layer(shape: tuple[int, ...], bias: bool) -> None:
    plain, ours = layer(bias=bias), layer(bias=bias)
    installed = PackedLinear(ours)
    x = torch.randn(shape)
    with torch.inference_mode():
        assert torch.allclose(ours(x), plain(x), atol=1e-5)
        apart = torch.stack([x, x], -1)[..., 0]  # not side by side in memory
        assert torch.allclose(ours(apart), plain(x), atol=1e-5)
    assert (installed.packed is not None) == (x.numel() <= ROWS * 24)


def test_a_weight_that_changed_is_packed_anew() -> None:
    ours = layer(bias=False)
    PackedLinear(ours)
    x = torch.randn(2, 24)
    with torch.no_grad():
        before = ours(x)
        ours.weight.mul_(2.0)
        assert torch.allclose(ours(x), 2 * before, atol=1e-5)


def test_gradients_are_those_of_the_plain_layer() -> None:
    ours = layer(bias=True)
    installed = PackedLinear(ours)
    x = torch.randn(2, 24, requires_grad=True)
    ours(x).sum().backward()
    assert x.grad is not None
    assert torch.allclose(x.grad, ours.weight.sum(0).expand(2, -1), atol=1e-5)
    assert installed.packed is None


def test_a_model_says_the_same_packed_and_gives_the_copies_back() -> None:
    plain, ours = tiny_model(), tiny_model().requires_grad_(False)
    assert pack_layers(ours)
    installed = [module.forward for module in ours.modules() if isinstance(module.forward, PackedLinear)]
    ids = torch.randint(3, 40, (4, 9))
    with torch.inference_mode():
        for _ in range(2):
            assert torch.allclose(ours(ids).logits, plain(ids).logits, atol=1e-4)
            assert all(one.packed is not None for one in installed)
            drop_packed(ours)
            assert all(one.packed is None for one in installed)
    assert len(installed) == 2 * 7 + 1
    assert ours.state_dict().keys() == plain.state_dict().keys()


def test_without_memory_weights_are_not_packed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packed, "memory", lambda: 1000)
    plain, ours = tiny_model(), tiny_model().requires_grad_(False)
    assert not pack_layers(ours)
    ids = torch.randint(3, 40, (4, 9))
    with torch.inference_mode():
        assert torch.allclose(ours(ids).logits, plain(ids).logits, atol=1e-4)
    assert all(module.forward.packed is None for module in ours.modules() if isinstance(module.forward, PackedLinear))


def test_other_weights_are_left_as_they_are() -> None:
    trained, short = tiny_model(), tiny_model().to(torch.bfloat16).requires_grad_(False)
    assert not pack_layers(trained)
    assert not pack_layers(short)
    assert not any(isinstance(one.forward, PackedLinear) for model in (trained, short) for one in model.modules())
