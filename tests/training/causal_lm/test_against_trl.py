"""The loss and the gradients of supervised fine-tuning are those of trl, on the same rows."""

import numpy as np
import pytest
import torch

from llmexam.training.causal_lm.examples import ExampleMaker, Examples
from llmexam.training.causal_lm.model import load_trainee
from llmexam.training.causal_lm.objective import total_loss
from llmexam.training.causal_lm.rows import collate

trl = pytest.importorskip("trl")


@pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::DeprecationWarning")
def test_loss_and_gradients_are_those_of_trl(tmp_path, make_exam, settings_for):
    from datasets import Dataset

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
    requests = [one.parts[0].request for one in examples]
    rows = {
        "input_ids": [list(one.tokens) for one in requests],
        "completion_mask": [
            [int(i >= one.start) for i in range(len(one.tokens))] for one in requests
        ],
    }
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
        train_dataset=Dataset.from_dict(rows),
        processing_class=theirs.tokenizer,
    )
    trainer.model.train()
    found = trainer.compute_loss(trainer.model, next(iter(trainer.get_train_dataloader())))
    found.backward()
    assert loss.item() == pytest.approx(found.item(), rel=1e-5)
    for a, b in zip(mine.model.parameters(), theirs.model.parameters(), strict=True):
        np.testing.assert_allclose(a.grad, b.grad, atol=1e-5)
    assert torch.isfinite(loss)
