"""The memory that a dry run predicts, against the tensors that a training really holds."""

import weakref

import pytest
import torch
import transformers
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_iter
from torch.utils.weak import WeakIdKeyDictionary

from llmexam.training.causal_lm.estimate import estimate
from llmexam.training.causal_lm.loop import DecoderTrainer
from llmexam.training.causal_lm.model import load_trainee
from llmexam.training.prompts.examples import ExampleMaker, Examples


class Held(TorchDispatchMode):
    """Counts the bytes of all tensors that are alive, and remembers the most."""

    def __init__(self):
        super().__init__()
        self.now = self.most = 0
        self._seen = WeakIdKeyDictionary()

    def add(self, tensor):
        storage = tensor.untyped_storage()
        if storage not in self._seen:
            self._seen[storage] = True
            self.now += storage.nbytes()
            self.most = max(self.most, self.now)
            weakref.finalize(storage, self._drop, storage.nbytes())

    def _drop(self, n_bytes):
        self.now -= n_bytes

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        found = function(*args, **(kwargs or {}))
        for one in tree_iter(found):
            if isinstance(one, torch.Tensor) and one.device.type != "meta":
                self.add(one)
        return found


@pytest.mark.slow
@pytest.mark.parametrize("lora", [None, {"r": 16}], ids=["full", "lora"])
@pytest.mark.parametrize("saving", [False, True], ids=["plain", "checkpointing"])
def test_a_training_holds_what_is_predicted(
    tmp_path, make_exam, settings_for, make_folder, lora, saving
):
    shape = {"hidden_size": 128, "intermediate_size": 344, "num_hidden_layers": 6}
    folder = make_folder(tmp_path / "model", **shape, num_key_value_heads=4)
    settings = settings_for(
        "letters",
        model=str(folder),
        lora=lora,
        gradient_checkpointing=saving,
        encoding={"max_tokens": None},
        max_steps=2,
    )
    exam = make_exam(8, n_words=4)
    predicted = estimate(exam, settings).peak_mb
    trainee = load_trainee(settings)
    examples = Examples(exam, settings, ExampleMaker(settings, trainee.tokenizer, None))
    trainer = DecoderTrainer(trainee, examples, settings, tmp_path / "out", save_strategy="no")
    held = Held()
    for parameter in trainee.model.parameters():
        held.add(parameter)

    class LaterSteps(transformers.TrainerCallback):
        def on_step_begin(self, args, state, control, **kwargs):
            held.most = held.now

    trainer.add_callback(LaterSteps())
    with held:
        trainer.train()
    # Gradients are not all there yet when most of the activations are.
    assert 0.75 * predicted < held.most / 1e6 < 1.1 * predicted
