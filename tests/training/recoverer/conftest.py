import random

import pytest

pytest.importorskip("torch")
pytest.importorskip("transformers")
pytest.importorskip("peft")

from llmexam.recovery.rewrites import Rewrite, RewriteExam

N_WORDS = 16
# What is done to the words, and the prompt that asks for it.
TASKS = {
    "put w0 first": lambda words: ["w0", *words],
    "put w1 first": lambda words: ["w1", *words],
    "repeat the first word": lambda words: [words[0], *words],
}


def word_tokenizer():
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    special = ["<pad>", "<unk>", "<s>", "</s>"]
    words = ["Original", "Rewritten", "text", ":", "Prompt", "."]
    words += ["first", "put", "repeat", "the", "word", *(f"w{i}" for i in range(N_WORDS))]
    vocabulary = {word: i for i, word in enumerate([*special, *words])}
    core = Tokenizer(models.WordLevel(vocabulary, unk_token="<unk>"))
    core.pre_tokenizer = pre_tokenizers.Whitespace()
    return PreTrainedTokenizerFast(
        tokenizer_object=core,
        pad_token="<pad>",
        unk_token="<unk>",
        bos_token="<s>",
        eos_token="</s>",
    )


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


def rewrites(n_rows, seed=0):
    """Rewrites whose prompt can be told from the texts."""
    draw = random.Random(seed)
    rows = []
    for i in range(n_rows):
        words = [f"w{draw.randrange(2, N_WORDS)}" for _ in range(draw.randint(2, 9))]
        prompt = draw.choice(sorted(TASKS))
        rewritten = " ".join(TASKS[prompt](words))
        rows.append(Rewrite(f"r{seed}-{i}", " ".join(words), rewritten, prompt))
    return RewriteExam(tuple(rows), source=f"rows {seed}")


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
