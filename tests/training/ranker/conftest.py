import numpy as np
import pytest

from llmexam.exam.exam import Exam
from llmexam.exam.question import Passage, Question
from llmexam.tracking.tracker import NoTracker
from llmexam.training.ranker.settings import RankerTrainingSettings
from llmexam.training.ranker.trainer import RankerTrainer


@pytest.fixture(scope="session")
def exam():
    """Questions whose right option is backed by the passage, or is the longest, more often."""
    rng = np.random.default_rng(0)
    words = np.array(["salt", "gold", "iron", "melts", "boils", "blue", "red", "seven", "water"])
    questions = []
    for i in range(90):
        options = [" ".join(rng.choice(words, rng.integers(2, 6))) for _ in range(4)]
        answer = int(rng.integers(4))
        if rng.random() < 0.5:
            options[answer] += " and more words of it"
        backed = options[answer] if rng.random() < 0.6 else options[int(rng.integers(4))]
        passage = Passage(f"It is known of case {i} that {backed}. Nothing else is known.")
        questions.append(
            Question(f"q{i}", f"What of case {i}?", tuple(options), answer, (passage,))
        )
    return Exam(tuple(questions))


SMALL = {
    "members": ["lexical", "longest"],
    "max_rounds": 20,
    "min_leaf_options": 10,
    "n_folds": 3,
    "n_inner_folds": 2,
    "member_gains": False,
}


def train(exam, folder, dev=None, **changes):
    trainer = RankerTrainer(RankerTrainingSettings.parse({**SMALL, **changes}, subject="test"))
    return trainer.fit(exam, dev, folder, card={}, tracker=NoTracker())


@pytest.fixture(scope="session")
def trained(exam, tmp_path_factory):
    """A small ranker of both kinds over two solvers, and its checkpoint."""
    return train(exam, tmp_path_factory.mktemp("ranker"))
