"""Filling in a JSON Schema with a language model, so that even a very small one answers in the shape that was asked for.

Only the free places are the model's: texts are sampled, a choice is the likeliest of those allowed, a number one of
five between its bounds. Nothing else of JSON Schema is known here: objects, arrays (one entry), enums, texts, numbers.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any

import torch

from rftstudio.engine.inference.sampler import Sampler, seed_for

Tokens = list[int]

TEXT_TOKENS = 40  # of one text
NUMBERS = 5
MAX_PLACES = 200


class Filler:
    """One reply. prompt: the tokens after which the model answers. seed: the same one, the same reply."""

    def __init__(self, sampler: Sampler, tokenizer: Any, prompt: Tokens, *, temperature: float, seed: int) -> None:
        self.sampler = sampler
        self.tokenizer = tokenizer
        self.prompt = prompt
        self.temperature = temperature
        self.seed = seed
        self.text = ""
        self.tokens = 0  # that the model wrote or weighed
        self._places = 0

    def fill(self, schema: Mapping[str, Any]) -> None:
        """Append the value of a schema to `text`. Raises `ValueError` for one that it cannot fill in."""
        self._places += 1
        if self._places > MAX_PLACES:
            raise ValueError("the schema is too large")
        kind = schema.get("type")
        if isinstance(options := schema.get("enum"), list) and options:
            self._choose(options)
        elif kind == "object":
            self._object(schema.get("properties") or {})
        elif kind == "array":
            self.text += "["
            self.fill(schema.get("items") or {})
            self.text += "]"
        elif kind in ("number", "integer"):
            low, high = float(schema.get("minimum", 0)), float(schema.get("maximum", 1))
            numbers = [round(low + (high - low) * place / (NUMBERS - 1), 6) for place in range(NUMBERS)]
            self._choose(numbers if kind == "number" else sorted({round(number) for number in numbers}))
        elif kind == "boolean":
            self._choose([True, False])
        elif kind == "string":
            self._write()
        else:
            raise ValueError(f"a schema of type {str(kind)[:40]!r} cannot be filled in")

    def _object(self, properties: Mapping[str, Any]) -> None:
        self.text += "{"
        for index, (name, schema) in enumerate(properties.items()):
            self.text += (", " if index else "") + json.dumps(name, ensure_ascii=False) + ": "
            self.fill(schema)
        self.text += "}"

    def _so_far(self) -> Tokens:
        return [*self.prompt, *self.tokenizer.encode(self.text, add_special_tokens=False)]

    def _write(self) -> None:
        """A sentence or two, up to a quotation mark or the end of a line."""
        self.text += '"'
        (row,) = self.sampler.sample(
            [self._so_far()],
            [[seed_for(self.seed, self._places)]],
            max_new_tokens=TEXT_TOKENS,
            temperature=self.temperature,
        )
        self.tokens += len(row[0].tokens)
        said = str(self.tokenizer.decode(row[0].tokens, skip_special_tokens=True))
        said = said.partition("\n")[0].partition('"')[0].strip().rstrip("\\")
        self.text += json.dumps(said, ensure_ascii=False)[1:]

    @torch.inference_mode()
    def _choose(self, options: Sequence[Any]) -> None:
        """The likeliest of the options, each as JSON, after what stands there."""
        written = [json.dumps(option, ensure_ascii=False) for option in options]
        before = self._so_far()
        model = self.sampler.model
        best, highest = written[0], float("-inf")
        for text in written:
            own = self.tokenizer.encode(text, add_special_tokens=False)
            ids = torch.tensor([[*before, *own]], device=model.device)
            logits_TV = model(input_ids=ids, logits_to_keep=len(own) + 1).logits[0, :-1].float()
            logps_T = logits_TV.log_softmax(-1).gather(1, ids[0, -len(own) :, None])[:, 0]
            self.tokens += len(own)
            if (likelihood := float(logps_T.sum())) > highest:
                best, highest = text, likelihood
        self.text += best
