"""A tiny model folder of any architecture that KerasHub has."""

import pytest
import torch
import transformers
from tests.lm.keras_models.tiny_readers import CONFIGS

from llmexam.lm.models.loading import resolve_model
from llmexam.lm.readers.reader import load_reader


@pytest.fixture
def folder_of(tmp_path):
    """Return a function that writes a tiny model, with a trained head or without any."""

    def make(family="bert", head=None, **own):
        torch.manual_seed(1)
        kind = (
            transformers.AutoModelForMultipleChoice if head == "native" else transformers.AutoModel
        )
        model = kind.from_config(CONFIGS[family](**own))
        with torch.no_grad():
            # Fresh biases are 0 and norms 1, which would hide a mix-up.
            for parameter in model.parameters():
                parameter.add_(torch.randn_like(parameter) * 0.2)
        folder = tmp_path / f"{family}-{head}"
        model.save_pretrained(folder)
        if head == "mean":
            reader = load_reader(resolve_model(str(folder)), head="mean", new_head=True)
            reader.save(folder)
        return resolve_model(str(folder))

    return make
