"""Tiny random models of each architecture, and their logits in Keras and in torch."""

import numpy as np
import torch
import transformers

from llmexam.lm.keras_models.arrays import float_array
from llmexam.lm.readers.reader import load_reader

SIZE = dict(
    vocab_size=30,
    hidden_size=16,
    num_hidden_layers=2,
    num_attention_heads=2,
    intermediate_size=32,
    max_position_embeddings=40,
)
V3 = dict(
    relative_attention=True,
    pos_att_type=["c2p", "p2c"],
    type_vocab_size=0,
    position_buckets=4,
    share_att_key=True,
    norm_rel_ebd="layer_norm",
    position_biased_input=False,
)
CONFIGS = {
    "bert": lambda **own: transformers.BertConfig(**SIZE | own),
    "deberta-v2": lambda **own: transformers.DebertaV2Config(**SIZE | V3 | own),
    "distilbert": lambda **own: transformers.DistilBertConfig(
        **dict(
            vocab_size=30, dim=16, n_layers=2, n_heads=2, hidden_dim=32, max_position_embeddings=40
        )
        | own
    ),
    "electra": lambda **own: transformers.ElectraConfig(**SIZE | dict(embedding_size=8) | own),
    "roberta": lambda **own: transformers.RobertaConfig(
        **SIZE | dict(type_vocab_size=1, pad_token_id=1) | own
    ),
    "xlm-roberta": lambda **own: transformers.XLMRobertaConfig(
        **SIZE | dict(type_vocab_size=1, pad_token_id=1) | own
    ),
}
LENGTHS = [9, 9, 4, 12, 2]


def padded_batch(reader):
    """Return padded inputs for a reader of a tiny model, and the mask."""
    shape = (len(LENGTHS), max(LENGTHS))
    generator = np.random.default_rng(0)
    mask = (np.arange(shape[1]) < np.array(LENGTHS)[:, None]).astype(np.int32)
    ids = np.where(mask, generator.integers(3, 30, shape), reader.pad_id).astype(np.int32)
    types = (generator.integers(0, 2, shape) * mask).astype(np.int32)
    given = {"token_ids": ids, "segment_ids": types, "padding_mask": mask}
    return {name: given[name] for name in reader.inputs}


def keras_logits(reader, batch):
    """Return a reader's logits of a padded batch, on any backend."""
    logits = reader.head(reader.backbone(batch), batch["padding_mask"])
    return float_array(logits)


def torch_logits(folder, head, batch):
    """Return the logits of our torch reader for the same batch."""
    reader = load_reader(folder, head=head)
    mask = batch["padding_mask"].astype(bool)
    types = batch.get("segment_ids", np.zeros_like(batch["token_ids"]))
    with torch.no_grad():
        logits = reader(
            torch.tensor(batch["token_ids"][mask].astype(np.int64)),
            torch.tensor(types[mask].astype(np.int64)),
            LENGTHS,
        )
    return logits.numpy()
