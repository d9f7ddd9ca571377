"""The tiled head against the plain one."""

import pytest
import torch

from rftstudio.engine.training import head
from rftstudio.engine.training.head import head_logps


@pytest.mark.parametrize("biased", [False, True])
@pytest.mark.parametrize("tile", [7, 16, 1000])
@pytest.mark.parametrize("temperature", [1.0, 0.6])
def test_values_and_gradients(monkeypatch: pytest.MonkeyPatch, tile: int, temperature: float, biased: bool) -> None:
    monkeypatch.setattr(head, "TILE", tile)
    generator = torch.Generator().manual_seed(0)
    hidden = torch.randn(5, 8, generator=generator) * 3
    weight = torch.randn(50, 8, generator=generator)
    bias = torch.randn(50, generator=generator) if biased else None
    index = torch.tensor([0, 0, 1, 2, 3, 4, 4, 4])
    target = torch.tensor([3, 49, 0, 7, 16, 15, 15, 31])
    wish = torch.randn(8, generator=generator)
    ours, plain = hidden.clone().requires_grad_(), hidden.clone().requires_grad_()
    logps, entropies = head_logps(ours, weight, bias, index, target, temperature)
    wanted = torch.log_softmax(torch.nn.functional.linear(plain, weight, bias) / temperature, -1)
    assert torch.allclose(logps, wanted[index, target], atol=1e-5)
    assert torch.allclose(entropies, -(wanted.exp() * wanted).sum(-1)[index], atol=1e-4)
    assert not entropies.requires_grad
    (logps * wish).sum().backward()
    (wanted[index, target] * wish).sum().backward()
    assert torch.allclose(ours.grad, plain.grad, atol=1e-5)
