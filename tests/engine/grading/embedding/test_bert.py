"""The numpy network gives what transformers gives, for a random model of each family and for the one that ships."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors
from transformers import AutoModel, AutoTokenizer, BertConfig, BertModel, RobertaConfig, RobertaModel

from rftstudio.engine.grading.embedding.bert import SentenceModel
from tests.engine.models import sentence_model

SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]"]
LETTERS = [chr(code) for code in range(ord("a"), ord("z") + 1)]
PIECES = [*SPECIAL, *LETTERS, *(f"##{letter}" for letter in LETTERS), "the", "patient", "fever", "##s", "."]
TEXTS = [
    "the patient",
    "The PATIENT has fevers.",
    "x",
    "",
    "zebra " * 200,
    "患者 ok",
    "a\n\nb\tc",
    "half \ud800 a pair",
]


def save_model(directory: Path, family: str = "bert", pooling: str = "mean", **changes) -> Path:
    torch.manual_seed(3)
    shape = {
        "vocab_size": len(PIECES), "hidden_size": 48, "num_hidden_layers": 3, "num_attention_heads": 4,
        "intermediate_size": 96, "max_position_embeddings": 66, "pad_token_id": 0, "initializer_range": 0.3, **changes,
    }  # fmt: skip
    config, kind = (BertConfig, BertModel) if family == "bert" else (RobertaConfig, RobertaModel)
    model = kind(config(**shape)).eval()
    for parameter in model.parameters():
        if parameter.dim() == 1:  # biases and norms start at 0 and 1, where a mistake would not show
            torch.nn.init.normal_(parameter, 0.5, 0.3)
    model.save_pretrained(directory)
    tokenizer = Tokenizer(models.WordPiece({piece: at for at, piece in enumerate(PIECES)}, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.post_processor = processors.BertProcessing(("[SEP]", 3), ("[CLS]", 2))
    tokenizer.save(str(directory / "tokenizer.json"))
    (directory / "1_Pooling").mkdir()
    modes = {
        f"pooling_mode_{mode}_{'token' if mode == 'cls' else 'tokens'}": mode == pooling
        for mode in ("cls", "max", "mean")
    }
    (directory / "1_Pooling" / "config.json").write_text(json.dumps(modes))
    modules = [
        {"type": f"sentence_transformers.models.{name}", "path": path}
        for name, path in (("Transformer", ""), ("Pooling", "1_Pooling"), ("Normalize", "2_Normalize"))
    ]
    (directory / "modules.json").write_text(json.dumps(modules))
    return directory


def by_transformers(directory: Path, text: str, pooling: str, length: int) -> np.ndarray:
    model = AutoModel.from_pretrained(directory).eval()
    tokenizer = Tokenizer.from_file(str(directory / "tokenizer.json"))
    tokenizer.no_padding()
    ids = tokenizer.encode(text.encode("utf-8", "replace").decode()).ids
    if len(ids) > length:
        ids = [*ids[: length - 1], ids[-1]]
    with torch.no_grad():
        states = model(torch.tensor([ids])).last_hidden_state[0]
    vector = {"cls": states[0], "mean": states.mean(0), "max": states.max(0).values}[pooling]
    return torch.nn.functional.normalize(vector, dim=0).numpy()


@pytest.mark.parametrize(
    ("family", "pooling", "changes"),
    [
        ("bert", "mean", {}),
        ("bert", "cls", {"hidden_act": "gelu_new"}),
        ("bert", "max", {"hidden_act": "relu"}),
        ("roberta", "mean", {"type_vocab_size": 1}),
    ],
)
def test_equals_transformers(tmp_path, family, pooling, changes):
    save_model(tmp_path, family, pooling, **changes)
    model = SentenceModel(tmp_path)
    length = 66 if family == "bert" else 65
    for text in TEXTS:
        expected = by_transformers(tmp_path, text, pooling, length)
        assert np.abs(model.embed(text) - expected).max() < 1e-4, text


@pytest.mark.slow
def test_the_model_that_ships_equals_transformers():
    directory = sentence_model()
    model, theirs = SentenceModel(directory), AutoModel.from_pretrained(directory).eval()
    tokenizer = AutoTokenizer.from_pretrained(directory)
    texts = ["Take two tablets daily.", "Fièvre élevée", "a", "The patient was admitted with chest pain. " * 60]
    for text in texts:
        inputs = tokenizer(text, return_tensors="pt", truncation=True, max_length=256)
        with torch.no_grad():
            states = theirs(**inputs).last_hidden_state[0]
        expected = torch.nn.functional.normalize(states.mean(0), dim=0).numpy()
        assert np.abs(model.embed(text) - expected).max() < 1e-4
    alike = model.embed("He had a heart attack.") @ model.embed("The man suffered a myocardial infarction.")
    unlike = model.embed("He had a heart attack.") @ model.embed("The bakery opens at seven.")
    assert alike > 0.6 > 0.2 > unlike


def test_weights_of_half_the_size_are_read(tmp_path):
    save_model(tmp_path / "whole")
    model = BertModel.from_pretrained(tmp_path / "whole").half()
    half = save_model(tmp_path / "half")
    model.save_pretrained(half)
    close = SentenceModel(half).embed("the patient") @ SentenceModel(tmp_path / "whole").embed("the patient")
    assert close > 0.999


def _rewrite(path: Path, **changes) -> None:
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        (lambda at: _rewrite(at / "config.json", model_type="mpnet"), "its type is mpnet"),
        (lambda at: _rewrite(at / "config.json", hidden_act="swish"), "its activation is swish"),
        (lambda at: _rewrite(at / "config.json", position_embedding_type="relative_key"), "not absolute"),
        (lambda at: (at / "config.json").write_text("["), "config.json is not JSON"),
        (lambda at: (at / "model.safetensors").unlink(), "model.safetensors is missing"),
        (lambda at: (at / "model.safetensors").write_bytes(b"\xff" * 64), "damaged"),
        (lambda at: (at / "tokenizer.json").unlink(), "tokenizer.json is missing"),
        (lambda at: (at / "modules.json").write_text('[{"type": "a.Dense", "path": ""}]'), "Dense layer"),
        (lambda at: _rewrite(at / "1_Pooling" / "config.json", pooling_mode_cls_token=True), "its pooling"),
    ],
)
def test_what_cannot_be_run_is_refused_with_the_reason(tmp_path, spoil, says):
    spoil(save_model(tmp_path))
    with pytest.raises(ValueError, match=says):
        SentenceModel(tmp_path)
