import pytest

pytest.importorskip("torch")
pytest.importorskip("transformers")
pytest.importorskip("peft")

from tests.training.tiny_rewrites import rewrites, word_tokenizer


@pytest.fixture(scope="session")
def base_folder(tmp_path_factory):
    """A tiny Llama with random weights and a tokenizer of words."""
    import torch
    import transformers

    folder = tmp_path_factory.mktemp("base")
    tokenizer = word_tokenizer()
    torch.manual_seed(0)
    config = transformers.LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=128,
        initializer_range=0.1,
        pad_token_id=0,
        bos_token_id=2,
        eos_token_id=3,
    )
    transformers.LlamaForCausalLM(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


@pytest.fixture(scope="session")
def make_rewrites():
    """Return a function that makes rewrites whose prompt can be told from the texts."""
    return rewrites


@pytest.fixture(scope="session")
def settings_for(base_folder):
    """Return a function that makes settings for the tiny model."""
    from llmexam.training.recoverer.settings import RecovererTrainingSettings

    def make(**values):
        given = {
            "model": str(base_folder),
            "prompting": {"instructions": "text", "max_text_tokens": 16},
            "batch_size": 8,
            "learning_rate": 3e-3,
            "lora": {"r": 4, "alpha": 8, "dropout": 0.1},
            "precision": "fp32",
            "device": "cpu",
            "log_every": 1,
            **values,
        }
        return RecovererTrainingSettings.parse(given, subject="test")

    return make
