import numpy as np
import pytest
import torch
import transformers
from safetensors.torch import load_file
from tests.lm.keras_models.tiny_readers import (
    CONFIGS,
    keras_logits,
    padded_batch,
    torch_logits,
)

from llmexam.lm.keras_models.backend import import_keras
from llmexam.lm.keras_models.reader import load_keras_reader, save_keras_reader
from llmexam.lm.models.loading import resolve_model

HEADS = ["native", "mean"]


@pytest.fixture(autouse=True, scope="module")
def _keras():
    import_keras("torch")


@pytest.mark.parametrize("head", HEADS)
@pytest.mark.parametrize("family", list(CONFIGS))
def test_logits_equal_torch_before_and_after_saving(folder_of, tmp_path, family, head):
    folder = folder_of(family, head)
    reader = load_keras_reader(folder, head=head)
    assert (reader.architecture, reader.head_kind, reader.new_head) == (family, head, False)
    batch = padded_batch(reader)
    expected = torch_logits(folder, head, batch)
    assert expected.std() > 1e-3
    np.testing.assert_allclose(keras_logits(reader, batch), expected, atol=1e-5)

    save_keras_reader(reader, tmp_path / "saved")
    saved = resolve_model(str(tmp_path / "saved"))
    np.testing.assert_allclose(torch_logits(saved, head, batch), expected, atol=1e-6)
    if head == "native":
        model = transformers.AutoModelForMultipleChoice.from_pretrained(saved.path)
        assert model.config.architectures == [type(model).__name__]
        names = {"token_ids": "input_ids", "segment_ids": "token_type_ids"}
        inputs = {
            names.get(name, "attention_mask"): torch.tensor(value, dtype=torch.long)[None]
            for name, value in batch.items()
        }
        with torch.no_grad():
            logits = model.eval()(**inputs).logits
        np.testing.assert_allclose(logits.numpy().T, expected, atol=1e-5)


@pytest.mark.parametrize("family", list(CONFIGS))
def test_saved_files_have_the_tensors_of_transformers(folder_of, tmp_path, family):
    folder = folder_of(family, "native")
    save_keras_reader(load_keras_reader(folder, head="native"), tmp_path / "saved")
    before = load_file(folder.path / "model.safetensors")
    after = load_file(tmp_path / "saved" / "model.safetensors")
    assert before.keys() == after.keys()
    changed = {name for name, tensor in before.items() if not torch.equal(tensor, after[name])}
    # RoBERTa's constant token type is added to its positions.
    wanted = ("position", "token_type") if "roberta" in family else ()
    prefix = "roberta.embeddings"
    assert changed == {f"{prefix}.{name}_embeddings.weight" for name in wanted}
