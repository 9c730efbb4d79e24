"""Adapters over quantised weights (QLoRA)."""

import pytest
from safetensors.torch import load_file

from llmexam.recovery.recoverers.fine_tuned import FineTunedLm
from llmexam.tracking.tracker import NoTracker
from llmexam.training.recoverer.trainer import RecovererTrainer

pytestmark = [
    pytest.mark.needs("llm"),
    pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::UserWarning"),
]


def test_adapters_over_int8_are_merged_into_the_original_weights(
    settings_for, make_rewrites, base_folder, tmp_path
):
    settings = settings_for(quantise="int8", max_steps=4, learning_rate=1e-2)
    dev = make_rewrites(8, seed=1)
    done = RecovererTrainer(settings).fit(
        make_rewrites(32), dev, tmp_path / "model", card={}, tracker=NoTracker()
    )
    metrics = done.card.metrics
    assert metrics["after"]["dev_loss"] < metrics["before"]["dev_loss"]
    assert "quantized to int8, and merged into the original weights" in done.notes[-1]
    before = load_file(base_folder / "model.safetensors")
    after = load_file(done.folder / "model.safetensors")
    assert {name: one.dtype for name, one in after.items()} == {
        name: one.dtype for name, one in before.items()
    }
    moved = {name.split(".")[-2] for name, one in after.items() if not one.equal(before[name])}
    assert moved == {*("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj")}
    found = FineTunedLm(model=str(done.folder), max_new_tokens=4).recover(dev)
    assert all(one.text for one in found)
