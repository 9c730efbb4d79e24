import numpy as np
import pytest
import torch

from llmexam.tracking.tracker import NoTracker
from llmexam.training.causal_lm.grading import DevScorer
from llmexam.training.causal_lm.model import load_trainee
from llmexam.training.registry import create_trainer

pytestmark = [
    pytest.mark.needs("llm"),
    pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::UserWarning"),
]


@pytest.mark.slow
@pytest.mark.parametrize("quantise", ["nf4", pytest.param("int8", marks=pytest.mark.slow)])
@pytest.mark.parametrize("precision", ["fp32", pytest.param("bf16", marks=pytest.mark.slow)])
def test_adapters_over_rounded_weights_are_merged_into_plain_ones(
    tmp_path, make_exam, settings_for, quantise, precision
):
    settings = settings_for(
        quantise=quantise, lora={"r": 4}, learning_rate=1e-2, n_epochs=2, precision=precision
    )
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


@pytest.mark.parametrize("quantise", ["nf4", "int8"])
@pytest.mark.parametrize("width", [32, 64])
def test_gradients_are_those_before_an_evaluation(
    tmp_path, make_exam, settings_for, make_folder, quantise, width
):
    """bitsandbytes changes 4-bit weights at the first evaluation, and then has no gradients."""
    folder = make_folder(tmp_path, hidden_size=width, intermediate_size=2 * width)
    settings = settings_for(model=str(folder), quantise=quantise, lora={"r": 4})
    trainee = load_trainee(settings)
    ids = torch.arange(4, 24)[None]

    def gradients():
        trainee.model.train()
        trainee.model.zero_grad()
        trainee.model(input_ids=ids, labels=ids).loss.backward()
        return {n: p.grad.clone() for n, p in trainee.model.named_parameters() if p.requires_grad}

    before = gradients()
    scores = DevScorer(make_exam(4), trainee, settings).score().values
    after = gradients()
    assert np.isfinite(scores).all()
    # One matrix of each pair begins as zeros, so the other has no gradient yet.
    assert sum(bool(one.abs().max() > 0) for one in before.values()) == len(before) / 2
    for name, one in before.items():
        torch.testing.assert_close(after[name], one)
