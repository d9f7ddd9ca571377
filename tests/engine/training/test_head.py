"""The tiled head against the plain one."""

import pytest
import torch

from rftstudio.engine.training import head
from rftstudio.engine.training.head import head_logps


@pytest.mark.parametrize("biased", [False, True])
@pytest.mark.parametrize("tile", [7, 16, 1000])
@pytest.mark.parametrize("temperature", [1.0, 0.6])
@pytest.mark.parametrize("both", [False, True])
def test_values_and_gradients(
    monkeypatch: pytest.MonkeyPatch, tile: int, temperature: float, biased: bool, both: bool
) -> None:
    monkeypatch.setattr(head, "TILE", tile)
    generator = torch.Generator().manual_seed(0)
    hidden = torch.randn(5, 8, generator=generator) * 3
    weight = torch.randn(50, 8, generator=generator)
    bias = torch.randn(50, generator=generator) if biased else None
    index = torch.tensor([0, 0, 1, 2, 3, 4, 4, 4])
    target = torch.tensor([3, 49, 0, 7, 16, 15, 15, 31])
    wish = torch.randn(8, generator=generator)
    ours, plain = hidden.clone().requires_grad_(), hidden.clone().requires_grad_()
    logps, entropies = head_logps(ours, weight, bias, index, target, temperature, entropy_gradient=both)
    wanted = torch.log_softmax(torch.nn.functional.linear(plain, weight, bias) / temperature, -1)
    assert torch.allclose(logps, wanted[index, target], atol=1e-5)
    uncertain = -(wanted.exp() * wanted).sum(-1)[index]
    assert torch.allclose(entropies, uncertain, atol=1e-4)
    assert entropies.requires_grad == both
    other = torch.randn(8, generator=generator) * both
    (logps * wish + entropies * other).sum().backward()
    (wanted[index, target] * wish + uncertain * other).sum().backward()
    assert torch.allclose(ours.grad, plain.grad, atol=1e-5)


def test_gradient_of_the_entropy_alone() -> None:
    """By finite differences, and where the model is nearly certain."""
    generator = torch.Generator().manual_seed(1)
    hidden = torch.randn(3, 6, generator=generator, dtype=torch.float64)
    weight = torch.randn(30, 6, generator=generator, dtype=torch.float64) * torch.tensor([[1.0]] * 29 + [[8.0]])
    index, target = torch.arange(3), torch.zeros(3, dtype=torch.long)

    def entropy(at: torch.Tensor) -> torch.Tensor:
        chances = torch.softmax(at @ weight.T, -1)
        return -torch.special.xlogy(chances, chances).sum()

    ours = hidden.float().requires_grad_()
    head_logps(ours, weight.float(), None, index, target, 1.0, entropy_gradient=True)[1].sum().backward()
    for place in range(18):
        step = torch.zeros(18, dtype=torch.float64)
        step[place] = 1e-5
        slope = (entropy(hidden + step.view(3, 6)) - entropy(hidden - step.view(3, 6))) / 2e-5
        assert float(ours.grad.flatten()[place]) == pytest.approx(float(slope), abs=2e-5)
