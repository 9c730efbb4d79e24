import json
import os
import subprocess
import sys

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from tests.tiny_gemma import save_tiny, torch_logits
from tests.training.tiny_rewrites import word_tokenizer

from llmexam.errors import ExamError, ModelError, SettingsError
from llmexam.lm.keras_models.causal import load_keras_decoder
from llmexam.lm.keras_models.causal_generation import KerasGenerator
from llmexam.lm.keras_models.causal_lora import ADAPTER_FILE, load_lora
from llmexam.lm.models.loading import load_tokenizer, resolve_model
from llmexam.recovery.recoverers.fine_tuned import FineTunedLm
from llmexam.recovery.trained_rows import TrainedRows, read_trained_rows
from llmexam.testing.trainers import check_resume
from llmexam.tracking.tracker import NoTracker
from llmexam.training.keras_recoverer.trainer import KerasRecovererTrainer
from llmexam.training.rewrites.examples import Examples

pytestmark = pytest.mark.filterwarnings(
    # Of Keras on torch, whenever it turns a tensor into an array.
    "ignore:__array__ implementation doesn't accept a copy:DeprecationWarning"
)


def fit(settings, train, dev, folder, **more):
    return KerasRecovererTrainer(settings).fit(
        train, dev, folder, card={}, tracker=NoTracker(), **more
    )


def true_loss(folder, rows, settings):
    """Return the mean loss of a prompt token by transformers' model of a folder."""
    examples = Examples(rows, settings, load_tokenizer(resolve_model(str(folder))), None)
    logits = torch_logits(folder, [one.ids.tolist() for one in examples])
    total = 0.0
    for one, values in zip(examples, logits, strict=True):
        logs = torch.log_softmax(torch.from_numpy(values), -1).numpy()
        total -= sum(logs[i, one.ids[i + 1]] for i in range(one.start - 1, one.n_tokens - 1))
    return total / examples.n_targets.sum()


@pytest.fixture(scope="module")
def trained(settings_for, make_rewrites, tmp_path_factory):
    """A training of two epochs, its settings, rows and dev rows."""
    settings = settings_for(n_epochs=2, dev_generated=2, checkpoint_every=3, evaluate_every=8)
    rows, dev = make_rewrites(32), make_rewrites(6, seed=1)
    done = fit(settings, rows, dev, tmp_path_factory.mktemp("trained") / "model")
    return done, settings, rows, dev


def test_the_loss_is_that_of_the_answer_and_falls(trained, base_folder):
    done, settings, _, dev = trained
    before, after = done.card.metrics["before"], done.card.metrics["after"]
    assert before["dev_loss"] == pytest.approx(true_loss(base_folder, dev, settings), rel=1e-5)
    # Of the merged weights.
    assert after["dev_loss"] == pytest.approx(true_loss(done.folder, dev, settings), rel=1e-5)
    assert after["dev_loss"] < before["dev_loss"] - 0.1
    assert {"dev_sharpened_cosine", "dev_exact_match"} <= after.keys()
    assert len(done.curve) == 16
    rates = [point.values["learning_rate"] for point in done.curve]
    assert max(rates) == pytest.approx(1e-2, rel=0.05)
    assert rates[-1] < 1e-3


def test_only_queries_and_values_are_changed(trained, base_folder):
    done = trained[0]
    old, new = (load_file(one / "model.safetensors") for one in (base_folder, done.folder))
    assert {name for name in old if not torch.equal(old[name], new[name])} == {
        f"model.layers.{i}.self_attn.{name}_proj.weight" for i in (0, 1) for name in "qv"
    }


def test_the_result_is_a_fine_tuned_recoverer(trained):
    done, _, rows, dev = trained
    assert done.card.family == "recoverer"
    assert done.card.training["lora_rank"] == 4
    found = FineTunedLm(model=str(done.folder), max_new_tokens=6, device="cpu").recover(dev)
    assert all(one.text for one in found)
    assert read_trained_rows(done.folder) == TrainedRows.of(rows.rows)
    assert not [one for one in done.folder.rglob("*") if one.suffix in {".bin", ".pkl", ".h5"}]


def test_the_adapters_beside_it_give_the_same_logits(trained, base_folder):
    done = trained[0]
    decoder = load_keras_decoder(resolve_model(str(base_folder)))
    load_lora(decoder, done.folder / ADAPTER_FILE)
    row = [2, 5, 9, 12]
    np.testing.assert_allclose(
        decoder.logits([row])[0], torch_logits(done.folder, [row])[0], atol=1e-4
    )


@pytest.mark.slow
def test_a_killed_training_ends_with_the_same_weights(trained, tmp_path):
    done, settings, rows, dev = trained
    check_resume(lambda: KerasRecovererTrainer(settings), rows, dev, tmp_path / "killed", done)


@pytest.mark.parametrize("lora_rank", [4, pytest.param(None, marks=pytest.mark.slow)])
def test_accumulation_takes_the_same_steps(settings_for, make_rewrites, tmp_path, lora_rank):
    curves = []
    for n_passes in (1, 2):
        settings = settings_for(
            batch_size=8 // n_passes,
            gradient_accumulation=n_passes,
            lora_rank=lora_rank,
            learning_rate=1e-3,
        )
        # The last step has fewer rows: its second pass is empty.
        done = fit(settings, make_rewrites(19), None, tmp_path / str(n_passes))
        curves.append([point.values["loss"] for point in done.curve])
        assert len(done.curve) == 3
    np.testing.assert_allclose(curves[1], curves[0], rtol=1e-4)


@pytest.mark.slow
def test_all_weights_are_trained_without_adapters(
    settings_for, make_rewrites, base_folder, tmp_path
):
    settings = settings_for(lora_rank=None, learning_rate=1e-3, freeze_layers=1)
    dev = make_rewrites(8, seed=1)
    done = fit(settings, make_rewrites(24), dev, tmp_path / "model")
    old, new = (load_file(one / "model.safetensors") for one in (base_folder, done.folder))
    changed = {name for name in old if not torch.equal(old[name], new[name])}
    assert changed == {name for name in old if "layers.0." not in name}
    loss = done.card.metrics["after"]["dev_loss"]
    assert loss == pytest.approx(true_loss(done.folder, dev, settings), rel=1e-5)
    assert not (done.folder / ADAPTER_FILE).exists()


def test_all_evaluations_use_one_generator(settings_for, make_rewrites, monkeypatch):
    # JAX would compile each new one.
    made = []

    class Counted(KerasGenerator):
        def __init__(self, *args, **values):
            super().__init__(*args, **values)
            made.append(self)

    monkeypatch.setattr("llmexam.training.keras_recoverer.grading.KerasGenerator", Counted)
    settings = settings_for(dev_generated=3, top_k=4)
    dev = KerasRecovererTrainer(settings).prepare(make_rewrites(4), make_rewrites(6, 1), 1).dev
    first, second = dev.grade(), dev.grade()
    assert len(made) == 1
    # With the same random numbers.
    assert first.further == second.further


def test_bad_settings_and_rows_are_refused(settings_for, make_rewrites, tmp_path):
    for values, text in [
        ({"label_smoothing": 0.1}, "label_smoothing"),
        ({"head_learning_rate": 1e-3}, "head_learning_rate"),
        ({"freeze_layers": 1}, "freezes all weights already"),
        ({"lora_rank": None, "lora_alpha": 2}, "Set `lora_rank`"),
    ]:
        with pytest.raises(SettingsError, match=text):
            KerasRecovererTrainer(settings_for(**values)).check_machine()
    with pytest.raises(ExamError, match="prompt of this row is not known"):
        fit(settings_for(), make_rewrites(3).without_prompts(), None, tmp_path / "a")
    with pytest.raises(ExamError, match="no training rows"):
        fit(settings_for(), make_rewrites(0), None, tmp_path / "b")


def test_the_estimate_needs_no_weights(settings_for, make_rewrites, base_folder, tmp_path):
    rows = make_rewrites(10)
    for path in base_folder.iterdir():
        if path.suffix != ".safetensors":
            (tmp_path / path.name).write_bytes(path.read_bytes())
    settings = settings_for(model=str(tmp_path), n_epochs=2)
    found = KerasRecovererTrainer(settings).estimate(rows)
    tokenizer = load_tokenizer(resolve_model(str(base_folder)))
    assert found.n_tokens == Examples(rows, settings, tokenizer, None).n_tokens.sum()
    assert (found.n_steps, found.n_truncated, found.seconds) == (6, 0, None)
    assert "adapters of rank 4 are trained" in found.details["weights"]
    told = json.loads((tmp_path / "config.json").read_text())
    (tmp_path / "config.json").write_text(json.dumps({**told, "model_type": "bert"}))
    with pytest.raises(ModelError, match="expected a model of type gemma"):
        KerasRecovererTrainer(settings).estimate(rows)


JAX = """
import json, sys
from pathlib import Path
from llmexam.training.keras_recoverer.trainer import KerasRecovererTrainer
from llmexam.training.keras_recoverer.settings import KerasRecovererTrainingSettings
from llmexam.recovery.rewrites import Rewrite, RewriteExam
from llmexam.tracking.tracker import NoTracker

values, rows, folder = json.loads(sys.argv[1]), json.loads(sys.argv[2]), Path(sys.argv[3])
settings = KerasRecovererTrainingSettings.parse(values, subject="test")
items = RewriteExam(tuple(Rewrite(*one) for one in rows), source="rows")
done = KerasRecovererTrainer(settings).fit(items, None, folder, card={}, tracker=NoTracker())
print(json.dumps([[point.values["loss"] for point in done.curve], done.notes]))
"""


@pytest.mark.slow
def test_jax_takes_the_same_steps(settings_for, make_rewrites, tmp_path):
    pytest.importorskip("jax")
    settings = settings_for(length_multiple=64, max_steps=3)
    rows = make_rewrites(12)
    done = fit(settings, rows, None, tmp_path / "torch")
    values = {**settings.model_dump(mode="json"), "backend": "jax"}
    told = [[row.id, row.original, row.rewritten, row.prompt] for row in rows]
    ran = subprocess.run(
        [sys.executable, "-c", JAX, json.dumps(values), json.dumps(told), str(tmp_path / "jax")],
        env={**os.environ, "KERAS_BACKEND": "jax"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    losses, notes = json.loads(ran.stdout.splitlines()[-1])
    np.testing.assert_allclose(losses, [p.values["loss"] for p in done.curve], rtol=1e-4)
    found = [true_loss(tmp_path / name, rows, settings) for name in ("torch", "jax")]
    assert found[1] == pytest.approx(found[0], rel=1e-4)
    assert "for batches of 1 shape" in notes[-1]


@pytest.mark.slow
def test_other_decoders_are_trained(settings_for, make_rewrites, base_folder, tmp_path):
    for kind in ("gemma", "mistral", "gpt2"):
        folder = save_tiny(tmp_path / kind, kind, tokenizer=word_tokenizer())
        settings = settings_for(model=str(folder), max_steps=4)
        dev = make_rewrites(8, seed=1)
        done = fit(settings, make_rewrites(16), dev, tmp_path / f"{kind}-trained")
        metrics = done.card.metrics
        assert metrics["after"]["dev_loss"] < metrics["before"]["dev_loss"]
        loss = true_loss(done.folder, dev, settings)
        assert metrics["after"]["dev_loss"] == pytest.approx(loss, rel=1e-4)
