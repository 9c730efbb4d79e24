import math

import pytest
import torch
import transformers

from llmexam.training.base.arguments import training_arguments
from llmexam.training.base.losses import choice_objective, softmax_losses


def train(tiny, folder, *, accumulation, head="ours", total=8, n_questions=24, steps=3):
    settings = tiny.settings(
        batch_size=total // accumulation, gradient_accumulation=accumulation, max_steps=steps
    )
    model = tiny.tiny_model(dropout=0.0)
    trainer = transformers.Trainer(
        model,
        training_arguments(settings, folder, save_strategy="no"),
        train_dataset=tiny.TinyRows(n_questions),
        compute_loss_func=choice_objective("softmax") if head == "ours" else None,
        # Adam makes steps of the rounding errors of gradients that should be 0.
        optimizers=(torch.optim.SGD(model.parameters(), lr=0.5), None),
    )
    trainer.remove_callback(transformers.trainer_callback.PrinterCallback)
    trainer.train()
    points = [(p["loss"], p["grad_norm"]) for p in trainer.state.log_history if "grad_norm" in p]
    return points, model.state_dict()


def test_accumulation_changes_neither_loss_nor_gradient_nor_weights(tiny, tmp_path):
    points, weights = train(tiny, tmp_path / "1", accumulation=1)
    assert len(points) == 3
    for accumulation in (2, 4):
        other, others = train(tiny, tmp_path / str(accumulation), accumulation=accumulation)
        for (loss, norm), (other_loss, other_norm) in zip(points, other, strict=True):
            assert other_loss == pytest.approx(loss, rel=1e-5)
            assert other_norm == pytest.approx(norm, rel=1e-4)
        for name, weight in weights.items():
            torch.testing.assert_close(others[name], weight, rtol=1e-4, atol=1e-6)


def test_the_trainers_own_loss_is_still_scaled_wrongly(tiny, tmp_path):
    """If this fails, transformers divides by the passes itself, and `choice_objective` may go."""
    points, _ = train(tiny, tmp_path / "1", accumulation=1, head="theirs", steps=1)
    other, _ = train(tiny, tmp_path / "2", accumulation=2, head="theirs", steps=1)
    assert other[0][0] == pytest.approx(2 * points[0][0], rel=1e-3)


def test_the_mean_is_over_questions_where_passes_differ_in_size(tiny, tmp_path):
    # Six questions in passes of four and two: one step of all six.
    whole, _ = train(tiny, tmp_path / "1", accumulation=1, total=6, n_questions=6, steps=1)
    parts, _ = train(tiny, tmp_path / "2", accumulation=2, total=8, n_questions=6, steps=1)
    assert parts[0] == pytest.approx(whole[0], rel=1e-4)


def test_smoothing_goes_to_options_that_are_there():
    logits = torch.tensor([[0.0, 0.0, -math.inf], [0.0, 0.0, 0.0]])
    labels = torch.tensor([0, 2])
    assert softmax_losses(logits, labels).tolist() == pytest.approx([math.log(2), math.log(3)])
    sharp = torch.tensor([[2.0, 0.0, -math.inf]])
    right, wrong = (-torch.log_softmax(sharp, 1))[0, :2].tolist()
    assert softmax_losses(sharp, torch.tensor([0]), 0.2).item() == pytest.approx(
        0.8 * right + 0.2 * wrong
    )
