"""How many tokens a prompt has for a model, counted with its own tokenizer and chat template. No torch.

A token is at least one byte of the text (up to a little slack for what tokenizers put in front), so most
prompts are known to fit without a tokenizer being loaded at all; that keeps the web process small.
"""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from tokenizers import Tokenizer

from rftstudio.engine.errors import SpecError
from rftstudio.engine.models.contents import read_template
from rftstudio.engine.models.template import BadTemplate, render
from rftstudio.engine.types import Item, Message

SLACK = 16  # tokens that a tokenizer may add of its own: start marks, a leading space
CHUNK = 64  # prompts at a time: encodings are large


class TokenCounter:
    """Counts for one model directory. Loading is put off until a count is really needed."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self._tokenizer: Tokenizer | None = None
        self._template, self._config = read_template(directory)
        if not self._template:
            raise SpecError(
                "The model has no chat template, so it was never taught to answer.",
                path="base_model",
                fix="Choose the instruct or chat version of it.",
            )

    def render(self, messages: Sequence[Message]) -> str:
        """The text the model reads, up to where its answer begins. Raises `SpecError` when its template refuses."""
        try:
            return render(self._template, self._config, [message.to_json() for message in messages])
        except BadTemplate as error:
            raise SpecError(
                f"The model's chat template refuses the messages: {error}.",
                path="base_model",
                fix="Choose another model, or leave the instructions empty and put them into the prompt.",
            ) from error

    def count(self, prompts: Iterable[Sequence[Message]]) -> Iterator[int]:
        """Tokens of each prompt, chat template included."""
        chunk: list[str] = []
        for messages in prompts:
            chunk.append(self.render(messages))
            if len(chunk) == CHUNK:
                yield from self._count(chunk)
                chunk = []
        yield from self._count(chunk)

    def count_texts(self, texts: Sequence[str]) -> list[int]:
        """Tokens of each text as it stands, without the chat template."""
        starts = range(0, len(texts), CHUNK)
        return [count for start in starts for count in self._count(list(texts[start : start + CHUNK]))]

    def surely_fits(self, messages: Sequence[Message], limit: int) -> bool:
        """Whether a prompt has at most `limit` tokens for certain, without counting them."""
        return len(self.render(messages).encode("utf-8", errors="replace")) + SLACK <= limit

    def _count(self, texts: list[str]) -> list[int]:
        if not texts:
            return []
        if self._tokenizer is None:
            self._tokenizer = Tokenizer.from_file(str(self.directory / "tokenizer.json"))
            self._tokenizer.no_truncation()
            self._tokenizer.no_padding()
        return [len(one) for one in self._tokenizer.encode_batch_fast(texts, add_special_tokens=False)]


def too_long(directory: Path, items: Iterable[Item], *, limit: int) -> list[tuple[Item, int]]:
    """The items whose prompts have more than `limit` tokens, with how many they have."""
    counter = TokenCounter(directory)
    doubtful = [item for item in items if not counter.surely_fits(item.messages, limit)]
    counts = counter.count(item.messages for item in doubtful)
    return [(item, count) for item, count in zip(doubtful, counts, strict=True) if count > limit]


def typical_length(directory: Path, items: Sequence[Item], *, looked_at: int = 32) -> int:
    """The mean length in tokens of prompts, from a few spread over all of them; 0 where there are none."""
    if not items:
        return 0
    step = max(1, len(items) // looked_at)
    counts = list(TokenCounter(directory).count(item.messages for item in items[::step][:looked_at]))
    return round(sum(counts) / len(counts))
