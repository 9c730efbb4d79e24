import random

import pytest

pytest.importorskip("torch")
pytest.importorskip("transformers")
pytest.importorskip("peft")

from llmexam.exam.exam import Exam
from llmexam.exam.question import Passage, Question

N_WORDS = 24
OPTIONS = """\
mode: options
question: "{{ context }} {{ prompt }}"
answer: " {{ option }}"
"""
LETTERS = """\
mode: letters
question: >-
  {{ context }} {{ prompt }}{% for o in options %} {{ o.letter }} {{ o.text }}{% endfor %} is
answer: " {{ letter }}"
"""
YES_NO = """\
mode: yes-no
question: "{{ context }} {{ prompt }} {{ option }} is"
answer: " {{ verdict }}"
"""
BINARY_HEAD = """\
mode: binary-head
question: "{{ context }} {{ prompt }} {{ option }}"
"""


def tiny_tokenizer(n_words=N_WORDS):
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    words = ["<pad>", "<unk>", "<s>", "</s>", *"ABCDE", "which", "?", "is", ".", "said"]
    words += ["yes", "no", *(f"w{i}" for i in range(n_words))]
    core = Tokenizer(models.WordLevel({w: i for i, w in enumerate(words)}, unk_token="<unk>"))
    core.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    return PreTrainedTokenizerFast(
        tokenizer_object=core,
        pad_token="<pad>",
        unk_token="<unk>",
        bos_token="<s>",
        eos_token="</s>",
    )


def make_model(**changes):
    import torch
    import transformers

    torch.manual_seed(0)
    values = {
        "vocab_size": len(tiny_tokenizer()),
        "hidden_size": 32,
        "intermediate_size": 64,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "max_position_embeddings": 1024,
        "initializer_range": 0.1,
        "pad_token_id": 0,
        "bos_token_id": 2,
        "eos_token_id": 3,
    }
    return transformers.LlamaForCausalLM(transformers.LlamaConfig(**{**values, **changes}))


@pytest.fixture(scope="session")
def base_folder(tmp_path_factory):
    """A tiny Llama with random weights and a tokenizer of words."""
    folder = tmp_path_factory.mktemp("base")
    make_model().save_pretrained(folder)
    tiny_tokenizer().save_pretrained(folder)
    return folder


@pytest.fixture(scope="session")
def make_folder(base_folder):
    """Return a function that writes a random Llama of another shape into a folder."""
    import transformers

    def make(folder, **changes):
        make_model(**changes).save_pretrained(folder)
        transformers.AutoTokenizer.from_pretrained(base_folder).save_pretrained(folder)
        return folder

    return make


@pytest.fixture(scope="session")
def templates(tmp_path_factory):
    """Prompt templates of few words, by mode."""
    folder = tmp_path_factory.mktemp("templates")
    paths = {}
    texts = {"options": OPTIONS, "letters": LETTERS, "yes-no": YES_NO, "binary-head": BINARY_HEAD}
    for mode, text in texts.items():
        paths[mode] = str(folder / f"{mode}.yaml")
        (folder / f"{mode}.yaml").write_text(text)
    return paths


@pytest.fixture(scope="session")
def make_exam():
    """Return a function that makes questions whose context states the right option."""

    def make(n_questions, seed=0, *, n_options=5, n_words=1, shuffled_labels=False):
        draw = random.Random(seed)
        questions = []
        for i in range(n_questions):
            words = draw.sample(range(N_WORDS), n_options * n_words)
            options = [
                " ".join(f"w{w}" for w in words[j * n_words : (j + 1) * n_words])
                for j in range(n_options)
            ]
            answer = draw.randrange(n_options)
            others = [f"w{draw.randrange(N_WORDS)}" for _ in range(draw.randint(1, 4))]
            passage = Passage(f"{' '.join(others)} . said {options[answer]} .")
            label = draw.randrange(n_options) if shuffled_labels else answer
            questions.append(Question(f"q{i}", "which ?", tuple(options), label, (passage,)))
        return Exam(tuple(questions))

    return make


@pytest.fixture(scope="session")
def settings_for(base_folder, templates):
    """Return a function that makes settings for the tiny model."""
    from llmexam.training.causal_lm.settings import CausalLmTrainingSettings

    def make(mode="options", **values):
        encoding = {"template": templates[mode], "norm": "sum", "max_tokens": 64}
        given = {
            "model": str(base_folder),
            "batch_size": 8,
            "n_epochs": 1,
            "learning_rate": 3e-3,
            "precision": "fp32",
            "device": "cpu",
            "log_every": 1,
            **values,
            "encoding": {**encoding, **values.get("encoding", {})},
        }
        return CausalLmTrainingSettings.parse(given, subject="test")

    return make
