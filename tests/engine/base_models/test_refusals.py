"""What is not taken as a base model, each with its reason and a way out."""

import json

import pytest

from rftstudio.engine.errors import SpecError
from rftstudio.engine.models.architectures import built_in, is_built_in
from rftstudio.engine.models.contents import INDEX, Contents, read_directory
from rftstudio.engine.models.refusals import refusals, require_usable
from tests.engine.model_files import model_files, weights, write_model


def kinds(directory) -> list[str]:
    return [refusal.kind for refusal in refusals(read_directory(directory))]


def test_a_usable_model(tmp_path):
    contents = read_directory(write_model(tmp_path / "m", numbers=5))
    assert refusals(contents) == []
    assert (contents.n_parameters, contents.dtype, contents.architecture) == (5, "F32", "LlamaForCausalLM")
    assert contents.wanted == ["config.json", "tokenizer.json", "tokenizer_config.json", "model.safetensors"]


PICKLE = {"model__safetensors": None, "pytorch_model__bin": b"\x80\x04."}
CASES = [
    ("pickle", PICKLE),
    ("gguf", {"model__safetensors": None, "model__gguf": b"GGUF"}),
    ("adapter", {"model__safetensors": None, "adapter_config__json": b"{}", "adapter_model__safetensors": weights(1)}),
    ("weights", {"model__safetensors": None}),
    ("config", {"config__json": None}),
    ("tokenizer", {"tokenizer__json": None}),
    ("template", {"template": None}),
    ("template", {"template": "{% for m in messages %}{{ m.role }}"}),
    ("template", {"template": "{{ raise_exception('no') }}"}),
    ("code", {"config": {"model_type": "theirs", "auto_map": {"AutoModelForCausalLM": "modeling.Theirs"}}}),
    ("architecture", {"config": {"model_type": "bert", "architectures": ["BertForMaskedLM"]}}),
    ("architecture", {"config": {"model_type": "t5", "architectures": ["T5ForConditionalGeneration"]}}),
    ("quantised", {"config": {"quantization_config": {"quant_method": "gptq"}}}),
]


@pytest.mark.parametrize(("kind", "changes"), CASES)
def test_each_reason_has_a_remedy(tmp_path, kind, changes):
    directory = write_model(tmp_path / "m", **changes)
    assert kinds(directory)[0] == kind
    with pytest.raises(SpecError) as caught:
        require_usable(read_directory(directory))
    assert caught.value.path == "base_model"
    assert caught.value.fix


def test_pickles_and_code_are_not_even_read(tmp_path):
    directory = write_model(tmp_path / "m", pytorch_model__bin=b"\x80", modeling__py=b"raise SystemExit", a__pt=b"")
    contents = read_directory(directory)
    assert refusals(contents) == []
    assert not {"pytorch_model.bin", "modeling.py", "a.pt"} & set(contents.wanted)


def test_code_that_transformers_has_built_in_is_not_needed(tmp_path):
    directory = write_model(tmp_path / "m", config={"auto_map": {"AutoModelForCausalLM": "modeling.Llama"}})
    assert kinds(directory) == []


def test_a_tokenizer_with_code_of_its_own(tmp_path):
    odd = json.dumps({"auto_map": {"AutoTokenizer": ["tok.T", None]}, "chat_template": "x"}).encode()
    directory = write_model(tmp_path / "m", tokenizer__json=None, tokenizer_config__json=odd)
    assert kinds(directory)[0] == "code"


def test_weights_in_several_files(tmp_path):
    names = ["model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"]
    index = json.dumps({"weight_map": {"a": names[0], "b": names[1]}}).encode()
    directory = write_model(tmp_path / "m", model__safetensors=None)
    (directory / INDEX).write_bytes(index)
    (directory / names[0]).write_bytes(weights(3))
    assert kinds(directory) == ["incomplete"]
    (directory / names[1]).write_bytes(weights(4))
    contents = read_directory(directory)
    assert (contents.n_parameters, contents.weights, refusals(contents)) == (7, names, [])
    (directory / "consolidated.safetensors").write_bytes(weights(7))
    assert read_directory(directory).n_parameters == 7, "another library's copy does not count"


@pytest.mark.parametrize("place", ["../evil.safetensors", "/etc/passwd", "a\\b.safetensors", "x/../../y"])
def test_an_index_cannot_lead_out(tmp_path, place):
    directory = write_model(tmp_path / "m", model__safetensors=None)
    (directory / INDEX).write_text(json.dumps({"weight_map": {"a": place}}))
    assert kinds(directory) == ["weights"]


@pytest.mark.parametrize("name", ["../config.json", "/etc/passwd", "a\\b", "..", "x\0y", "a\nb"])
def test_names_that_lead_elsewhere(name):
    contents = Contents("m", {**{file: len(content) for file, content in model_files().items()}, name: 1})
    assert [refusal.kind for refusal in refusals(contents)] == ["names"]


def test_a_weights_file_that_was_cut(tmp_path):
    directory = write_model(tmp_path / "m")
    (directory / "model.safetensors").write_bytes(weights(100)[:-1])
    with pytest.raises(SpecError, match="its end is missing"):
        read_directory(directory)


def test_the_table_of_architectures_is_that_of_transformers():
    from transformers.models.auto.modeling_auto import MODEL_FOR_CAUSAL_LM_MAPPING_NAMES

    assert set(built_in()) == set(MODEL_FOR_CAUSAL_LM_MAPPING_NAMES)
    assert is_built_in("llama", "LlamaForCausalLM")
    assert is_built_in("", "Qwen2ForCausalLM")
    assert is_built_in("bert", "BertForMaskedLM") is False
    assert is_built_in("", "") is None
