"""Our Trainer takes the steps of transformers' own."""

import numpy as np
import transformers
from transformers.data.data_collator import DataCollatorForMultipleChoice

from llmexam.training.multiple_choice.data import ChoiceData
from llmexam.training.multiple_choice.loop import ChoiceTrainer
from llmexam.training.multiple_choice.model import load_trainee
from llmexam.training.variation import vary

N_STEPS = 6


class Losses(transformers.TrainerCallback):
    def __init__(self):
        self.losses, self.norms = [], []

    def on_log(self, args, state, control, logs=None, **more):
        if "loss" in logs:
            self.losses.append(logs["loss"])
            self.norms.append(logs["grad_norm"])


def train(trainer):
    seen = Losses()
    trainer.args.save_strategy = transformers.trainer_utils.SaveStrategy.NO
    trainer.remove_callback(transformers.trainer_callback.PrinterCallback)
    trainer.add_callback(seen)
    trainer.train()
    return seen


def test_losses_gradients_and_weights_are_those_of_the_stock_trainer(
    tmp_path, make_exam, settings_for
):
    settings = settings_for(
        head="native",
        max_steps=N_STEPS,
        dropout=0.0,
        log_every=1,
        learning_rate=1e-3,
        drop_repeats=False,
    )
    exam = make_exam(N_STEPS * settings.batch_size)

    def prepare():
        transformers.set_seed(settings.seed)
        trainee = load_trainee(settings)
        data = ChoiceData(exam, settings, trainee.tokenizer)
        return trainee, data, ChoiceTrainer(trainee, data, settings, tmp_path)

    own, data, trainer = prepare()
    rows = [
        features(data, int(row), vary(4, int(data.answers[row]), settings, epoch=0, row=int(row)))
        for step in trainer.plan.steps(0)
        for row in step
    ]
    ours = train(trainer)
    other, _, same = prepare()
    same.args.train_sampling_strategy = "sequential"
    stock = train(
        transformers.Trainer(
            other.reader.model,
            same.args,
            train_dataset=rows,
            data_collator=DataCollatorForMultipleChoice(tokenizer=other.tokenizer),
        )
    )
    assert len(stock.losses) == N_STEPS
    assert np.ptp(stock.losses) > 0.01
    np.testing.assert_allclose(ours.losses, stock.losses, atol=1e-4)
    np.testing.assert_allclose(ours.norms, stock.norms, rtol=1e-3)
    start = dict(load_trainee(settings).reader.model.named_parameters())
    found = dict(own.reader.model.named_parameters())
    for name, weight in other.reader.model.named_parameters():
        # Adam divides by the size of a gradient, so those that are 0 but for rounding (biases of
        # keys, and the same bias for all options) move by the learning rate in any direction.
        if not name.endswith(("key.bias", "classifier.bias")):
            moved = (weight - start[name]).norm()
            assert (found[name] - weight).norm() <= 0.05 * moved, name


def features(data, row, how):
    """Return a question as transformers' collator wants it."""
    first = int(data.read.first[row])
    tokens = [data.read.tokens(first + int(option)) for option in how.order]
    return {
        "input_ids": [ids.tolist() for ids, _ in tokens],
        "token_type_ids": [types.tolist() for _, types in tokens],
        "attention_mask": [[1] * len(ids) for ids, _ in tokens],
        "label": how.answer,
    }
