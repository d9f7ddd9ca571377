"""Sampling: the same tokens whichever way they are decoded, and one answer independent of the others."""

import pytest
import torch

from rftstudio.engine.inference.decoding import PlainDecoder, best_decoder
from rftstudio.engine.inference.prefill import common_prefix
from rftstudio.engine.inference.sampler import Completion, Sampler, draw, seed_for
from rftstudio.engine.inference.shared_decoding import SharedDecoder
from tests.engine.tiny import tiny_model

STOP = list(range(2, 8))  # many, so that answers end early


def sampler(decoder: type[SharedDecoder] | type[PlainDecoder] | None = None, **changes: object) -> Sampler:
    made = Sampler(tiny_model(**changes), stop=STOP, pad=2)  # type: ignore[arg-type]
    made.decoder = decoder
    return made


def prompts(shared: int, lengths: list[int], seed: int = 0) -> list[list[int]]:
    generator = torch.Generator().manual_seed(seed)

    def some(count: int) -> list[int]:
        return torch.randint(3, 40, (count,), generator=generator).tolist()

    start = some(shared)
    return [start + some(length) for length in lengths]


def seeds(counts: list[int]) -> list[list[int]]:
    return [[seed_for("test", i, g) for g in range(count)] for i, count in enumerate(counts)]


def reference(made: Sampler, prompt: list[int], seed: int, max_new_tokens: int, temperature: float) -> list[int]:
    """One answer the slow way: the whole text through the model for every token."""
    import numpy as np

    numbers = np.random.Generator(np.random.Philox(key=seed)).random(max_new_tokens, dtype=np.float32)
    tokens = list(prompt)
    for step in range(max_new_tokens):
        with torch.no_grad():
            logits = made.model(torch.tensor([tokens])).logits[0, -1]
        if temperature == 0:
            token = int(logits.argmax())
        else:
            heights = torch.softmax(logits / temperature, -1).cumsum(0)
            token = int((heights <= float(numbers[step]) * float(heights[-1])).sum())
        tokens.append(token)
        if token in STOP:
            break
    return tokens[len(prompt) :]


CASES = [
    (0, [5, 9, 7], [3, 3, 3]),
    (12, [5, 9, 1], [4, 1, 2]),
    (20, [3, 3], [1, 1]),
    (0, [6], [5]),
    (9, [2, 2, 2, 2, 2], [1, 1, 1, 1, 1]),
]


@pytest.mark.parametrize("temperature", [1.0, 0.6, 0.0])
@pytest.mark.parametrize("decoder", [SharedDecoder, PlainDecoder])
@pytest.mark.parametrize(("shared", "lengths", "counts"), CASES)
def test_every_answer_is_what_the_model_alone_would_say(
    shared: int,
    lengths: list[int],
    counts: list[int],
    decoder: type[SharedDecoder] | type[PlainDecoder],
    temperature: float,
) -> None:
    made = sampler(decoder)
    asked, given = prompts(shared, lengths), seeds(counts)
    answers = made.sample(asked, given, max_new_tokens=40, temperature=temperature)
    lengths_seen = set()
    for prompt, row, group in zip(asked, given, answers, strict=True):
        assert len(group) == len(row)
        for seed, answer in zip(row, group, strict=True):
            assert answer.tokens == reference(made, prompt, seed, 40, temperature)
            assert answer.truncated == (answer.tokens[-1] not in STOP)
            lengths_seen.add(len(answer.tokens))
    if temperature == 1.0 and sum(counts) > 2:
        assert len(lengths_seen) > 1  # rows were dropped on the way


def test_small_batches_give_the_same_answers() -> None:
    made = sampler()
    asked, given = prompts(10, [4, 9, 2, 6]), seeds([3, 3, 3, 3])
    whole = made.sample(asked, given, max_new_tokens=20, temperature=1.0)
    made.max_rows = 3
    assert [[one.tokens for one in row] for row in whole] == [
        [one.tokens for one in row] for row in made.sample(asked, given, max_new_tokens=20, temperature=1.0)
    ]


@pytest.mark.parametrize(
    ("counts", "max_rows", "sizes"),
    [
        ([12] * 6, 64, [36, 36]),
        ([8] * 4, 64, [32]),
        ([1] * 100, 30, [25, 25, 25, 25]),
        ([40], 8, [40]),
        ([5, 1, 1, 1], 4, [5, 3]),
    ],
)
def test_batches_are_of_like_size(counts: list[int], max_rows: int, sizes: list[int]) -> None:
    made = sampler()
    made.max_rows = max_rows
    batches = made._batches(list(range(len(counts))), counts)
    assert sorted(i for batch in batches for i in batch) == list(range(len(counts)))
    assert [sum(counts[i] for i in batch) for batch in batches] == sizes


def test_log_probabilities_are_those_of_the_model() -> None:
    made = sampler()
    prompt = prompts(0, [6])[0]
    answer = made.sample([prompt], seeds([1]), max_new_tokens=10, temperature=0.7)[0][0]
    with torch.no_grad():
        logits = made.model(torch.tensor([prompt + answer.tokens])).logits[0, len(prompt) - 1 : -1] / 0.7
    logps = torch.log_softmax(logits, -1)
    picked = logps.gather(1, torch.tensor(answer.tokens)[:, None])[:, 0]
    assert torch.allclose(picked, torch.tensor(answer.logps), atol=1e-4)
    entropies = -(logps.exp() * logps).sum(-1)
    assert torch.allclose(entropies, torch.tensor(answer.entropies), atol=1e-4)


def test_draws_follow_the_distribution() -> None:
    logits = torch.tensor([[0.0, 1.0, 2.0, float("-inf")]]).expand(20_000, 4)
    tokens, _, _ = draw(logits, torch.rand(20_000, generator=torch.Generator().manual_seed(0)), 1.0)
    shares = torch.bincount(tokens, minlength=4) / 20_000
    assert torch.allclose(shares, torch.softmax(logits[0], -1), atol=0.01)


@pytest.mark.parametrize("number", [0.0, 1.0 - 2**-24])
def test_the_extremes_of_chance_do_not_pick_the_impossible(number: float) -> None:
    logits = torch.tensor([[float("-inf"), 0.0, 3.0, float("-inf")]])
    tokens, logps, _ = draw(logits, torch.tensor([number]), 1.0)
    assert int(tokens) in (1, 2)
    assert torch.isfinite(logps).all()


def test_no_prompts_and_no_answers() -> None:
    assert sampler().sample([], [], max_new_tokens=4, temperature=1.0) == []
    assert sampler().sample([[3, 4]], [[]], max_new_tokens=4, temperature=1.0) == [[]]


def test_an_answer_of_one_token() -> None:
    answer = sampler().sample([[3, 4]], seeds([1]), max_new_tokens=1, temperature=1.0)[0][0]
    assert isinstance(answer, Completion)
    assert len(answer.tokens) == 1


def test_common_prefix_leaves_every_prompt_a_token() -> None:
    assert common_prefix([[1] * 20, [1] * 30]) == 19
    assert common_prefix([[1] * 20, [2] * 20]) == 0
    assert common_prefix([[1] * 20]) == 0
    assert common_prefix([[1] * 4, [1] * 4]) == 0  # not worth it


def test_the_shared_decoder_is_chosen_only_where_it_is_right(monkeypatch: pytest.MonkeyPatch) -> None:
    assert best_decoder(tiny_model(), 2) is SharedDecoder
    real = SharedDecoder.attend
    monkeypatch.setattr(SharedDecoder, "attend", lambda *a: real(*a) * 1.5)
    assert best_decoder(tiny_model(), 2) is PlainDecoder


def test_the_model_is_left_as_it_was() -> None:
    made = sampler(SharedDecoder)
    before = made.model.config._attn_implementation
    made.sample([[3, 4, 5]], seeds([2]), max_new_tokens=3, temperature=1.0)
    assert made.model.config._attn_implementation == before


@pytest.mark.parametrize("decoder", [SharedDecoder, PlainDecoder])
@pytest.mark.parametrize("max_rows", [3, 128])
def test_each_answer_is_told_of_once_as_it_ends(
    decoder: type[SharedDecoder] | type[PlainDecoder], max_rows: int
) -> None:
    made = sampler(decoder)
    made.max_rows = max_rows
    told: list[tuple[int, int, list[int]]] = []

    def done(prompt: int, index: int, answer: Completion) -> None:
        told.append((prompt, index, list(answer.tokens)))

    answers = made.sample(prompts(4, [5, 9, 2]), seeds([4, 1, 3]), max_new_tokens=5, temperature=1.0, on_done=done)
    assert sorted(told) == [(i, g, one.tokens) for i, row in enumerate(answers) for g, one in enumerate(row)]
    if max_rows == 128:
        lengths = [len(tokens) for _, _, tokens in told]
        assert lengths == sorted(lengths)
        assert lengths[0] < lengths[-1]
        assert any(one.truncated for row in answers for one in row)


def test_a_model_in_bfloat16_says_how_likely_its_tokens_were() -> None:
    """As on a GPU: prompts are shared, and a fresh forward pass finds the same log-probabilities up to its rounding."""
    model = tiny_model().to(torch.bfloat16)
    assert best_decoder(model, 2) is SharedDecoder
    prompts = [[5, 6, 7, 8, 9, 10, 11, 12, 13, 14], [5, 6, 7, 8, 9, 10, 11, 12, 13, 20, 21]]
    sampler = Sampler(model, stop=[2], pad=2)
    groups = sampler.sample(prompts, [[1, 2, 3], [4, 5, 6]], max_new_tokens=6, temperature=1.0)
    for prompt, group in zip(prompts, groups, strict=True):
        for answer in group:
            ids = torch.tensor([prompt + answer.tokens])
            with torch.inference_mode():
                logits = model(ids).logits[0, len(prompt) - 1 : -1].float()
            fresh = torch.log_softmax(logits, -1).gather(1, torch.tensor(answer.tokens)[:, None])[:, 0]
            assert torch.allclose(torch.tensor(answer.logps), fresh, atol=0.1)
