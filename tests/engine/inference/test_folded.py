"""Folded adapters answer with the weights as they stand, whoever wrote to them last."""

import pytest
import torch
from peft import LoraConfig, get_peft_model

from rftstudio.engine.inference.folded import fold
from tests.engine.tiny import tiny_model

TOKENS = torch.tensor([[3, 9, 14, 21, 30]])


def adapted():
    torch.manual_seed(1)
    return get_peft_model(tiny_model(), LoraConfig(r=4, target_modules=["q_proj", "down_proj"])).eval()


@pytest.mark.parametrize("options", [{"fused": True}, {"foreach": True}, {}], ids=["fused", "foreach", "plain"])
def test_an_optimizer_step_is_seen(options):
    """A fused optimizer leaves no mark on the tensors it writes to."""
    model, plain = adapted(), adapted()
    assert fold(model)
    optimizer = torch.optim.AdamW([one for one in model.parameters() if one.requires_grad], lr=0.05, **options)
    before = model(TOKENS).logits
    for _ in range(3):
        model(TOKENS).logits.logsumexp(-1).sum().backward()
        optimizer.step()
        optimizer.zero_grad()
        plain.load_state_dict(model.state_dict())
        after = model(TOKENS).logits
        torch.testing.assert_close(after, plain(TOKENS).logits, rtol=1e-4, atol=1e-5)
    assert not torch.allclose(before, after, atol=1e-2)


def test_the_adapter_comes_off_exactly():
    model = adapted()
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if "lora_B" in name:
                parameter.normal_()
    assert fold(model)
    tuned = model(TOKENS).logits
    with model.disable_adapter():
        torch.testing.assert_close(model(TOKENS).logits, tiny_model()(TOKENS).logits, rtol=0, atol=0)
    torch.testing.assert_close(model(TOKENS).logits, tuned, rtol=0, atol=0)
