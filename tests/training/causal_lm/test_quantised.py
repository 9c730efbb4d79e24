import numpy as np
import pytest
import torch

from llmexam.tracking.tracker import NoTracker
from llmexam.training.causal_lm.grading import DevScorer
from llmexam.training.causal_lm.model import load_trainee
from llmexam.training.registry import create_trainer

pytest.importorskip("bitsandbytes")
pytestmark = pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::UserWarning")


@pytest.mark.parametrize("quantise", ["nf4", pytest.param("int8", marks=pytest.mark.slow)])
def test_adapters_over_rounded_weights_are_merged_into_plain_ones(
    tmp_path, make_exam, settings_for, quantise
):
    settings = settings_for(quantise=quantise, lora={"r": 4}, learning_rate=1e-2, n_epochs=2)
    rounded = load_trainee(settings)
    kinds = {type(m).__name__ for m in rounded.decoder.modules()}
    assert {"nf4": "Linear4bit", "int8": "Linear8bitLt"}[quantise] in kinds
    assert {p.dtype for p in rounded.model.parameters() if p.requires_grad} == {torch.float32}
    dev = make_exam(20, seed=1)
    trainer = create_trainer("causal-lm", settings.model_dump())
    found = trainer.fit(make_exam(96), dev, tmp_path, card={}, tracker=NoTracker())
    losses = [p.values["loss"] for p in found.curve if "loss" in p.values]
    assert losses[-1] < losses[0] - 0.5
    assert any(quantise in note for note in found.notes)
    plain = load_trainee(
        settings.model_copy(update={"model": str(tmp_path), "lora": None, "quantise": None})
    )
    assert {p.dtype for p in plain.model.parameters()} == {torch.float32}
    merged = DevScorer(dev, plain, settings).score().values
    # What the rounding moved, and no more.
    assert np.abs(merged - found.dev_scores.values).max() < 2.0
    assert not np.array_equal(merged, found.dev_scores.values)
