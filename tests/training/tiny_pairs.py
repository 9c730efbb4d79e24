"""A tiny encoder with random weights, and skills that it can learn."""

import random

import pytest

from llmexam.exam.exam import Exam
from llmexam.exam.question import Passage, Question

N_WORDS = 8
WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "which", "is", "good", "and", "of", "."]
WORDS += [f"b{i}" for i in range(N_WORDS)] + [f"c{i}" for i in range(N_WORDS)]


@pytest.fixture(scope="session")
def tiny_base(tmp_path_factory):
    """The folder of an encoder with two layers of width 16."""
    torch = pytest.importorskip("torch")
    transformers = pytest.importorskip("transformers")
    pytest.importorskip("sentence_transformers")
    transformers.utils.logging.disable_progress_bar()
    torch.manual_seed(0)
    config = transformers.BertConfig(
        vocab_size=len(WORDS),
        hidden_size=16,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=32,
        max_position_embeddings=64,
    )
    folder = tmp_path_factory.mktemp("pairs") / "base"
    transformers.BertModel(config).save_pretrained(folder)
    (folder / "vocab.txt").write_text("\n".join(WORDS), "utf-8")
    transformers.BertTokenizerFast(vocab=str(folder / "vocab.txt")).save_pretrained(folder)
    return folder


def words_exam(n_questions, *, seed=0):
    """Return questions whose right option has a word that wrong ones never have: b0 or b1."""
    draw = random.Random(seed)
    questions = []
    for i in range(n_questions):
        right = draw.choice(["b0", "b1"])
        options = [f"{right} and {draw.choice(['c0', 'c1', 'c2', 'c3'])}"]
        options += [f"b{n} and c{draw.randrange(4)}" for n in draw.sample(range(2, N_WORDS), 3)]
        order = draw.sample(range(4), 4)
        questions.append(
            Question(
                f"q{seed}-{i}",
                f"which is good {i % 3}",
                tuple(options[n] for n in order),
                order.index(0),
                (Passage("which of c5 is c6 ."),) if i % 2 else (),
            )
        )
    return Exam(tuple(questions))


@pytest.fixture(scope="session")
def make_exam():
    """Return the function that makes exams."""
    return words_exam
