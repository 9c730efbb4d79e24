"""Decoders with a head over the last token: training, saving, and scores of all engines."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch
import transformers
from safetensors.torch import load_file
from tests.tiny_decoder import make_tokenizer
from tests.tiny_gemma import save_tiny
from tests.training.keras_choice.test_trainer import fit, keras_solver, losses, on_jax
from tokenizers import Tokenizer, models, pre_tokenizers

from llmexam.errors import ModelError
from llmexam.exam.exam import Exam
from llmexam.lm.models.loading import load_tokenizer, resolve_model
from llmexam.solvers.readers.encoding import EncodingSettings, encode_questions
from llmexam.solvers.registry import create_solver
from llmexam.training.registry import create_trainer

pytestmark = pytest.mark.filterwarnings(
    # Of Keras on torch, whenever it turns a tensor into an array.
    "ignore:__array__ implementation doesn't accept a copy:DeprecationWarning"
)


def word_tokenizer():
    words = ["<pad>", "<unk>", "<s>", "</s>", "which", "?", ".", *(f"w{i}" for i in range(12))]
    made = Tokenizer(models.WordLevel({w: i for i, w in enumerate(words)}, unk_token="<unk>"))
    made.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    return transformers.PreTrainedTokenizerFast(
        tokenizer_object=made, pad_token="<pad>", unk_token="<unk>", eos_token="</s>"
    )


@pytest.fixture(scope="session")
def decoder_of(tmp_path_factory):
    """Return a function that writes a tiny decoder with a tokenizer."""

    def make(kind="gemma3", **values):
        folder = tmp_path_factory.mktemp(kind)
        tokenizer = word_tokenizer()
        if kind == "qwen2":
            # transformers makes a tokenizer of bytes with this token, whatever the file says.
            tokenizer = make_tokenizer()
            tokenizer.add_special_tokens({"pad_token": "<|endoftext|>"})
        return save_tiny(folder, kind, tokenizer=tokenizer, hidden_size=32, **values)

    return make


def settings_of(settings_for, folder, **values):
    given = {"head": "last", "lora_rank": 2, "n_epochs": 1, "learning_rate": 1e-2, **values}
    return settings_for(model=str(folder), **given)


def by_transformers(folder, exam):
    """Return the logits of transformers' classifier for each option, padded in a batch."""
    model = transformers.AutoModelForSequenceClassification.from_pretrained(
        folder, dtype=torch.float32
    ).eval()
    card = json.loads((folder / "llmexam.json").read_text())
    encoding = EncodingSettings.parse(card["encoding"], subject="card")
    read = encode_questions(exam.questions, encoding, load_tokenizer(resolve_model(str(folder))))
    rows = []
    for question in read:
        n = max(len(pair.ids) for pair in question.options)
        ids = torch.full((len(question.options), n), model.config.pad_token_id)
        mask = torch.zeros_like(ids)
        for place, pair in enumerate(question.options):
            ids[place, : len(pair.ids)] = torch.tensor(pair.ids)
            mask[place, : len(pair.ids)] = 1
        with torch.no_grad():
            rows.append(model(input_ids=ids, attention_mask=mask).logits[:, 0].numpy())
    return rows


@pytest.mark.parametrize(
    ("kind", "values"),
    [
        ("gemma3", {}),
        ("qwen2", {"tie_word_embeddings": False}),
        pytest.param("gemma", {}, marks=pytest.mark.slow),
        pytest.param("gemma2", {}, marks=pytest.mark.slow),
        pytest.param("gpt2", {"n_embd": 16}, marks=pytest.mark.slow),
        pytest.param("llama", {}, marks=pytest.mark.slow),
        pytest.param("mistral", {"sliding_window": None}, marks=pytest.mark.slow),
        pytest.param("qwen3", {}, marks=pytest.mark.slow),
    ],
)
def test_the_solver_and_transformers_give_the_scores_of_the_training(
    tmp_path, make_exam, settings_for, decoder_of, kind, values
):
    folder = decoder_of(kind, **values)
    # Questions with two and with four options.
    mixed = [*make_exam(12).questions, *make_exam(6, seed=2, n_options=2).questions]
    train = Exam(tuple(replace(q, id=f"t{i}") for i, q in enumerate(mixed)))
    dev = make_exam(6, seed=1)
    done = fit(settings_of(settings_for, folder), train, dev, tmp_path / "model")
    assert (done.card.family, done.card.head) == ("keras-choice", "last")
    found = keras_solver(done.folder).score(dev.questions)
    np.testing.assert_allclose(found.values, done.dev_scores.values, atol=1e-4)
    np.testing.assert_allclose(found.values, by_transformers(done.folder, dev), atol=1e-4)
    # The base model is the same but for queries and values.
    old, new = (load_file(one / "model.safetensors") for one in (folder, done.folder))
    changed = {name for name in old if not torch.equal(old[name], new[name])}
    assert new.keys() - old.keys() == {"score.weight"}
    assert changed
    assert all("attn" in name for name in changed)


@pytest.mark.slow
def test_a_skill_is_learned_by_all_weights(tmp_path, make_exam, settings_for, decoder_of):
    # It has an output layer of its own, which is not trained.
    folder = decoder_of("llama", tie_word_embeddings=False)
    settings = settings_of(
        settings_for,
        folder,
        lora_rank=None,
        n_epochs=12,
        learning_rate=3e-3,
        freeze_embeddings=True,
    )
    dev = make_exam(50, seed=1)
    done = fit(settings, make_exam(384), dev, tmp_path / "model")
    assert losses(done)[0] == pytest.approx(np.log(4), abs=0.5)
    curve = [p.values["dev_map_at_3"] for p in done.curve if "dev_map_at_3" in p.values]
    assert max(curve) >= 0.7
    old, new = (load_file(one / "model.safetensors") for one in (folder, done.folder))
    assert torch.equal(old["lm_head.weight"], new["lm_head.weight"])


def test_a_trained_head_is_trained_further(tmp_path, make_exam, settings_for, decoder_of):
    dev = make_exam(6, seed=1)
    first = fit(
        settings_of(settings_for, decoder_of(), max_steps=1), make_exam(8), dev, tmp_path / "1"
    )
    trainer = create_trainer(
        "keras-choice", settings_of(settings_for, first.folder, max_steps=1).model_dump()
    )
    made = trainer.prepare(make_exam(8), dev, None)
    assert made.grade_before
    np.testing.assert_allclose(made.dev.grade().scores.values, first.dev_scores.values, atol=1e-4)


@pytest.mark.slow
def test_jax_takes_the_same_step(tmp_path, make_exam, settings_for, decoder_of):
    pytest.importorskip("jax")
    exam = make_exam(8)
    settings = settings_of(settings_for, decoder_of(), batch_size=8, length_multiple=32)
    by_torch = fit(settings, exam, None, tmp_path / "torch")
    found = on_jax(exam, tmp_path / "jax", "", settings.model_dump(mode="json"))
    np.testing.assert_allclose(found["losses"], losses(by_torch), rtol=1e-4)
    by_jax = keras_solver(tmp_path / "jax").score(exam.questions).values
    expected = keras_solver(by_torch.folder).score(exam.questions).values
    np.testing.assert_allclose(by_jax, expected, atol=1e-3)


def test_a_head_that_does_not_fit_is_an_error(
    tmp_path, make_exam, settings_for, base_folder, decoder_of
):
    for folder, head, told in (
        (base_folder, "last", "expected head: mean or native for a model of type 'bert'"),
        (decoder_of(), "mean", "expected head: last for a model of type 'gemma3_text'"),
    ):
        settings = settings_for(model=str(folder), head=head)
        with pytest.raises(ModelError, match=told):
            fit(settings, make_exam(8), None, tmp_path / head)


def test_the_estimate_counts_what_is_trained(make_exam, settings_for, decoder_of):
    folder = decoder_of()
    trainer = create_trainer(
        "keras-choice", settings_of(settings_for, folder, batch_size=4).model_dump()
    )
    found = trainer.estimate(make_exam(8))
    assert found.n_steps == 2
    # The head, and in two layers adapters of four query heads and two of values, with 32 inputs and
    # 8 outputs each; the second matrix of an adapter is shared by its heads.
    trained = int(found.details["trainable weights"].split()[0])
    assert trained == 32 + 2 * ((4 + 2) * 32 * 2 + 2 * 2 * 8)
    assert "equal scores give 1.386" in found.details["first loss"]


def test_the_torch_solver_says_which_one_to_use(tmp_path, make_exam, settings_for, decoder_of):
    done = fit(
        settings_of(settings_for, decoder_of(), max_steps=1), make_exam(8), None, tmp_path / "m"
    )
    solver = create_solver("multiple-choice", {"model": str(done.folder)})
    with pytest.raises(Exception, match="Use solver 'keras-choice'"):
        solver.score(make_exam(1).questions)


@pytest.mark.slow
def test_a_real_decoder_gives_the_scores_of_transformers(
    tmp_path, make_exam, settings_for, shared_models
):
    settings = settings_of(
        settings_for, shared_models / "gemma-3-270m", max_steps=2, batch_size=2, learning_rate=1e-3
    )
    dev = make_exam(3, seed=1)
    done = fit(settings, make_exam(4), dev, tmp_path / "model")
    found = keras_solver(done.folder).score(dev.questions)
    # The adapters are merged into weights in bf16.
    np.testing.assert_allclose(found.values, by_transformers(done.folder, dev), atol=1e-3)
