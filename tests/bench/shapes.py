"""The reference shapes of a training step, prompts and models for them, and what the machine could do at best."""

import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

WORDS = (
    "the patient report claims order letter invoice doctor court appeal fever rash test value dose tablet nurse clinic "
    "delay refund street window signal paper market engine river colour winter travel number system"
)


@dataclass(frozen=True, slots=True)
class Shape:
    """prompts x group completions; prompt_tokens long, new_tokens sampled."""

    prompts: int
    group: int
    prompt_tokens: int
    new_tokens: int

    def work(self, layers: int, head: int) -> float:
        """Operations that a step cannot do without, for so many weights in the layers and in the head.

        Two for each weight and token, forward; as many again for the gradients of what goes in (weights are frozen).
        A prompt counts once for its group, an answer's token once for sampling, once for learning. Attention and
        the adapter are left out.
        """
        read = self.prompts * self.prompt_tokens
        new = self.prompts * self.group * self.new_tokens
        return 4.0 * layers * read + 6.0 * (layers + head) * new


SHAPES = {"A": Shape(4, 8, 125, 8), "B": Shape(4, 8, 250, 64), "C": Shape(2, 16, 60, 128)}

# Random weights: hidden size, feed-forward size, layers, query heads, key-value heads.
SIZES = {
    "tiny": (64, 128, 2, 4, 2),
    "0.5B": (1024, 4864, 24, 16, 4),
    "1B": (2048, 8192, 16, 32, 8),
}


def prompts_for(shape: Shape, tokenizer: Any, count: int) -> list[list[int]]:
    """Prompts of exactly `prompt_tokens` tokens that survive decoding and encoding."""
    generator = random.Random(0)
    words = WORDS.split()
    found = []
    while len(found) < count:
        text = " ".join(generator.choice(words) for _ in range(shape.prompt_tokens * 2))
        ids = tokenizer(text)["input_ids"][: shape.prompt_tokens]
        if tokenizer(tokenizer.decode(ids))["input_ids"] == ids:
            found.append(ids)
    return found


def save_random(size: str, like: str, directory: Path) -> Path:
    """A model of Llama's build and of one of `SIZES` with random weights, and the tokenizer of another one."""
    import torch
    from transformers import AutoTokenizer, LlamaConfig, LlamaForCausalLM

    tokenizer = AutoTokenizer.from_pretrained(like)
    hidden, feed_forward, layers, heads, groups = SIZES[size]
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=hidden,
        intermediate_size=feed_forward,
        num_hidden_layers=layers,
        num_attention_heads=heads,
        num_key_value_heads=groups,
        max_position_embeddings=2048,
        tie_word_embeddings=True,
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )
    LlamaForCausalLM(config).to(torch.bfloat16).save_pretrained(directory)
    tokenizer.save_pretrained(directory)
    return directory


def weights(model: Any) -> tuple[int, int]:
    """How many there are in the layers, and in the head."""
    head = model.get_output_embeddings().weight.numel()
    embedded = model.get_input_embeddings().weight
    tied = embedded is model.get_output_embeddings().weight
    total = sum(parameter.numel() for parameter in model.parameters())
    return total - head - (0 if tied else embedded.numel()), head


def limit(device: Any) -> float:
    """Operations a second in the best of several large products, as a training computes them there (`loading`)."""
    import torch

    from rftstudio.engine.inference.loading import dtype_for
    from rftstudio.engine.inference.products import linear

    size = 2048 if device.type == "cpu" else 8192
    one, two = (torch.randn(size, size, device=device, dtype=dtype_for(device)) for _ in range(2))

    def product() -> None:
        linear(one, two)
        if device.type == "cuda":
            torch.cuda.synchronize()

    product()
    return 2 * size**3 / min(seconds(product) for _ in range(8))


def seconds(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began
