from types import SimpleNamespace

import numpy as np
import pytest

from llmexam.errors import ModelError
from llmexam.lm.encoding.batching import longest_input, token_batches

transformers = pytest.importorskip("transformers")


@pytest.mark.parametrize(
    ("family", "settings", "longest"),
    [
        ("BertConfig", {"max_position_embeddings": 40}, 40),
        ("RobertaConfig", {"max_position_embeddings": 42, "pad_token_id": 1}, 40),
        ("DebertaV2Config", {"max_position_embeddings": 40}, 40),
        (
            "DebertaV2Config",
            {"max_position_embeddings": 40, "position_biased_input": False},
            None,
        ),
        ("T5Config", {}, None),
    ],
    ids=["bert", "roberta", "deberta-absolute", "deberta-relative", "t5"],
)
def test_the_longest_input_is_that_of_the_table_of_places(family, settings, longest):
    assert longest_input(getattr(transformers, family)(**settings)) == longest


def test_a_model_with_relative_places_reads_more_than_it_names(tmp_path):
    torch = pytest.importorskip("torch")
    from llmexam.lm.models.loading import resolve_model
    from llmexam.lm.readers.reader import load_reader
    from llmexam.lm.readers.sequence_scoring import load_sequence_scorer

    def scorer(biased):
        config = transformers.DebertaV2Config(
            vocab_size=30,
            hidden_size=16,
            num_hidden_layers=1,
            num_attention_heads=2,
            intermediate_size=32,
            max_position_embeddings=8,
            position_biased_input=biased,
            relative_attention=True,
            pos_att_type=["c2p", "p2c"],
            type_vocab_size=0,
        )
        torch.manual_seed(0)
        body = tmp_path / f"body-{biased}"
        transformers.DebertaV2Model(config).save_pretrained(body)
        load_reader(resolve_model(str(body)), head="mean", new_head=True).save(
            tmp_path / f"reader-{biased}"
        )
        return load_sequence_scorer(resolve_model(str(tmp_path / f"reader-{biased}")), head="mean")

    long = [SimpleNamespace(ids=list(range(3, 20)), types=[0] * 17)]
    assert np.isfinite(scorer(biased=False).score(long)).all()
    with pytest.raises(ModelError, match="limit of 8"):
        scorer(biased=True).score(long)


def test_batches_hold_all_in_order_and_count_padding():
    lengths = np.array([5, 4, 4, 2, 1])
    order = np.arange(5)
    packed = token_batches(order, lengths, 9, pads=False)
    assert [batch.tolist() for batch in packed] == [[0, 1], [2, 3, 4]]
    padded = token_batches(order, lengths, 9, pads=True)
    assert [batch.tolist() for batch in padded] == [[0], [1, 2], [3, 4]]
    assert [batch.tolist() for batch in token_batches(order, lengths, 1, pads=False)] == [
        [0],
        [1],
        [2],
        [3],
        [4],
    ]
