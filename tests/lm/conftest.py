"""A tiny BERT with random weights, and a folder of it as sentence-transformers writes one."""

import json

import pytest

WORDS = "[PAD] [UNK] [CLS] [SEP] [MASK] blue sky is the red sea not a we see today ##s ."


@pytest.fixture
def tiny_folder(tmp_path):
    """Return a function that writes a tiny model folder; keywords change its configuration."""
    torch = pytest.importorskip("torch")
    transformers = pytest.importorskip("transformers")

    def make(pooling="mean", n_layers=2, family="bert", modules=True, **limits):
        folder = tmp_path / f"tiny-{family}-{pooling}"
        folder.mkdir()
        vocabulary = WORDS.split()
        size = dict(
            vocab_size=len(vocabulary),
            hidden_size=16,
            num_hidden_layers=n_layers,
            num_attention_heads=2,
            intermediate_size=32,
            max_position_embeddings=32,
        )
        torch.manual_seed(0)
        if family == "bert":
            model = transformers.BertModel(transformers.BertConfig(**size))
        elif family == "t5":
            model = transformers.T5Model(
                transformers.T5Config(
                    vocab_size=len(vocabulary),
                    d_model=16,
                    d_kv=8,
                    d_ff=32,
                    num_layers=2,
                    num_heads=2,
                )
            )
        else:
            model = transformers.ElectraModel(transformers.ElectraConfig(embedding_size=16, **size))
        with torch.no_grad():
            # Fresh biases are 0 and norms 1, which would hide a mix-up.
            for parameter in model.parameters():
                parameter.add_(torch.randn_like(parameter) * 0.2)
        model.save_pretrained(folder)
        (folder / "vocab.txt").write_text("\n".join(vocabulary), "utf-8")
        transformers.BertTokenizerFast(vocab=str(folder / "vocab.txt")).save_pretrained(folder)
        if modules:
            kinds = [("Transformer", ""), ("Pooling", "1_Pooling"), ("Normalize", "2_Normalize")]
            write(
                folder / "modules.json",
                [{"type": f"sentence_transformers.models.{k}", "path": p} for k, p in kinds],
            )
            write(folder / "1_Pooling" / "config.json", {f"pooling_mode_{pooling}_tokens": True})
            write(folder / "sentence_bert_config.json", {"max_seq_length": 24, **limits})
        return folder

    return make


def write(path, value):
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(value), "utf-8")
