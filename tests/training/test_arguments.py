import pytest
import torch

from llmexam.errors import SettingsError
from llmexam.training.base.arguments import training_arguments


def test_settings_become_arguments(tiny, tmp_path):
    settings = tiny.settings(
        batch_size=3, gradient_accumulation=2, schedule="cosine", warmup_ratio=0.25, seed=5,
        checkpoint_every=7, max_steps=40,
    )  # fmt: skip
    found = training_arguments(settings, tmp_path)
    assert (found.per_device_train_batch_size, found.gradient_accumulation_steps) == (3, 2)
    assert found.get_warmup_steps(40) == 10
    assert str(found.lr_scheduler_type.value) == "cosine"
    assert (found.seed, found.data_seed) == (5, 5)
    assert (found.save_strategy.value, found.save_steps) == ("steps", 7)
    assert found.output_dir == str(tmp_path / "checkpoints")
    assert found.report_to == []
    assert found.use_cpu
    assert not found.bf16
    assert not found.fp16


def test_a_ratio_of_one_warms_up_for_all_steps(tiny, tmp_path):
    found = training_arguments(tiny.settings(warmup_ratio=1.0), tmp_path)
    assert found.get_warmup_steps(50) == 50


def test_overrides_win(tiny, tmp_path):
    assert training_arguments(tiny.settings(), tmp_path, learning_rate=7.0).learning_rate == 7.0


def test_bf16_is_autocast(tiny, tmp_path):
    model = tiny.tiny_model()
    trainer = tiny.tiny_trainer(model, tmp_path, tiny.settings(precision="bf16", max_steps=1))
    assert trainer.args.bf16
    assert {p.dtype for p in model.parameters()} == {torch.float32}


def test_what_the_machine_cannot_do_is_refused(tiny, tmp_path, monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(SettingsError, match="no GPU"):
        training_arguments(tiny.settings(device="cuda"), tmp_path)
    with pytest.raises(SettingsError, match="fp16 needs a GPU"):
        training_arguments(tiny.settings(precision="fp16"), tmp_path)
