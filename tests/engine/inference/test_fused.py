"""Fused layers: the same answers and gradients as transformers' own, and other architectures left as they are."""

from copy import deepcopy
from typing import Any

import pytest
import torch
from transformers import (
    AutoModelForCausalLM,
    Gemma2Config,
    GPTNeoXConfig,
    LlamaConfig,
    MistralConfig,
    OlmoConfig,
    Qwen2Config,
    Qwen3Config,
    SmolLM3Config,
)

from rftstudio.engine.inference import fused
from rftstudio.engine.inference.fused import FusedAttention, FusedMlp, FusedNorm, fuse

SMALL: dict[str, Any] = {
    "vocab_size": 60,
    "hidden_size": 48,
    "intermediate_size": 96,
    "num_hidden_layers": 2,
    "num_attention_heads": 6,
    "num_key_value_heads": 2,
    "head_dim": 8,
    "max_position_embeddings": 64,
    "initializer_range": 0.3,
}
SCALED = {"rope_type": "llama3", "rope_theta": 1e4, "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0}
LLAMAS = {
    "llama": LlamaConfig(**SMALL),
    "biases": LlamaConfig(**SMALL, attention_bias=True, mlp_bias=True),
    "a key for every head": LlamaConfig(**{**SMALL, "num_key_value_heads": 6}),
    "scaled positions": LlamaConfig(**SMALL, rope_parameters={**SCALED, "original_max_position_embeddings": 32}),
    "mistral": MistralConfig(**SMALL, sliding_window=None),
    "qwen2": Qwen2Config(**SMALL),
    "heads of another size": LlamaConfig(**{**SMALL, "head_dim": 16}),
    "one key for all": LlamaConfig(**{**SMALL, "num_key_value_heads": 1}),
}
IDS = torch.tensor([[5, 9, 14, 7, 22, 31], [3, 41, 8, 59, 6, 2]])


def pair(config: Any) -> tuple[Any, Any]:
    """The same random model twice, frozen, its normalisations not all ones."""
    models = []
    for _ in range(2):
        torch.manual_seed(0)
        model = AutoModelForCausalLM.from_config(deepcopy(config), dtype=torch.float32).eval().requires_grad_(False)
        for name, weight in model.named_parameters():
            if "norm" in name:
                weight.uniform_(0.5, 1.5)
        models.append(model)
    return models[0], models[1]


def kinds(model: Any) -> set[type]:
    return {type(module.forward) for module in model.modules()} & {FusedNorm, FusedMlp, FusedAttention}


def answers(model: Any, **named: Any) -> tuple[torch.Tensor, torch.Tensor]:
    """Logits, and the gradient of something of all of them with respect to the embeddings."""
    embedded = model.get_input_embeddings()(IDS).detach().requires_grad_()
    logits = model(inputs_embeds=embedded, **named).logits
    (logits.logsumexp(-1).sum() + logits[..., 3].square().sum()).backward()
    return logits.detach(), embedded.grad


@pytest.mark.parametrize("name", LLAMAS)
@pytest.mark.parametrize("masked", [False, True])
def test_answers_and_gradients_are_those_of_the_plain_model(name: str, masked: bool) -> None:
    plain, ours = pair(LLAMAS[name])
    assert fuse(ours) == 2 * 4 + 1
    named: dict[str, Any] = {}
    if masked:
        seen = torch.ones(6, 6, dtype=torch.bool).tril() & ~torch.eye(6, dtype=torch.bool).roll(2, 0)
        named = {"attention_mask": torch.stack([seen, seen.logical_or(torch.eye(6, dtype=torch.bool))])[:, None]}
    wanted, wanted_gradient = answers(plain, **named)
    found, found_gradient = answers(ours, **named)
    assert torch.allclose(found, wanted, rtol=1e-4, atol=1e-4)
    assert torch.allclose(found_gradient, wanted_gradient, rtol=1e-3, atol=1e-3)
    with torch.inference_mode():
        assert torch.allclose(ours(IDS, **named).logits, found, rtol=1e-4, atol=1e-4)


def test_each_forward_pass_has_its_own_mask() -> None:
    plain, ours = pair(LLAMAS["llama"])
    fuse(ours)
    for lost in (0, 1):
        mask = torch.ones(1, 1, 6, 6, dtype=torch.bool).tril()
        mask[..., 2:, lost] = False
        with torch.inference_mode():
            found, wanted = (model(IDS, attention_mask=mask).logits for model in (ours, plain))
        assert torch.allclose(found, wanted, rtol=1e-4, atol=1e-4)


def test_it_goes_on_from_what_it_has_read() -> None:
    plain, ours = pair(LLAMAS["llama"])
    fuse(ours)
    with torch.inference_mode():
        read = ours(IDS[:, :4], use_cache=True)
        found = ours(IDS[:, 4:], past_key_values=read.past_key_values).logits
        wanted = plain(IDS).logits[:, 4:]
    assert torch.allclose(found, wanted, rtol=1e-4, atol=1e-4)


def test_attention_of_another_build_is_left_alone() -> None:
    plain, ours = pair(Qwen3Config(**SMALL))  # normalises queries and keys
    assert fuse(ours) > 0
    assert kinds(ours) == {FusedNorm, FusedMlp}
    with torch.inference_mode():
        assert torch.allclose(ours(IDS).logits, plain(IDS).logits, rtol=1e-4, atol=1e-4)


def test_layers_of_one_class_that_differ_are_told_apart() -> None:
    plain, ours = pair(SmolLM3Config(**SMALL, no_rope_layers=[1, 0], pad_token_id=0))
    assert fuse(ours) == 2 * 3 + 1 + 1
    assert isinstance(ours.model.layers[0].self_attn.forward, FusedAttention)
    assert not isinstance(ours.model.layers[1].self_attn.forward, FusedAttention)
    with torch.inference_mode():
        assert torch.allclose(ours(IDS).logits, plain(IDS).logits, rtol=1e-4, atol=1e-4)


def test_what_is_clamped_is_left_alone() -> None:
    ours, _ = pair(OlmoConfig(**SMALL, clip_qkv=8.0))
    fuse(ours)
    assert FusedAttention not in kinds(ours)


@pytest.mark.parametrize("mask", ["floats", "one for all", "a row that sees nothing", "one for each head", "a row"])
def test_masks_of_every_shape(mask: str) -> None:
    plain, ours = pair(LLAMAS["llama"])
    fuse(ours)
    seen = torch.ones(2, 1, 6, 6, dtype=torch.bool).tril()
    seen[1, :, 3:, 1] = False
    given = {
        "floats": torch.zeros(seen.shape).masked_fill(~seen, float("-inf")),
        "one for all": seen[1:].expand(2, -1, -1, -1),
        "a row that sees nothing": seen & (torch.arange(6) > 0)[:, None],
        "one for each head": seen.expand(-1, 6, -1, -1),
        "a row": torch.tensor([[1, 1, 1, 1, 1, 1], [0, 0, 1, 1, 1, 1]]),
    }[mask]
    with torch.inference_mode():
        found, wanted = (model(IDS, attention_mask=given).logits for model in (ours, plain))
    rows = slice(1, None) if mask == "a row that sees nothing" else slice(None)
    if mask == "a row":
        found, wanted = found[:, 2:], wanted[:, 2:]
    assert torch.allclose(found[:, rows], wanted[:, rows], rtol=1e-4, atol=1e-4)


def test_another_attention_is_the_layers_own() -> None:
    plain, ours = pair(LLAMAS["llama"])
    fuse(ours)
    ours.set_attn_implementation("eager")
    with torch.inference_mode():
        assert torch.allclose(ours(IDS).logits, plain(IDS).logits, rtol=1e-4, atol=1e-4)


def test_layers_that_give_something_else_are_left_alone() -> None:
    gemma, _ = pair(Gemma2Config(**SMALL))  # gelu, 1 + w in its normalisation, scores that are capped
    assert fuse(gemma) == 0
    neox, _ = pair(GPTNeoXConfig(vocab_size=60, hidden_size=48, num_attention_heads=6, num_hidden_layers=1))
    assert fuse(neox) == 0


def test_weights_that_learn_and_other_numbers_are_left_alone() -> None:
    model, other = pair(LLAMAS["llama"])
    model.model.norm.weight.requires_grad_()
    assert fuse(model) == 0
    assert fuse(other.to(torch.bfloat16)) == 0


def test_dropout_of_attention_is_left_alone() -> None:
    model, _ = pair(LlamaConfig(**SMALL, attention_dropout=0.1))
    fuse(model)
    assert FusedAttention not in kinds(model)


def test_no_trial_leaves_something_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    _, ours = pair(LLAMAS["llama"])
    before = {name: weight.clone() for name, weight in ours.state_dict().items()}

    def broken(*_: Any, **__: Any) -> torch.Tensor:
        raise RuntimeError("not today")

    monkeypatch.setattr(fused, "silu", broken)
    assert fuse(ours) == 7  # all but the two with a gate
    after = ours.state_dict()
    assert before.keys() == after.keys()
    assert all(torch.equal(before[name], after[name]) for name in before)
