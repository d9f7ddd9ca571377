"""Not only Llama: each family is sampled and scored as it would be alone, by the fast way or by the plain one."""

from typing import Any

import numpy as np
import pytest
import torch
from peft import LoraConfig, get_peft_model
from transformers import CONFIG_MAPPING, AutoModelForCausalLM

from rftstudio.engine.inference.decoding import PlainDecoder, best_decoder
from rftstudio.engine.inference.folded import fold
from rftstudio.engine.inference.fused import fuse
from rftstudio.engine.inference.prefill import read
from rftstudio.engine.inference.sampler import Sampler, seed_for
from rftstudio.engine.inference.shared_decoding import SharedDecoder
from rftstudio.engine.training import shared_prefix
from rftstudio.engine.training.shared_prefix import Row

SMALL = {
    "vocab_size": 60,
    "hidden_size": 32,
    "intermediate_size": 64,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "head_dim": 8,
    "max_position_embeddings": 128,
    "initializer_range": 0.4,
    "pad_token_id": 2,
    "bos_token_id": 1,
    "eos_token_id": 2,
}
# name: (model type, further settings, decoder that should be chosen, whether completions can share prefixes)
FAMILIES: dict[str, tuple[str, dict[str, Any], type, bool]] = {
    "llama": ("llama", {}, SharedDecoder, True),
    "qwen2": ("qwen2", {}, SharedDecoder, True),
    "qwen3": ("qwen3", {}, SharedDecoder, True),
    "mistral": ("mistral", {"sliding_window": None}, SharedDecoder, True),
    "mistral, sliding": ("mistral", {"sliding_window": 6}, PlainDecoder, False),
    "gemma3": ("gemma3_text", {"sliding_window": 6, "layer_types": ["sliding_attention", "full_attention"]},
               PlainDecoder, False),
    "gemma2": ("gemma2", {"sliding_window": 6}, PlainDecoder, False),
    "granite": ("granite", {"logits_scaling": 4.0}, PlainDecoder, False),
    "gpt2": ("gpt2", {"n_embd": 32, "n_layer": 2, "n_head": 4, "n_positions": 128}, SharedDecoder, True),
    "gpt_neox": ("gpt_neox", {}, SharedDecoder, True),
    "olmo2": ("olmo2", {}, SharedDecoder, True),
}  # fmt: skip


def build(family: str) -> Any:
    kind, changes, _, _ = FAMILIES[family]
    torch.manual_seed(0)
    settings = {"vocab_size": 60} if kind == "gpt2" else SMALL
    config = CONFIG_MAPPING[kind](**{**settings, **changes, "pad_token_id": 2, "bos_token_id": 1, "eos_token_id": 2})
    return AutoModelForCausalLM.from_config(config).eval().requires_grad_(False)


@pytest.mark.parametrize("family", FAMILIES)
def test_answers_are_those_of_the_model_alone(family: str) -> None:
    model = build(family)
    expected = FAMILIES[family][2]
    sampler = Sampler(model, stop=[5, 6, 7], pad=2)
    generator = torch.Generator().manual_seed(1)
    start = torch.randint(8, 60, (10,), generator=generator).tolist()
    prompts = [start + torch.randint(8, 60, (n,), generator=generator).tolist() for n in (2, 5, 3)]
    seeds = [[seed_for(i, g) for g in range(3)] for i in range(3)]
    answers = sampler.sample(prompts, seeds, max_new_tokens=12, temperature=1.0)
    assert sampler.decoder is expected
    for prompt, group in zip(prompts, answers, strict=True):
        for answer in group:
            with torch.no_grad():
                logits = model(torch.tensor([prompt + answer.tokens])).logits[0, len(prompt) - 1 : -1]
            picked = torch.log_softmax(logits.float(), -1).gather(1, torch.tensor(answer.tokens)[:, None])[:, 0]
            assert torch.allclose(picked, torch.tensor(answer.logps), atol=1e-3)


@pytest.mark.parametrize("family", [name for name, row in FAMILIES.items() if row[3]])
def test_packed_log_probabilities_and_gradients(family: str) -> None:
    lora = LoraConfig(r=2, target_modules="all-linear", task_type="CAUSAL_LM", init_lora_weights=False)
    plain, below = get_peft_model(build(family), lora), build(family)
    fuse(below)
    ours = get_peft_model(below, lora)
    ours.load_state_dict(plain.state_dict())
    fold(ours)
    generator = torch.Generator().manual_seed(2)
    prompt = torch.randint(3, 60, (9,), generator=generator).tolist()
    rows = [
        Row(
            tuple(prompt + torch.randint(3, 60, (1 + i // 3,), generator=generator).tolist()),
            tuple(torch.randint(3, 60, (1 + i % 4,), generator=generator).tolist()),
        )
        for i in range(6)
    ]

    def gradient(model: Any, loss: torch.Tensor) -> torch.Tensor:
        model.zero_grad()
        loss.backward()
        return torch.cat([p.grad.flatten() for p in model.parameters() if p.grad is not None])

    one_by_one = torch.zeros(())
    for row in rows:
        logits = plain(torch.tensor([row.prompt + row.completion])).logits[0, len(row.prompt) - 1 : -1]
        logps = torch.log_softmax(logits / 0.8, -1).gather(1, torch.tensor(row.completion)[:, None])
        one_by_one = one_by_one + logps.sum()
    wanted = gradient(plain, one_by_one)
    (part,) = shared_prefix.plan(rows)
    reading = read(ours, sorted({row.prompt for row in rows}))
    found, _ = shared_prefix.logps(ours, reading, part, temperature=0.8)
    assert torch.allclose(found.sum(), one_by_one.detach(), rtol=1e-4)
    assert float((gradient(ours, found.sum()) - wanted).norm()) <= 1e-4 * float(wanted.norm())


@pytest.mark.parametrize("family", [name for name, row in FAMILIES.items() if not row[3]])
def test_models_of_another_kind_are_left_to_trl(family: str) -> None:
    assert not shared_prefix.supports(build(family))


@pytest.mark.parametrize("family", [name for name, row in FAMILIES.items() if row[3]])
def test_models_with_plain_attention_share(family: str) -> None:
    assert shared_prefix.supports(build(family))


def test_a_trial_that_differs_is_not_trusted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shared_prefix.Tree, "positions", lambda self: np.arange(len(self.tokens)))
    assert not shared_prefix.supports(build("llama"))


def test_eager_attention_would_misread_the_mask() -> None:
    model = build("llama")
    model.set_attn_implementation("eager")
    assert not shared_prefix.supports(model)


def test_an_architecture_that_breaks_the_trial_is_decoded_plainly(monkeypatch: pytest.MonkeyPatch) -> None:
    def attend(*_: Any) -> None:
        raise TypeError("another signature")

    monkeypatch.setattr(SharedDecoder, "attend", attend)
    assert best_decoder(build("llama"), 2) is PlainDecoder
