"""Decoding without transformers around the layers: the same hidden states, or none where a model is built otherwise."""

from copy import deepcopy
from typing import Any

import pytest
import torch
from peft import LoraConfig, get_peft_model
from transformers import AutoModelForCausalLM, GraniteConfig, Qwen3Config

from rftstudio.engine.inference import stack
from rftstudio.engine.inference.decoding import PlainDecoder, best_decoder
from rftstudio.engine.inference.folded import fold
from rftstudio.engine.inference.fused import fuse
from rftstudio.engine.inference.packed import pack_layers
from rftstudio.engine.inference.shared_decoding import SharedDecoder
from tests.engine.inference.test_fused import LLAMAS, SMALL

START = [4, 9, 16, 25, 36, 49, 7, 19, 33]  # enough of a common beginning to be read once
PROMPTS = [START + own for own in ([5, 9, 14, 7, 22], [5, 9, 41], [3, 8, 2, 6])]


def model_of(config: Any) -> Any:
    torch.manual_seed(0)
    return AutoModelForCausalLM.from_config(deepcopy(config), dtype=torch.float32).eval().requires_grad_(False)


def decoded(decoder: Any) -> torch.Tensor:
    """Logits of a few steps, answers leaving on the way."""
    with torch.inference_mode():
        seen = [decoder.prefill(PROMPTS, [2, 1, 3])]
        seen.append(decoder.step(torch.tensor([1, 2, 3, 4, 5, 6])))
        decoder.keep(torch.tensor([0, 2, 3, 5]))
        seen.append(decoder.step(torch.tensor([9, 8, 7, 6])))
        decoder.keep(torch.tensor([1, 3]))
        seen += [decoder.step(torch.tensor([11, 12])) for _ in range(35)]  # more than there is room for at first
    return torch.cat(seen)


@pytest.mark.parametrize("name", LLAMAS)
def test_decodes_as_the_plain_model_does(name: str) -> None:
    ours = model_of(LLAMAS[name])
    fuse(ours)
    pack_layers(ours)
    assert stack.stacks(ours)
    found = decoded(SharedDecoder(ours, 0))
    assert torch.allclose(found, decoded(PlainDecoder(model_of(LLAMAS[name]), 0)), rtol=1e-3, atol=1e-3)


def test_an_adapter_put_on_later_is_heard() -> None:
    ours = model_of(LLAMAS["llama"])
    fuse(ours)
    assert stack.stacks(ours)
    before = decoded(SharedDecoder(ours, 0))
    tuned = get_peft_model(ours, LoraConfig(r=2, target_modules="all-linear", init_lora_weights=False)).eval()
    assert fold(tuned)
    found = decoded(SharedDecoder(tuned, 0))
    assert torch.allclose(found, decoded(PlainDecoder(tuned, 0)), rtol=1e-3, atol=1e-3)
    assert not torch.allclose(found, before, atol=1e-2)
    with tuned.disable_adapter():
        assert torch.allclose(decoded(SharedDecoder(tuned, 0)), before, rtol=1e-3, atol=1e-3)


def test_models_built_otherwise_are_decoded_by_transformers() -> None:
    scaled = model_of(
        GraniteConfig(**SMALL, residual_multiplier=0.5, embedding_multiplier=2.0, attention_multiplier=0.1)
    )
    normal = model_of(Qwen3Config(**SMALL))
    plain = model_of(LLAMAS["llama"])
    for model in (scaled, normal, plain):
        if model is not plain:
            fuse(model)
        assert not stack.stacks(model)
        assert best_decoder(model, 0) is SharedDecoder
        found = decoded(SharedDecoder(model, 0))
        assert torch.allclose(found, decoded(PlainDecoder(model, 0)), rtol=1e-3, atol=1e-3)
