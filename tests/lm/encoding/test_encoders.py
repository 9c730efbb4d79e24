import pytest

from llmexam.errors import ModelError
from llmexam.lm.models.loading import load_encoder, resolve_model

torch = pytest.importorskip("torch")

from llmexam.lm.encoding.encoders import PackedBert, PaddedEncoder, can_pack  # noqa: E402

CPU = torch.device("cpu")
# Longest first, two of one length.
BATCH = [[2, 5, 6, 7, 8, 9, 3], [2, 9, 10, 3], [2, 11, 6, 3], [2, 3]]


@pytest.fixture
def model(tiny_folder):
    return load_encoder(resolve_model(str(tiny_folder(n_layers=3))), dtype=torch.float32)


def texts_of(parts, what="last"):
    """Return one matrix a text, padding taken off."""
    found = []
    for part in parts:
        for i, matrix in enumerate(getattr(part, what)):
            n = len(matrix) if part.mask is None else int(part.mask[i].sum())
            found.append(matrix[:n])
    return found


@pytest.mark.parametrize("plain_up_to", [0, 5, 128])
@pytest.mark.parametrize("inner", [0, 1, 2])
def test_packed_bert_computes_what_transformers_does(model, inner, plain_up_to, monkeypatch):
    monkeypatch.setattr("llmexam.lm.encoding.encoders._PLAIN_ATTENTION_TOKENS", plain_up_to)
    packed = PackedBert(model, torch.float32, CPU)
    with torch.inference_mode():
        for ids, last, own in zip(
            BATCH,
            texts_of(packed(BATCH, inner)),
            texts_of(packed(BATCH, inner), "inner"),
            strict=True,
        ):
            expected = model(input_ids=torch.tensor([ids]), output_hidden_states=True)
            torch.testing.assert_close(last, expected.last_hidden_state[0], atol=1e-5, rtol=0)
            torch.testing.assert_close(
                own, expected.hidden_states[-1 - inner][0], atol=1e-5, rtol=0
            )


def test_padded_and_packed_agree(model):
    padded = PaddedEncoder(model, 0, CPU)
    packed = PackedBert(model, torch.float32, CPU)
    with torch.inference_mode():
        for what in ("last", "inner"):
            pairs = zip(
                texts_of(padded(BATCH, 1), what), texts_of(packed(BATCH, 1), what), strict=True
            )
            for one, other in pairs:
                torch.testing.assert_close(one, other, atol=1e-5, rtol=0)


@pytest.mark.parametrize("kind", [PackedBert, PaddedEncoder])
@pytest.mark.parametrize("inner", [3, -1])
def test_a_layer_that_is_not_there_is_an_error(model, kind, inner):
    encoder = kind(model, torch.float32 if kind is PackedBert else 0, CPU)
    with pytest.raises(ModelError, match="the model has 3"):
        list(encoder(BATCH, inner))


def test_only_plain_bert_is_packed(model):
    assert can_pack(model.config)
    model.config.hidden_act = "relu"
    assert not can_pack(model.config)
