"""What a model takes and whether the machine has it."""

from rftstudio.engine.models.memory import Machine, need_of, size, this_machine, too_large

LLAMA_8B = {"hidden_size": 4096, "num_hidden_layers": 32, "intermediate_size": 14336}
CPU = Machine("cpu", 24_000_000_000)
CARD = Machine("cuda", 80_000_000_000, "H100")


def test_eight_billion_parameters():
    need = need_of(8_030_000_000, LLAMA_8B, CPU)
    assert need.weights == 32_120_000_000
    assert need.weights < need.loading < need.training
    problem = too_large(need, CPU)
    assert "loading it in float32 takes about 33.0 GB" in problem
    assert "24.0 GB" in problem
    on_card = need_of(8_030_000_000, LLAMA_8B, CARD)
    assert on_card.weights == 16_060_000_000
    assert too_large(on_card, CARD) == ""


def test_what_can_be_loaded_but_not_trained():
    need = need_of(1_000_000_000, {"hidden_size": 2048, "num_hidden_layers": 16, "intermediate_size": 8192}, CPU)
    assert "training it with LoRA" in too_large(need, Machine("cpu", need.loading + 1))


def test_without_a_configuration_the_shape_is_guessed():
    guessed = need_of(8_030_000_000, {}, CPU)
    known = need_of(8_030_000_000, LLAMA_8B, CPU)
    assert 0.7 < guessed.training / known.training < 1.4
    nested = need_of(8_030_000_000, {"text_config": LLAMA_8B}, CPU)
    assert nested == known


def test_this_machine_has_memory():
    assert this_machine().memory > 500_000_000


def test_sizes_in_words():
    assert [size(n) for n in (900, 12_345, 538_000_000, 16_060_000_000)] == ["1 kB", "12 kB", "538 MB", "16.1 GB"]
