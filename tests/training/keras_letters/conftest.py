import random

import pytest
from tests.tiny_gemma import save_tiny

from llmexam.exam.exam import Exam
from llmexam.exam.question import Passage, Question

N_WORDS = 8
TEMPLATE = """mode: letters
question: |
  {% if context %}
  {{ context }}
  {% endif %}
  {{ prompt }}
  {% for option in options %}
  {{ option.letter }} {{ option.text }}
  {% endfor %}
  answer
answer: " {{ letter }}"
"""


def word_tokenizer():
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    words = ["<pad>", "<unk>", "<s>", "</s>", "which", "?", "answer", ".", *"ABCDEF"]
    words += [f"w{i}" for i in range(N_WORDS)]
    core = Tokenizer(models.WordLevel({w: i for i, w in enumerate(words)}, unk_token="<unk>"))
    core.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    return PreTrainedTokenizerFast(
        tokenizer_object=core,
        pad_token="<pad>",
        unk_token="<unk>",
        bos_token="<s>",
        eos_token="</s>",
    )


@pytest.fixture(scope="session")
def base_folder(tmp_path_factory):
    """A tiny Gemma 3 with random weights and a tokenizer of words."""
    folder = tmp_path_factory.mktemp("base")
    return save_tiny(folder, tokenizer=word_tokenizer(), hidden_size=32, sliding_window=64)


@pytest.fixture(scope="session")
def make_exam():
    """Return a function that makes questions whose right option is the word of the evidence."""

    def make(n_questions, seed=0, n_options=4):
        draw = random.Random(seed)
        questions = []
        for i in range(n_questions):
            options = tuple(f"w{j}" for j in draw.sample(range(N_WORDS), n_options))
            answer = draw.randrange(n_options)
            passage = Passage(f"{options[answer]} .")
            questions.append(Question(f"q{seed}-{i}", "which ?", options, answer, (passage,)))
        return Exam(tuple(questions))

    return make


@pytest.fixture(scope="session")
def settings_for(base_folder, tmp_path_factory):
    """Return a function that makes settings for the tiny model."""
    from llmexam.training.keras_letters.settings import KerasLettersTrainingSettings

    template = tmp_path_factory.mktemp("template") / "own.yaml"
    template.write_text(TEMPLATE)

    def make(encoding=None, **values):
        given = {
            "model": str(base_folder),
            "encoding": {"template": str(template), "passages": 1, **(encoding or {})},
            "batch_size": 8,
            "n_epochs": 1,
            "learning_rate": 1e-2,
            "precision": "fp32",
            "device": "cpu",
            "log_every": 1,
            "length_multiple": 8,
            **values,
        }
        return KerasLettersTrainingSettings.parse(given, subject="test")

    return make
