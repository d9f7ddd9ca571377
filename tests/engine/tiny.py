"""A language model small enough to build in a test: a random two-layer Llama over a vocabulary of words.

It knows nothing, but it samples, trains and saves like a real one, in milliseconds.
"""

from pathlib import Path
from typing import Any

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

torch.set_num_threads(1)  # a second thread has nothing to do but to wait for a core

TEXT = (
    "red green blue yellow black white cat dog bird fish one two three four five six yes no up down left right "
    "system user assistant the a is what colour animal number say answer with word please now then"
)
WORDS = TEXT.split()
SPECIAL = ["<unk>", "<|start|>", "<|end|>"]
TEMPLATE = (
    "{% for message in messages %}<|start|>{{ message['role'] + ' ' + message['content'] }}<|end|>{% endfor %}"
    "{% if add_generation_prompt %}<|start|>assistant {% endif %}"
)


def tiny_tokenizer() -> PreTrainedTokenizerFast:
    vocabulary = {word: index for index, word in enumerate([*SPECIAL, *WORDS])}
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    tokenizer.decoder = decoders.WordPiece(prefix="##")
    tokenizer.add_special_tokens(SPECIAL)
    fast = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, unk_token="<unk>", bos_token="<|start|>", eos_token="<|end|>", pad_token="<|end|>"
    )
    fast.chat_template = TEMPLATE
    return fast


def tiny_model(*, seed: int = 0, context: int = 256, **changes: Any) -> LlamaForCausalLM:
    torch.manual_seed(seed)
    config = LlamaConfig(
        vocab_size=len(SPECIAL) + len(WORDS),
        hidden_size=64,
        intermediate_size=128,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=context,
        tie_word_embeddings=True,
        initializer_range=0.3,
        bos_token_id=1,
        eos_token_id=2,
        pad_token_id=2,
        **changes,
    )
    return LlamaForCausalLM(config).eval()


def save_tiny_model(directory: Path, **arguments: Any) -> Path:
    """A model directory as from the hub."""
    tiny_model(**arguments).save_pretrained(directory)
    tiny_tokenizer().save_pretrained(directory)
    return directory


def rows(count: int, *, shots: int = 0) -> list[dict[str, Any]]:
    """Items as JSONL rows: say a colour. `shots` worked examples are shared by all of them."""
    colours = WORDS[:6]
    made = []
    for number in range(count):
        messages = [{"role": "system", "content": "answer with one word"}]
        for shot in range(shots):
            messages.append({"role": "user", "content": f"what colour is the {WORDS[6 + shot % 4]}"})
            messages.append({"role": "assistant", "content": colours[shot % 6]})
        words = [WORDS[6 + number % 4], *WORDS[10 : 10 + number % 5]]
        messages.append({"role": "user", "content": "what colour is the " + " ".join(words)})
        made.append({"id": f"item-{number}", "messages": messages, "reference_answer": colours[number % 6]})
    return made
