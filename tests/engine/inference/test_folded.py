"""Adapters folded into the weights: peft's results and gradients, no drift, exact when taken off."""

from typing import Any

import pytest
import torch
from peft import LoraConfig, get_peft_model

from rftstudio.engine.inference import packed
from rftstudio.engine.inference.folded import fold
from tests.engine.tiny import tiny_model

IDS = torch.tensor([[4, 9, 20, 33, 7, 12]])


def tuned(*, folds: bool, **changes: Any) -> Any:
    config = LoraConfig(r=4, lora_alpha=6, target_modules="all-linear", task_type="CAUSAL_LM", **changes)
    torch.manual_seed(0)
    model = get_peft_model(tiny_model(), config)
    generator = torch.Generator().manual_seed(3)
    for name, parameter in model.named_parameters():
        if "lora_" in name:
            parameter.data.normal_(0, 0.1, generator=generator)
    if folds:
        assert fold(model)
    return model


def step(model: Any) -> tuple[torch.Tensor, torch.Tensor]:
    optimizer = torch.optim.AdamW([p for p in model.parameters() if p.requires_grad], lr=1e-2)
    logits = model(IDS).logits
    logits.log_softmax(-1)[0, :, 5].sum().backward()
    gradient = torch.cat([p.grad.flatten() for p in model.parameters() if p.grad is not None])
    optimizer.step()
    model.zero_grad()
    return logits.detach(), gradient


def test_results_and_gradients_stay_those_of_peft_over_updates() -> None:
    plain, ours = tuned(folds=False), tuned(folds=True)
    for _ in range(5):
        (theirs, their_gradient), (mine, my_gradient) = step(plain), step(ours)
        assert torch.allclose(theirs, mine, atol=1e-4)
        assert float((their_gradient - my_gradient).norm()) <= 1e-4 * float(their_gradient.norm())
    assert not torch.allclose(mine, step(tuned(folds=True))[0], atol=1e-2)  # the updates did something


def test_sampling_sees_every_update_and_nothing_drifts() -> None:
    model = tuned(folds=True)
    before = {name: p.clone() for name, p in model.named_parameters() if "base_layer" in name}
    for _ in range(3):
        step(model)
        with torch.inference_mode():
            sampled = model(IDS).logits.clone()
        assert torch.equal(sampled, model(IDS).logits.detach())
    assert all(torch.equal(before[name], p) for name, p in model.named_parameters() if name in before)


def test_taken_off_it_is_the_base_exactly() -> None:
    model = tuned(folds=True)
    with torch.no_grad():
        model(IDS)
        with model.disable_adapter():
            off = model(IDS).logits
        assert torch.equal(off, tiny_model()(IDS).logits)
        assert not torch.allclose(model(IDS).logits, off, atol=1e-2)


def test_another_adapter_is_folded_anew() -> None:
    model = tuned(folds=True)
    with torch.no_grad():
        first = model(IDS).logits
        model.add_adapter("other", LoraConfig(r=2, target_modules="all-linear", init_lora_weights=False))
        model.set_adapter("other")
        assert not torch.allclose(model(IDS).logits, first, atol=1e-2)
        model.set_adapter("default")
        assert torch.equal(model(IDS).logits, first)


@pytest.mark.parametrize("changes", [{"lora_dropout": 0.1}, {"use_dora": True}, {"lora_bias": True}])
def test_other_kinds_of_lora_are_left_to_peft(changes: dict[str, Any]) -> None:
    config = LoraConfig(r=4, target_modules="all-linear", task_type="CAUSAL_LM", **changes)
    assert not fold(get_peft_model(tiny_model(), config))


def test_without_memory_to_spare_it_is_left_to_peft(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packed, "memory", lambda: 100_000)
    config = LoraConfig(r=4, target_modules="all-linear", task_type="CAUSAL_LM")
    assert not fold(get_peft_model(tiny_model(), config))


def test_the_base_gives_its_own_layout_back() -> None:
    """What decoding with the untrained model needed is not kept beside the adapter's."""
    base = tiny_model().requires_grad_(False)
    assert packed.pack_layers(base)
    with torch.inference_mode():
        base(IDS)
    config = LoraConfig(r=4, lora_alpha=6, target_modules="all-linear", task_type="CAUSAL_LM")
    model = get_peft_model(base, config)
    installed = [module.forward for module in model.modules() if isinstance(module, torch.nn.Linear)]
    kept = [one for one in installed if isinstance(one, packed.PackedLinear)]
    assert any(one.packed is not None for one in kept)
    assert fold(model)
    adapted = [one for one in kept if one.layer is not model.get_output_embeddings()]
    assert adapted
    assert all(one.packed is None for one in adapted)
    with torch.inference_mode(), model.disable_adapter():
        assert torch.allclose(model(IDS).logits, tiny_model()(IDS).logits, atol=1e-4)
