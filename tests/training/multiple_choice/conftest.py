import random

import pytest

pytest.importorskip("torch")
pytest.importorskip("transformers")

from llmexam.exam.exam import Exam
from llmexam.exam.question import Passage, Question

N_WORDS = 12


@pytest.fixture(scope="session")
def base_folder(tmp_path_factory):
    """A tiny BERT with random weights and a word-level tokenizer, without a head."""
    import torch
    import transformers

    torch.manual_seed(0)
    folder = tmp_path_factory.mktemp("base")
    words = [f"w{i}" for i in range(N_WORDS)]
    vocab = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "which", "?", ".", *words, "##x"]
    tokenizer = transformers.BertTokenizerFast(vocab={word: i for i, word in enumerate(vocab)})
    config = transformers.BertConfig(
        vocab_size=len(vocab),
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=64,
        max_position_embeddings=64,
        hidden_dropout_prob=0.0,
        attention_probs_dropout_prob=0.0,
        initializer_range=0.2,
    )
    transformers.BertModel(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


@pytest.fixture(scope="session")
def make_exam():
    """Return a function that makes questions whose right option is a word of the evidence."""

    def make(n_questions, seed=0, *, n_options=4, shuffled_labels=False):
        draw = random.Random(seed)
        questions = []
        for i in range(n_questions):
            words = draw.sample(range(N_WORDS), n_options + 2)
            answer = draw.randrange(n_options)
            options = words[:n_options]
            said = [options[answer], *words[n_options:]]
            draw.shuffle(said)
            label = draw.randrange(n_options) if shuffled_labels else answer
            passage = Passage(" ".join(f"w{j}" for j in said) + " .")
            questions.append(
                Question(f"q{i}", "which ?", tuple(f"w{j}" for j in options), label, (passage,))
            )
        return Exam(tuple(questions))

    return make


@pytest.fixture(scope="session")
def settings_for(base_folder):
    """Return a function that makes settings for the tiny model."""
    from llmexam.training.multiple_choice.settings import MultipleChoiceTrainingSettings

    def make(**values):
        given = {
            "model": str(base_folder),
            "batch_size": 16,
            "n_epochs": 2,
            "learning_rate": 3e-3,
            "precision": "fp32",
            "device": "cpu",
            "log_every": 1,
            "encoding": {"max_tokens": 32},
            **values,
        }
        return MultipleChoiceTrainingSettings.parse(given, subject="test")

    return make
