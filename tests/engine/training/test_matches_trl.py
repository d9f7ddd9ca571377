"""Loss and gradient are those of stock TRL, whatever is shared, split or left out on the way."""

from pathlib import Path
from typing import Any

import pytest
import torch
from datasets import Dataset
from peft import LoraConfig
from trl import GRPOTrainer

from rftstudio.engine.inference import prefill
from rftstudio.engine.inference.folded import fold
from rftstudio.engine.inference.loading import lay_out
from rftstudio.engine.inference.sampler import Completion, Sampler
from rftstudio.engine.methods import METHODS
from rftstudio.engine.presets import TrainingSettings, resolve
from rftstudio.engine.training import packed_loss, shared_prefix
from rftstudio.engine.training.build import configure
from rftstudio.engine.training.grpo import StudioTrainer
from rftstudio.engine.types import Item
from tests.engine.tiny import rows, tiny_model, tiny_tokenizer

P, G, T = 3, 4, 7
TOLERANCE = 1e-4


def settings_of(method: str = "dapo", **changes: Any) -> TrainingSettings:
    size = {"steps": 1, "batch_size": P * G, "group_size": G, "max_completion_length": T, "temperature": 0.7}
    return TrainingSettings.read(resolve("quick", {**size, "loss_type": method, **changes}))


def trainer_pair(tmp: str, settings: TrainingSettings, *, short: bool = False) -> tuple[GRPOTrainer, StudioTrainer]:
    """Stock and ours, with the same weights and an adapter that does something. short: in bfloat16, as on a GPU."""
    tokenizer = tiny_tokenizer()
    prompts = lay_out(tokenizer, [Item.from_json(row) for row in rows(8, shots=2)])
    dataset = Dataset.from_dict({"prompt": [p.item.id for p in prompts], "row": list(range(len(prompts)))})
    pair = []
    for ours in (False, True):
        args = configure(settings, output_dir=tmp, seed=3, on_cpu=True)
        if short:
            args.bf16, args.mixed_precision = True, "bf16"
        common = {
            "model": tiny_model().to(torch.bfloat16) if short else tiny_model(),
            "args": args,
            "processing_class": tokenizer,
            "train_dataset": dataset,
            "peft_config": LoraConfig(r=4, lora_alpha=8, target_modules="all-linear", task_type="CAUSAL_LM"),
        }
        if ours:
            sampler = Sampler(None, stop=[2], pad=2)
            trainer = StudioTrainer(
                settings=settings, prompts=prompts, sampler=sampler, rewarder=lambda p, c: [], **common
            )
            sampler.model = trainer.model
            assert fold(trainer.model) != short
        else:
            trainer = GRPOTrainer(reward_funcs=lambda completions, **_: [0.0] * len(completions), **common)
        generator = torch.Generator().manual_seed(5)
        for name, parameter in trainer.model.named_parameters():
            if "lora_B" in name:
                parameter.data.normal_(0, 0.1, generator=generator)
        trainer.current_gradient_accumulation_steps = 1
        trainer.model.train()
        pair.append(trainer)
    return pair[0], pair[1]


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> tuple[GRPOTrainer, StudioTrainer]:
    return trainer_pair(str(tmp_path_factory.mktemp("trainer")), settings_of())


def use(
    pair: tuple[GRPOTrainer, StudioTrainer],
    monkeypatch: pytest.MonkeyPatch,
    method: str,
    *,
    beta: float = 0.0,
    bonus: float = 0.0,
    epsilon_high: float | None = None,
) -> None:
    """Both trainers as a job of this method would have them."""
    settings = settings_of(method)
    for trainer in pair:
        monkeypatch.setattr(trainer, "loss_type", settings.method.loss)
        monkeypatch.setattr(trainer, "importance_sampling_level", settings.method.level)
        monkeypatch.setattr(trainer, "epsilon_low", settings.epsilon)
        monkeypatch.setattr(trainer, "epsilon_high", epsilon_high or settings.epsilon_high)
        monkeypatch.setattr(trainer, "beta", beta)
        monkeypatch.setattr(trainer, "entropy_coef", bonus)
        monkeypatch.setattr(trainer, "_entropy_bonus_enabled", bonus != 0.0)


def batch(*, seed: int = 0, groups: int = P, longest: int = T, prefix: int = 6) -> dict[str, Any]:
    """What TRL hands to its loss: unequal lengths, padding on both sides, beginnings in common."""
    generator = torch.Generator().manual_seed(seed)

    def some(count: int) -> list[int]:
        return torch.randint(3, 40, (count,), generator=generator).tolist()

    shared = some(prefix)
    prompts, completions = [], []
    for group in range(groups):
        prompt = shared + some(2 + 3 * group)
        begun = some(2)
        for index in range(G):
            prompts.append(prompt)
            length = 1 + int(torch.randint(0, longest, (), generator=generator))
            completions.append((begun + some(longest) if index % 2 else some(longest))[:length])
    completions[1] = list(completions[0])  # two of a kind
    width, tall = max(map(len, prompts)), max(map(len, completions))
    size = len(prompts)
    made: dict[str, Any] = {
        "prompt_ids": torch.tensor([[2] * (width - len(row)) + row for row in prompts]),
        "prompt_mask": torch.tensor([[0] * (width - len(row)) + [1] * len(row) for row in prompts]),
        "completion_ids": torch.tensor([row + [2] * (tall - len(row)) for row in completions]),
        "completion_mask": torch.tensor([[1] * len(row) + [0] * (tall - len(row)) for row in completions]),
        "advantages": torch.randn(size, generator=generator),
    }
    made["num_items_in_batch"] = made["completion_mask"].sum()
    shuffled = torch.randperm(size, generator=generator)
    return {key: value[shuffled] if value.ndim else value for key, value in made.items()}


def with_logps(stock: GRPOTrainer, inputs: dict[str, Any], *, old: bool, ref: bool) -> dict[str, Any]:
    """Log-probabilities of an earlier policy, and of the reference, near those of now."""
    ids = torch.cat([inputs["prompt_ids"], inputs["completion_ids"]], 1)
    mask = torch.cat([inputs["prompt_mask"], inputs["completion_mask"]], 1)
    with torch.no_grad():
        now = stock._get_per_token_logps_and_entropies(stock.model, ids, mask, inputs["completion_ids"].size(1))[0]
    generator = torch.Generator().manual_seed(9)
    names = (["old_per_token_logps"] if old else []) + (["ref_per_token_logps"] if ref else [])
    return {**inputs, **{name: now + 0.3 * torch.randn(now.shape, generator=generator) for name in names}}


def loss_and_gradient(trainer: GRPOTrainer, *batches: dict[str, Any]) -> tuple[float, torch.Tensor]:
    trainer.model.zero_grad()
    total = 0.0
    for inputs in batches:
        loss = trainer.compute_loss(trainer.model, dict(inputs))
        loss.backward()
        total += float(loss.detach())
    grads = [parameter.grad for parameter in trainer.model.parameters() if parameter.requires_grad]
    assert all(grad is not None for grad in grads)
    return total, torch.cat([grad.flatten() for grad in grads])


def check(pair: tuple[GRPOTrainer, StudioTrainer], *batches: dict[str, Any]) -> None:
    (stock_loss, stock_grad), (our_loss, our_grad) = (loss_and_gradient(trainer, *batches) for trainer in pair)
    scale = max(abs(stock_loss), float(stock_grad.norm()))
    assert abs(our_loss - stock_loss) <= TOLERANCE * scale
    assert float((our_grad - stock_grad).norm()) <= TOLERANCE * float(stock_grad.norm())


@pytest.mark.parametrize("bonus", [0.0, 0.3])
@pytest.mark.parametrize("beta", [0.0, 0.1])
@pytest.mark.parametrize("old", [False, True])
@pytest.mark.parametrize("method", METHODS)
def test_every_method(
    pair: tuple[GRPOTrainer, StudioTrainer],
    monkeypatch: pytest.MonkeyPatch,
    method: str,
    old: bool,
    beta: float,
    bonus: float,
) -> None:
    use(pair, monkeypatch, method, beta=beta, bonus=bonus)
    check(pair, with_logps(pair[0], batch(), old=old, ref=beta > 0))


def test_methods_differ_in_more_than_their_names(
    pair: tuple[GRPOTrainer, StudioTrainer], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Once the weights have moved since sampling; before, GSPO is GRPO and CISPO is DAPO. BNPO is DAPO here."""
    now, later = batch(), with_logps(pair[0], batch(), old=True, ref=False)
    gradients: list[dict[str, torch.Tensor]] = []
    for inputs in (now, later):
        found = {}
        for method in METHODS:
            use(pair, monkeypatch, method)
            found[method] = loss_and_gradient(pair[1], inputs)[1]
        gradients.append(found)
    for one, other in (("gspo", "grpo"), ("cispo", "dapo"), ("bnpo", "dapo")):
        assert torch.allclose(gradients[0][one], gradients[0][other], atol=1e-6)
    for number, one in enumerate(METHODS):
        for other in list(METHODS)[number + 1 :]:
            same = torch.allclose(gradients[1][one], gradients[1][other], rtol=0.01)
            assert same == ({one, other} == {"bnpo", "dapo"})


@pytest.mark.parametrize(
    ("max_nodes", "pair_cost", "everything"),
    [(1, 0.0, False), (1, 100.0, True), (10_000, 0.0, True), (10_000, 100.0, False)],
)
@pytest.mark.parametrize("method", METHODS)
def test_however_the_batch_is_split(
    pair: tuple[GRPOTrainer, StudioTrainer],
    monkeypatch: pytest.MonkeyPatch,
    method: str,
    max_nodes: int,
    pair_cost: float,
    everything: bool,
) -> None:
    split(monkeypatch, max_nodes, pair_cost)
    use(pair, monkeypatch, method, beta=0.1 * everything, bonus=0.3 * everything)
    check(pair, with_logps(pair[0], batch(seed=1), old=everything, ref=everything))


def split(monkeypatch: pytest.MonkeyPatch, max_nodes: int, pair_cost: float = 0.0) -> None:
    """Have batches computed in parts of about so many tokens."""
    real = shared_prefix.plan
    monkeypatch.setattr(shared_prefix, "PAIR_COST", pair_cost)
    monkeypatch.setattr(shared_prefix, "plan", lambda rows, **_: real(rows, max_nodes=max_nodes))


@pytest.mark.parametrize("method", METHODS)
def test_metrics_of_parts_are_those_of_the_batch(
    pair: tuple[GRPOTrainer, StudioTrainer], monkeypatch: pytest.MonkeyPatch, method: str
) -> None:
    split(monkeypatch, 1)
    use(pair, monkeypatch, method, beta=0.1, bonus=0.3, epsilon_high=1.1 if method == "cispo" else None)
    inputs = with_logps(pair[0], batch(seed=1), old=True, ref=True)
    found = []
    for trainer in pair:
        trainer._metrics["train"].clear()
        loss_and_gradient(trainer, inputs)
        found.append({name: values[-1] for name, values in trainer._metrics["train"].items()})
    theirs, mine = found
    assert mine == pytest.approx(theirs, rel=1e-3)
    assert mine["entropy_coef"] == 0.3
    assert mine["cispo_clip_ratio" if method == "cispo" else "clip_ratio/region_mean"] > 0


@pytest.mark.parametrize(("beta", "bonus"), [(0.0, 0.0), (0.1, 0.0), (0.0, 0.3)])
@pytest.mark.parametrize("method", METHODS)
def test_groups_without_advantage_are_left_out_but_counted(
    pair: tuple[GRPOTrainer, StudioTrainer], monkeypatch: pytest.MonkeyPatch, method: str, beta: float, bonus: float
) -> None:
    use(pair, monkeypatch, method, beta=beta, bonus=bonus)
    inputs = with_logps(pair[0], batch(seed=2), old=False, ref=beta > 0)
    inputs["advantages"][inputs["prompt_mask"].sum(1) == inputs["prompt_mask"].sum(1).max()] = 0.0
    inputs["advantages"][0] = 0.0
    seen: list[int] = []
    real = shared_prefix.logps

    def logps(model: Any, reading: Any, part: Any, **arguments: Any) -> Any:
        seen.extend(member for packed in part for member in packed.members)
        return real(model, reading, part, **arguments)

    monkeypatch.setattr(shared_prefix, "logps", logps)
    check(pair, inputs)
    assert len(seen) == (P * G if beta or bonus else int((inputs["advantages"] != 0).sum()))


@pytest.mark.parametrize("everything", [False, True])
@pytest.mark.parametrize("method", METHODS)
def test_truncated_completions_masked(
    pair: tuple[GRPOTrainer, StudioTrainer], monkeypatch: pytest.MonkeyPatch, method: str, everything: bool
) -> None:
    split(monkeypatch, 10)
    use(pair, monkeypatch, method, beta=0.1 * everything, bonus=0.3 * everything)
    inputs = with_logps(pair[0], batch(seed=3), old=everything, ref=everything)
    inputs["completion_mask"][[0, 5, 6]] = 0
    inputs["num_items_in_batch"] = inputs["completion_mask"].sum()
    check(pair, inputs)


@pytest.mark.parametrize("everything", [False, True])
@pytest.mark.parametrize("method", METHODS)
def test_answers_of_one_token(
    pair: tuple[GRPOTrainer, StudioTrainer], monkeypatch: pytest.MonkeyPatch, method: str, everything: bool
) -> None:
    use(pair, monkeypatch, method, beta=0.1 * everything, bonus=0.3 * everything)
    inputs = batch(seed=8, longest=1)
    assert inputs["completion_mask"].sum(1).tolist() == [1] * P * G
    check(pair, with_logps(pair[0], inputs, old=everything, ref=everything))


@pytest.mark.parametrize("everything", [False, True])
@pytest.mark.parametrize("method", METHODS)
def test_answers_without_score(
    pair: tuple[GRPOTrainer, StudioTrainer], monkeypatch: pytest.MonkeyPatch, method: str, everything: bool
) -> None:
    use(pair, monkeypatch, method, beta=0.1 * everything, bonus=0.3 * everything)
    inputs = sampled(pair[1], monkeypatch, [1.0, None, 0.0, 0.7, None, None, None, None, 0.2, 0.9, None, 0.1])
    assert [row == 0 for row in inputs["advantages"]] == [row in (1, 4, 5, 6, 7, 10) for row in range(P * G)]
    check(pair, inputs)


@pytest.mark.parametrize("everything", [False, True])
@pytest.mark.parametrize("method", METHODS)
def test_gradient_accumulation(
    pair: tuple[GRPOTrainer, StudioTrainer], monkeypatch: pytest.MonkeyPatch, method: str, everything: bool
) -> None:
    use(pair, monkeypatch, method, beta=0.1 * everything, bonus=0.3 * everything)
    split(monkeypatch, 20)
    for trainer in pair:
        monkeypatch.setattr(trainer, "current_gradient_accumulation_steps", 2)
        monkeypatch.setattr(trainer.args, "steps_per_generation", 2)
    whole = with_logps(pair[0], batch(seed=4, groups=4), old=everything, ref=everything)
    halves = [{k: v[part] if v.ndim else v for k, v in whole.items()} for part in (slice(0, 8), slice(8, 16))]
    check(pair, *halves)


@pytest.mark.parametrize("method", METHODS)
def test_in_bfloat16_it_is_as_near_to_the_exact_gradient_as_stock_trl(
    pair: tuple[GRPOTrainer, StudioTrainer], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, method: str
) -> None:
    short = trainer_pair(str(tmp_path), settings_of(), short=True)
    assert short[1].packs
    use(pair, monkeypatch, method)
    use(short, monkeypatch, method)
    split(monkeypatch, 20)
    inputs = with_logps(pair[0], batch(seed=6), old=True, ref=False)
    exact = loss_and_gradient(pair[0], inputs)[1]
    stock, ours = (float((loss_and_gradient(one, inputs)[1] - exact).norm() / exact.norm()) for one in short)
    assert short[0].accelerator.mixed_precision == short[1].accelerator.mixed_precision == "bf16"
    assert ours < 1.3 * stock


def test_nothing_to_learn_leaves_zero_gradients(pair: tuple[GRPOTrainer, StudioTrainer]) -> None:
    inputs = batch(seed=5)
    inputs["advantages"].zero_()
    for trainer in pair:
        loss, gradient = loss_and_gradient(trainer, inputs)
        assert loss == 0.0
        assert not gradient.any()


def test_log_probabilities_and_entropies(pair: tuple[GRPOTrainer, StudioTrainer]) -> None:
    inputs = batch(seed=6)
    ids = torch.cat([inputs["prompt_ids"], inputs["completion_ids"]], 1)
    mask = torch.cat([inputs["prompt_mask"], inputs["completion_mask"]], 1)
    keep = inputs["completion_ids"].size(1)
    with torch.no_grad():
        found = [t._get_per_token_logps_and_entropies(t.model, ids, mask, keep, compute_entropy=True) for t in pair]
    wanted = inputs["completion_mask"].bool()
    for stock, ours in zip(found[0][:2], found[1][:2], strict=True):
        assert torch.allclose(stock[wanted], ours[wanted], atol=1e-5)


def test_adapter_off_is_the_reference(pair: tuple[GRPOTrainer, StudioTrainer]) -> None:
    inputs = batch(seed=7)
    ids = torch.cat([inputs["prompt_ids"], inputs["completion_ids"]], 1)
    mask = torch.cat([inputs["prompt_mask"], inputs["completion_mask"]], 1)
    keep = inputs["completion_ids"].size(1)
    results = []
    for trainer in pair:
        with torch.no_grad(), trainer.model.disable_adapter():
            results.append(trainer._get_per_token_logps_and_entropies(trainer.model, ids, mask, keep)[0])
    wanted = inputs["completion_mask"].bool()
    assert torch.allclose(results[0][wanted], results[1][wanted], atol=1e-5)
    with torch.no_grad():
        on = pair[1]._get_per_token_logps_and_entropies(pair[1].model, ids, mask, keep)[0]
    assert not torch.allclose(results[1][wanted], on[wanted], atol=1e-3)


@pytest.mark.parametrize("scale", ["group", "batch", "none"])
def test_advantages_with_missing_scores(
    pair: tuple[GRPOTrainer, StudioTrainer], monkeypatch: pytest.MonkeyPatch, scale: str
) -> None:
    """The same completions and rewards give the same advantages; no score counts for nothing."""
    rewards = [1.0, 0.0, None, 0.5, 0.2, 0.2, 0.2, 0.2, None, None, 0.3, None]
    completions = [Completion([5 + i, 6, 2], [-1.0] * 3, [1.0] * 3, truncated=False) for i in range(P * G)]
    stock, ours = pair
    inputs = [{"prompt": "x", "row": i // G} for i in range(P * G)]
    tokens = [ours.prompts[row["row"]].tokens for row in inputs]

    def generate(*_: Any, **__: Any) -> tuple[list[list[int]], None]:
        return [completion.tokens for completion in completions], None

    monkeypatch.setattr(stock, "_tokenize_prompts", lambda prompts: (tokens, None, {}))
    monkeypatch.setattr(stock, "_generate_single_turn", generate)
    monkeypatch.setattr(stock, "reward_funcs", [lambda completions, **_: rewards])
    groups = [completions[i : i + G] for i in range(0, P * G, G)]
    monkeypatch.setattr(ours.sampler, "sample", lambda *_, **__: groups)
    monkeypatch.setattr(ours, "rewarder", lambda prompts, completions: rewards)
    for trainer in pair:
        monkeypatch.setattr(trainer, "scale_rewards", scale)
    theirs, mine = (trainer._generate_and_score_completions(inputs)["advantages"] for trainer in pair)
    assert torch.allclose(theirs, mine, atol=2e-3)
    assert not mine[[2, *range(4, 12)]].any()
    assert mine[0] > 0 > mine[1]
    assert ours.batch.discards == ["", "", "no score", ""] + ["no spread"] * 4 + [
        "no score",
        "no score",
        "no spread",
        "no score",
    ]
    assert int(theirs.shape[0]) == P * G


def sampled(ours: StudioTrainer, monkeypatch: pytest.MonkeyPatch, rewards: list[float | None]) -> dict[str, Any]:
    """A batch that was really sampled, with these rewards."""
    monkeypatch.setattr(ours, "rewarder", lambda prompts, completions: rewards)
    made: dict[str, Any] = ours._generate_and_score_completions([{"prompt": "x", "row": i // G} for i in range(P * G)])
    return made


def note_readings(monkeypatch: pytest.MonkeyPatch, read: list[int]) -> None:
    """How many prompts are read at a time."""

    def note(model: Any, prompts: Any) -> prefill.Reading:
        read.append(len(prompts))
        return prefill.read(model, prompts)

    monkeypatch.setattr(packed_loss, "read", note)


def test_sampled_log_probabilities_are_those_of_a_fresh_pass(
    pair: tuple[GRPOTrainer, StudioTrainer], monkeypatch: pytest.MonkeyPatch
) -> None:
    stock, ours = pair
    inputs = sampled(ours, monkeypatch, [float(i % 3) for i in range(P * G)])
    ids = torch.cat([inputs["prompt_ids"], inputs["completion_ids"]], 1)
    mask = torch.cat([inputs["prompt_mask"], inputs["completion_mask"]], 1)
    with torch.no_grad():
        fresh, entropies, _ = stock._get_per_token_logps_and_entropies(
            stock.model, ids, mask, inputs["completion_ids"].size(1), compute_entropy=True
        )
    for row, completion in enumerate(ours.batch.completions):
        count = len(completion.tokens)
        assert completion.logps == pytest.approx(fresh[row, :count].tolist(), abs=1e-3)
        assert completion.entropies == pytest.approx(entropies[row, :count].tolist(), abs=1e-3)


@pytest.mark.parametrize("pair_cost", [0.0, 100.0])
def test_prompts_read_for_sampling_are_trained_on(
    pair: tuple[GRPOTrainer, StudioTrainer], monkeypatch: pytest.MonkeyPatch, pair_cost: float
) -> None:
    split(monkeypatch, 10, pair_cost)
    inputs = sampled(pair[1], monkeypatch, [float(i % 3) for i in range(P * G)])
    assert len(pair[1].sampler.readings) == 1
    read: list[int] = []
    monkeypatch.setattr(
        packed_loss, "read", lambda model, prompts: read.append(len(prompts)) or prefill.read(model, prompts)
    )
    check(pair, inputs)
    assert read == []
    check(pair, inputs)  # a second update of the batch: the weights may be others
    assert read == [P]


def test_a_reading_is_not_used_for_the_sake_of_few(
    pair: tuple[GRPOTrainer, StudioTrainer], monkeypatch: pytest.MonkeyPatch
) -> None:
    inputs = sampled(pair[1], monkeypatch, [float(i % 2) if i < G else 1.0 for i in range(P * G)])
    read: list[int] = []
    monkeypatch.setattr(
        packed_loss, "read", lambda model, prompts: read.append(len(prompts)) or prefill.read(model, prompts)
    )
    check(pair, inputs)
    assert read == [1]


def test_what_prompts_have_in_common_counts_once(
    pair: tuple[GRPOTrainer, StudioTrainer], monkeypatch: pytest.MonkeyPatch
) -> None:
    prompts = [prompt.tokens for prompt in pair[1].prompts[:P]]
    assert prefill.nodes(prompts) < sum(map(len, prompts))
    assert prefill.nodes(prompts + prompts) == prefill.nodes(prompts)
    monkeypatch.setattr(packed_loss, "KEPT_NODES", prefill.nodes(prompts))
    inputs = sampled(pair[1], monkeypatch, [float(i % 3) for i in range(P * G)])
    assert [len(reading.prompts) for reading in pair[1].sampler.readings] == [P]
    monkeypatch.setattr(packed_loss, "read", lambda model, prompts: pytest.fail("read again"))
    check(pair, inputs)


def test_prompts_too_long_to_keep_are_read_anew_a_few_at_a_time(
    pair: tuple[GRPOTrainer, StudioTrainer], monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second, *_ = sorted(prompt.tokens for prompt in pair[1].prompts[:P])
    monkeypatch.setattr(packed_loss, "KEPT_NODES", prefill.nodes([first, second]))
    inputs = sampled(pair[1], monkeypatch, [float(i % 3) for i in range(P * G)])
    assert pair[1].sampler.readings == []
    read: list[int] = []
    monkeypatch.setattr(
        packed_loss, "read", lambda model, prompts: read.append(len(prompts)) or prefill.read(model, prompts)
    )
    check(pair, inputs)
    assert read == [2, 1]
