"""Supervised fine-tuning is that of trl on the same rows: losses, gradients, and all its steps."""

import numpy as np
import pytest
import torch

from llmexam.tracking.tracker import NoTracker
from llmexam.training.base.loop import run_training
from llmexam.training.causal_lm.loop import DecoderTrainer
from llmexam.training.causal_lm.model import load_trainee
from llmexam.training.causal_lm.objective import total_loss
from llmexam.training.causal_lm.rows import collate
from llmexam.training.prompts.examples import ExampleMaker, Examples

trl = pytest.importorskip("trl")


def rows_for_trl(examples):
    """Token ids, and which of them are the completion; trl makes its own labels of these."""
    from datasets import Dataset

    requests = [one.parts[0].request for one in examples]
    masks = [[int(i >= one.start) for i in range(len(one.tokens))] for one in requests]
    return Dataset.from_dict(
        {"input_ids": [list(one.tokens) for one in requests], "completion_mask": masks}
    )


@pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::DeprecationWarning")
def test_loss_and_gradients_are_those_of_trl(tmp_path, make_exam, settings_for):
    settings = settings_for("letters")
    exam = make_exam(6)
    mine = load_trainee(settings)
    maker = ExampleMaker(settings, mine.tokenizer, mine.longest)
    examples = [Examples(exam, settings, maker).draw(row, 0) for row in range(6)]
    batch = collate(examples, [True] * 6, by_token=True)
    labels, asked = batch.pop("labels")[0, 1:], batch.pop("asked")
    loss = total_loss("answer")(mine.model(**batch).logits, labels, asked) / len(labels)
    loss.backward()

    theirs = load_trainee(settings)
    trainer = trl.SFTTrainer(
        theirs.model,
        args=trl.SFTConfig(
            output_dir=str(tmp_path),
            per_device_train_batch_size=6,
            report_to="none",
            use_cpu=True,
            bf16=False,
            completion_only_loss=True,
        ),
        train_dataset=rows_for_trl(examples),
        processing_class=theirs.tokenizer,
    )
    trainer.model.train()
    found = trainer.compute_loss(trainer.model, next(iter(trainer.get_train_dataloader())))
    found.backward()
    assert loss.item() == pytest.approx(found.item(), rel=1e-5)
    for a, b in zip(mine.model.parameters(), theirs.model.parameters(), strict=True):
        np.testing.assert_allclose(a.grad, b.grad, atol=1e-5)
    assert torch.isfinite(loss)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::DeprecationWarning")
@pytest.mark.parametrize("lora", [None, {"r": 4}], ids=["full", "lora"])
def test_a_whole_training_is_that_of_trl(tmp_path, make_exam, settings_for, lora):
    """The same questions in the same order: six steps of two passes, answers of 1 to 3 words."""
    shared = {"batch_size": 4, "gradient_accumulation": 2, "n_epochs": 2, "lora": lora}
    settings = settings_for(learning_rate=1e-2, schedule="cosine", weight_decay=0.01, **shared)
    exam = type(make_exam(1))(
        tuple(
            type(q)(f"{n}-{q.id}", q.prompt, q.options, q.answer, q.passages)
            for n in (1, 2, 3)
            for q in make_exam(8, seed=n, n_words=n)
        )
    )
    torch.manual_seed(settings.seed)
    mine = load_trainee(settings)
    examples = Examples(exam, settings, ExampleMaker(settings, mine.tokenizer, mine.longest))
    trainer = DecoderTrainer(mine, examples, settings, tmp_path / "mine")
    drawn = []
    for epoch in range(2):
        trainer.plan.set_epoch(epoch)
        drawn += [examples.draw(one.row, one.epoch) for batch in trainer.plan for one in batch]
    assert len(drawn) == 48
    curve = run_training(trainer, tmp_path / "mine", settings, tracker=NoTracker()).curve

    class InOrder(trl.SFTTrainer):
        def _get_train_sampler(self, *args, **kwargs):
            return torch.utils.data.SequentialSampler(self.train_dataset)

    torch.manual_seed(settings.seed)
    theirs = load_trainee(settings)
    reference = InOrder(
        theirs.model,
        args=trl.SFTConfig(
            output_dir=str(tmp_path / "theirs"),
            per_device_train_batch_size=4,
            gradient_accumulation_steps=2,
            num_train_epochs=1,
            learning_rate=1e-2,
            lr_scheduler_type="cosine",
            warmup_steps=min(settings.warmup_ratio, 1 - 1e-9),
            weight_decay=0.01,
            max_grad_norm=settings.max_grad_norm,
            optim="adamw_torch_fused",
            gradient_checkpointing=False,
            completion_only_loss=True,
            shuffle_dataset=False,
            max_length=None,
            logging_steps=1,
            save_strategy="no",
            report_to="none",
            disable_tqdm=True,
            use_cpu=True,
            bf16=False,
        ),
        train_dataset=rows_for_trl(drawn),
        processing_class=theirs.tokenizer,
    )
    reference.train()
    told = [one for one in reference.state.log_history if "loss" in one]
    assert len(told) == len(curve) == 6
    for name in ("loss", "grad_norm", "learning_rate"):
        ours = [point.values[name] for point in curve]
        np.testing.assert_allclose(ours, [one[name] for one in told], rtol=1e-5)
    assert told[-1]["loss"] < told[0]["loss"] - 0.3
    before = dict(load_trainee(settings).model.named_parameters())
    for (name, a), b in zip(mine.model.named_parameters(), theirs.model.parameters(), strict=True):
        np.testing.assert_allclose(a.detach(), b.detach(), atol=1e-5)
        if a.requires_grad and "lora_A" not in name:
            assert (a - before[name]).abs().max() > 1e-2
