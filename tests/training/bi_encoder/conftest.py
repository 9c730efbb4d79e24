"""A tiny bi-encoder with random weights, and a skill that it can learn: which words are pairs."""

import random

import pytest

from llmexam.exam.exam import Exam
from llmexam.exam.question import Passage, Question

N_PAIRS = 12
WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "what", "goes", "with", "and", "."]
WORDS += [f"{kind}{i}" for kind in "ab" for i in range(N_PAIRS)]


@pytest.fixture(scope="session")
def tiny_base(tmp_path_factory):
    """The folder of a bi-encoder with two layers of width 16, as sentence-transformers saves it."""
    torch = pytest.importorskip("torch")
    transformers = pytest.importorskip("transformers")
    library = pytest.importorskip("sentence_transformers")
    transformers.utils.logging.disable_progress_bar()
    torch.manual_seed(0)
    config = transformers.BertConfig(
        vocab_size=len(WORDS),
        hidden_size=16,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=32,
        max_position_embeddings=32,
    )
    place = tmp_path_factory.mktemp("bi_encoder")
    bare, folder = place / "bare", place / "base"
    transformers.BertModel(config).save_pretrained(bare)
    (bare / "vocab.txt").write_text("\n".join(WORDS), "utf-8")
    transformers.BertTokenizerFast(vocab=str(bare / "vocab.txt")).save_pretrained(bare)
    model = library.SentenceTransformer(str(bare), device="cpu")
    model.save_pretrained(str(folder), create_model_card=False)
    return folder


def pairs_exam(n_questions, *, seed=0, passages=False):
    """Return questions whose right option is the word that goes with the one in the prompt."""
    draw = random.Random(seed)
    questions = []
    for i in range(n_questions):
        right = i % N_PAIRS
        others = draw.sample([n for n in range(N_PAIRS) if n != right], 4)
        order = [right, *others]
        draw.shuffle(order)
        told = (Passage(f"a{right} and b{right} ."),) if passages else ()
        questions.append(
            Question(
                f"q{seed}-{i}",
                f"what goes with a{right}",
                tuple(f"b{n}" for n in order),
                order.index(right),
                told,
            )
        )
    return Exam(tuple(questions))


@pytest.fixture(scope="session")
def make_exam():
    """Return the function that makes exams."""
    return pairs_exam
