import pytest

from llmexam.errors import ModelError
from llmexam.lm.models.loading import load_encoder, resolve_model

torch = pytest.importorskip("torch")

from llmexam.lm.encoding.encoders import PackedEncoder, PaddedEncoder  # noqa: E402
from llmexam.lm.encoding.packed_bert import PackedBert, can_pack  # noqa: E402
from llmexam.lm.encoding.prepared_bert import prepare_bert  # noqa: E402

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


def packed(model, prepared=True, dtype=torch.float32):
    bert = prepare_bert(model, dtype, CPU) if prepared else PackedBert.of_modules(model)
    return PackedEncoder(bert, CPU)


@pytest.mark.parametrize("plain_up_to", [0, 5, 128])
@pytest.mark.parametrize("inner", [0, 1, 2])
@pytest.mark.parametrize("prepared", [True, False])
def test_packed_bert_computes_what_transformers_does(
    model, inner, plain_up_to, prepared, monkeypatch
):
    monkeypatch.setattr("llmexam.lm.encoding.prepared_bert._PLAIN_TOKENS", plain_up_to)
    encoder = packed(model, prepared)
    with torch.inference_mode():
        parts = list(encoder(BATCH, inner))
        for ids, last, own in zip(BATCH, texts_of(parts), texts_of(parts, "inner"), strict=True):
            expected = model(input_ids=torch.tensor([ids]), output_hidden_states=True)
            torch.testing.assert_close(last, expected.last_hidden_state[0], atol=1e-5, rtol=0)
            torch.testing.assert_close(
                own, expected.hidden_states[-1 - inner][0], atol=1e-5, rtol=0
            )


@pytest.mark.parametrize("first_only", [True, False])
@pytest.mark.parametrize("prepared", [True, False])
@pytest.mark.parametrize(("dtype", "near"), [(torch.float32, 1e-5), (torch.bfloat16, 0.1)])
def test_token_types_and_first_tokens_are_those_of_transformers(
    model, first_only, prepared, dtype, near
):
    tokens = [torch.tensor(ids) for ids in BATCH]
    types = [torch.arange(len(ids)) % 2 for ids in BATCH]
    with torch.inference_mode():
        rows = [
            model(input_ids=ids[None], token_type_ids=kinds[None]).last_hidden_state[0]
            for ids, kinds in zip(tokens, types, strict=True)
        ]
        body = model if prepared else model.to(dtype)
        bert = prepare_bert(body, dtype, CPU) if prepared else PackedBert.of_modules(body)
        found = bert(
            torch.cat(tokens), torch.cat(types), [len(ids) for ids in BATCH], first_only=first_only
        )
    expected = torch.stack([row[0] for row in rows]) if first_only else torch.cat(rows)
    torch.testing.assert_close(found.float(), expected, atol=near, rtol=near)


def test_padded_and_packed_agree(model):
    padded = PaddedEncoder(model, 0, CPU)
    encoder = packed(model)
    with torch.inference_mode():
        for what in ("last", "inner"):
            pairs = zip(
                texts_of(padded(BATCH, 1), what), texts_of(encoder(BATCH, 1), what), strict=True
            )
            for one, other in pairs:
                torch.testing.assert_close(one, other, atol=1e-5, rtol=0)


@pytest.mark.parametrize("pads", [False, True])
@pytest.mark.parametrize("inner", [3, -1])
def test_a_layer_that_is_not_there_is_an_error(model, pads, inner):
    encoder = PaddedEncoder(model, 0, CPU) if pads else packed(model)
    with pytest.raises(ModelError, match="The model has 3"):
        list(encoder(BATCH, inner))


def test_only_plain_bert_is_packed(model):
    assert can_pack(model.config)
    model.config.hidden_act = "relu"
    assert not can_pack(model.config)
