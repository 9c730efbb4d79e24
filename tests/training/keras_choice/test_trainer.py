import json
import os
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
import torch
import transformers

from llmexam.errors import ModelError, SettingsError
from llmexam.exam.exam import Exam
from llmexam.exam.writers import write_exam
from llmexam.lm.models.loading import load_tokenizer, resolve_model
from llmexam.solvers.readers.encoding import EncodingSettings, encode_questions
from llmexam.solvers.registry import create_solver
from llmexam.testing import check_solver, check_trainer
from llmexam.tracking.tracker import NoTracker
from llmexam.training.registry import create_trainer

LEARNS = {"n_epochs": 8, "learning_rate": 6e-3}


def fit(settings, train, dev, folder):
    trainer = create_trainer("keras-choice", settings.model_dump())
    return trainer.fit(train, dev, folder, card={}, tracker=NoTracker())


def losses(trained):
    return [p.values["loss"] for p in trained.curve if "loss" in p.values]


def keras_solver(folder):
    return create_solver("keras-choice", {"model": str(folder), "precision": "fp32"})


def torch_solver(folder):
    return create_solver("multiple-choice", {"model": str(folder), "precision": "fp32"})


def test_the_trainer_keeps_the_contract(tmp_path, make_exam, settings_for):
    def make(**changes):
        values = {
            "batch_size": 4,
            "gradient_accumulation": 2,
            "checkpoint_every": 2,
            "drop_options": 0.3,
            "evidence_dropout": 0.3,
            "dropout": 0.1,
            "ema_decay": 0.9,
            "n_epochs": 1,
        }
        return create_trainer("keras-choice", settings_for(**{**values, **changes}).model_dump())

    # Served by the engine without padding, which does not use Keras.
    check_trainer(
        make, make_exam(32), make_exam(60, seed=1), tmp_path, serve=torch_solver, tolerance=2e-5
    )


@pytest.mark.slow
def test_a_skill_is_learned(tmp_path, make_exam, settings_for):
    dev = make_exam(50, seed=1)
    trained = fit(settings_for(**LEARNS), make_exam(384), dev, tmp_path / "model")
    curve = [p.values["dev_map_at_3"] for p in trained.curve if "dev_map_at_3" in p.values]
    assert max(curve) >= 0.9
    # Of the training batches too.
    assert trained.curve[-1].values["map_at_3"] >= 0.9
    assert losses(trained)[0] == pytest.approx(np.log(4), abs=0.3)
    assert (trained.folder / "model.png").read_bytes().startswith(b"\x89PNG")


def test_transformers_and_both_engines_give_the_same_scores(tmp_path, make_exam, settings_for):
    dev = make_exam(8, seed=1)
    settings = settings_for(n_epochs=1, head="native")
    trained = fit(settings, make_exam(32), dev, tmp_path / "model")
    by_keras = keras_solver(trained.folder).score(dev.questions).values
    by_torch = torch_solver(trained.folder).score(dev.questions).values
    np.testing.assert_allclose(by_keras, by_torch, atol=2e-5)
    np.testing.assert_allclose(trained.dev_scores.values, by_torch, atol=2e-5)
    # The class of transformers gives the same.
    model = transformers.AutoModelForMultipleChoice.from_pretrained(trained.folder).eval()
    tokenizer = load_tokenizer(resolve_model(str(trained.folder)))
    encoding = EncodingSettings.parse(trained.card.encoding, subject="card")
    (question,) = encode_questions(dev.questions[:1], encoding, tokenizer)
    n = max(len(pair.ids) for pair in question.options)
    ids, mask = torch.zeros(1, 4, n, dtype=torch.long), torch.zeros(1, 4, n, dtype=torch.long)
    types = torch.zeros(1, 4, n, dtype=torch.long)
    for place, pair in enumerate(question.options):
        ids[0, place, : len(pair.ids)] = torch.tensor(pair.ids)
        types[0, place, : len(pair.ids)] = torch.tensor(pair.types)
        mask[0, place, : len(pair.ids)] = 1
    with torch.no_grad():
        logits = model(input_ids=ids, attention_mask=mask, token_type_ids=types).logits
    np.testing.assert_allclose(logits[0].numpy(), by_torch[0], atol=2e-5)


def test_accumulation_changes_nothing(tmp_path, make_exam, settings_for):
    # 45 questions: the last step of an epoch has fewer passes than the others.
    train = make_exam(45)
    values = {"n_epochs": 1, "label_smoothing": 0.1, "drop_options": 0.3, "schedule": "cosine"}
    whole = fit(settings_for(batch_size=8, **values), train, None, tmp_path / "1")
    parts = fit(
        settings_for(batch_size=2, gradient_accumulation=4, **values), train, None, tmp_path / "4"
    )
    np.testing.assert_allclose(losses(parts), losses(whole), rtol=1e-3)
    rates = [[p.values["learning_rate"] for p in one.curve] for one in (whole, parts)]
    np.testing.assert_allclose(rates[1], rates[0], rtol=1e-5)


def test_the_torch_trainer_takes_the_same_steps(tmp_path, make_exam, settings_for):
    values = {
        "n_epochs": 1,
        "schedule": "cosine",
        "head_learning_rate": 1e-2,
        "layer_decay": 0.8,
        "weight_decay": 0.0,
        "label_smoothing": 0.1,
        "freeze_embeddings": True,
    }
    train = make_exam(96)
    by_keras = fit(settings_for(**values), train, None, tmp_path / "keras")
    given = settings_for(**values).model_dump(exclude={"backend", "length_multiple", "parallel"})
    trainer = create_trainer(
        "multiple-choice", {k: v for k, v in given.items() if k != "lora_rank"}
    )
    by_torch = trainer.fit(train, None, tmp_path / "torch", card={}, tracker=NoTracker())
    # The heads are drawn by different generators, so the first losses differ a little.
    rates = [[p.values["learning_rate"] for p in one.curve][1:] for one in (by_keras, by_torch)]
    np.testing.assert_allclose(rates[0][:-1], rates[1][:-1], rtol=0.35)
    np.testing.assert_allclose(losses(by_keras), losses(by_torch), atol=0.4)


def test_adapters_are_merged(tmp_path, make_exam, settings_for):
    dev = make_exam(20, seed=1)
    trained = fit(
        settings_for(lora_rank=2, n_epochs=1, learning_rate=1e-2),
        make_exam(48),
        dev,
        tmp_path / "m",
    )
    by_torch = torch_solver(trained.folder).score(dev.questions).values
    np.testing.assert_allclose(trained.dev_scores.values, by_torch, atol=2e-5)


def test_only_adapters_and_the_head_are_trained(make_exam, settings_for):
    trainer = create_trainer("keras-choice", settings_for(lora_rank=2).model_dump())
    model = trainer.prepare(make_exam(16), None, None).model
    names = {one.name for one in model.trainable_variables if "lora" not in one.name}
    paths = {one.path for one in model.trainable_variables if "lora" not in one.name}
    assert names == {"kernel", "bias"}
    assert len(paths) == 2  # those of the head


def test_the_order_of_options_changes_nothing(tmp_path, make_exam, settings_for):
    # Each option is read alone, so no reader can learn that the answer is always A.
    exam = make_exam(32)
    biased = Exam(
        tuple(replace(q, options=(q.options[q.answer], *_others(q)), answer=0) for q in exam)
    )
    curves = []
    for order in ("kept", "shuffled"):
        values = {"option_order": order, "n_epochs": 1, "dropout": 0.0}
        curves.append(losses(fit(settings_for(**values), biased, None, tmp_path / order)))
    np.testing.assert_allclose(curves[0], curves[1], rtol=1e-4)


def _others(question):
    return [text for i, text in enumerate(question.options) if i != question.answer]


def test_the_result_keeps_the_contract_of_solvers(tmp_path, make_exam, settings_for):
    trained = fit(settings_for(n_epochs=1), make_exam(16), None, tmp_path / "model")
    check_solver(lambda: keras_solver(trained.folder), tolerance=2e-5)
    assert trained.card.family == "multiple-choice"
    assert {"keras", "keras-hub"} <= set(trained.card.versions)


def test_what_a_machine_lacks_is_said(make_exam, settings_for):
    for values, told in (
        ({"backend": "jax"}, "already runs on torch"),
        ({"parallel": "data"}, "expected backend jax"),
        ({"lora_rank": 2, "freeze_layers": 1}, "cannot be combined with `lora_rank`"),
    ):
        with pytest.raises(SettingsError, match=told):
            create_trainer("keras-choice", settings_for(**values).model_dump()).check_machine()
    for values in ({"precision": "fp16"}, {"gradient_checkpointing": True}, {"lora": {"r": 4}}):
        with pytest.raises(SettingsError):
            settings_for(**values)


def test_too_long_sequences_are_an_error(tmp_path, make_exam, settings_for):
    with pytest.raises(ModelError, match="at most 64"):
        fit(settings_for(encoding={"max_tokens": 100}), make_exam(8), None, tmp_path / "m")


JAX = """
import json, sys
from pathlib import Path
from llmexam.exam.parsers.formats import read_exam
from llmexam.solvers.registry import create_solver
from llmexam.tracking.tracker import NoTracker
from llmexam.training.registry import create_trainer

exam, folder, other = read_exam(sys.argv[1]), Path(sys.argv[2]), sys.argv[3]
values = json.loads(sys.argv[4])
done = create_trainer("keras-choice", values).fit(
    exam, None, folder, card={}, tracker=NoTracker()
)
scores = []
if other:
    solver = create_solver("keras-choice", {"model": other, "precision": "fp32"})
    scores = solver.score(list(exam)).values.tolist()
print(json.dumps({
    "losses": [p.values["loss"] for p in done.curve],
    "scores": scores,
    "notes": done.notes,
}))
"""


# Compiling takes most of the time of these tests, and fast programs are not worth it.
ON_JAX = {
    "KERAS_BACKEND": "jax",
    "JAX_PLATFORMS": "cpu",
    "JAX_DISABLE_MOST_OPTIMIZATIONS": "1",
}


def on_jax(exam, folder, other, settings, **environment):
    path = folder.with_suffix(".jsonl")
    write_exam(path, exam, format="jsonl")
    found = subprocess.run(
        [sys.executable, "-c", JAX, str(path), str(folder), str(other), json.dumps(settings)],
        env={**os.environ, **ON_JAX, **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    assert found.returncode == 0, found.stderr
    return json.loads(found.stdout.splitlines()[-1])


@pytest.mark.slow
def test_jax_takes_the_same_step(tmp_path, make_exam, settings_for):
    exam = make_exam(8)
    # One batch, so that one program is compiled.
    settings = settings_for(n_epochs=1, batch_size=8, length_multiple=32)
    by_torch = fit(settings, exam, None, tmp_path / "torch")
    found = on_jax(exam, tmp_path / "jax", "", settings.model_dump(mode="json"))
    np.testing.assert_allclose(found["losses"], losses(by_torch), rtol=1e-4)
    assert any("programs compiled" in note for note in found["notes"])
    # Trained on JAX, scored on torch.
    by_jax = keras_solver(tmp_path / "jax").score(exam.questions).values
    expected = keras_solver(by_torch.folder).score(exam.questions).values
    np.testing.assert_allclose(by_jax, expected, atol=1e-3)


@pytest.mark.slow
def test_jax_takes_many_steps_and_reads_the_same_folder(tmp_path, make_exam, settings_for):
    exam = make_exam(24)
    settings = settings_for(n_epochs=1, batch_size=8)
    by_torch = fit(settings, exam, None, tmp_path / "torch")
    found = on_jax(exam, tmp_path / "jax", by_torch.folder, settings.model_dump(mode="json"))
    np.testing.assert_allclose(found["losses"], losses(by_torch), rtol=1e-4)
    by_keras = keras_solver(by_torch.folder).score(exam.questions).values
    np.testing.assert_allclose(found["scores"], by_keras, atol=1e-4)


@pytest.mark.slow
@pytest.mark.parametrize("parallel", ["data", "model"])
def test_four_devices_take_the_same_steps(tmp_path, make_exam, settings_for, parallel):
    exam = make_exam(24)
    settings = settings_for(n_epochs=1, batch_size=8)
    by_torch = fit(settings, exam, None, tmp_path / "torch")
    values = {**settings.model_dump(mode="json"), "parallel": parallel, "device": "auto"}
    found = on_jax(
        exam,
        tmp_path / "jax",
        by_torch.folder,
        values,
        XLA_FLAGS="--xla_force_host_platform_device_count=4",
    )
    np.testing.assert_allclose(found["losses"], losses(by_torch), rtol=1e-4)
