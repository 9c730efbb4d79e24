import numpy as np
import pytest

from llmexam.exam.exam import Exam
from llmexam.exam.question import Question
from llmexam.exam.scores import ScoreMatrix
from llmexam.lm.models.card import ModelCard
from llmexam.training.folds import train_folds
from llmexam.training.trained_model import write_trained_model

EXAM = Exam(tuple(Question(f"q{i}", f"prompt {i // 2}", ("a", "b", "c"), i % 3) for i in range(20)))
CARD = {"base_model": "none", "base_weights_hash": ""}


class Remembers:
    """A trainer whose model knows which questions it has seen."""

    settings = None
    n_fitted = 0

    def __init__(self, fail_at=None):
        self._fail_at = fail_at

    def fit(self, train, dev, folder, *, card, tracker, resume=True):
        if type(self).n_fitted == self._fail_at:
            raise KeyboardInterrupt
        type(self).n_fitted += 1
        text = "\n".join(train.ids)
        return write_trained_model(
            folder, lambda to: (to / "seen.txt").write_text(text), ModelCard(family="x", **card)
        )


def score(folder, exam):
    seen = set((folder / "seen.txt").read_text().split())
    rows = [[float(q.id in seen), float(q.id[1:]), 0.0] for q in exam]
    return ScoreMatrix.from_rows(exam.ids, rows)


@pytest.fixture(autouse=True)
def _count():
    Remembers.n_fitted = 0


def test_no_question_is_scored_by_a_model_that_saw_it(tmp_path):
    made = []
    done = train_folds(
        lambda number: made.append(number) or Remembers(),
        EXAM, 4, tmp_path, score=score, card=CARD,
    )  # fmt: skip
    assert done.scores.question_ids == EXAM.ids
    assert not done.scores.values[:, 0].any()
    assert done.scores.values[:, 1].tolist() == list(range(20))
    assert (made, len(done.models)) == ([0, 1, 2, 3], 4)
    folds = np.array(done.fold_of)
    assert (folds[0::2] == folds[1::2]).all()  # equal prompts are in one fold
    for number, model in enumerate(done.models):
        seen = set((model.folder / "seen.txt").read_text().split())
        assert seen == {q for q, fold in zip(EXAM.ids, done.fold_of, strict=True) if fold != number}


def test_the_card_of_a_fold_names_what_its_model_saw(tmp_path):
    card = {**CARD, "data": {"train": EXAM.content_hash, "dev": "d"}}
    folds = train_folds(lambda n: Remembers(), EXAM, 4, tmp_path, score=score, card=card)
    named = [model.card.data["train"] for model in folds.models]
    assert len(set(named) - {EXAM.content_hash}) == 4
    seen = EXAM.subset([i for i, fold in enumerate(folds.fold_of) if fold != 0])
    assert named[0] == seen.content_hash
    assert folds.models[0].card.data["dev"] == "d"


@pytest.mark.slow
def test_finished_folds_are_not_done_again(tmp_path):
    def go(fail_at=None, score=score):
        return train_folds(
            lambda number: Remembers(fail_at), EXAM, 3, tmp_path, score=score, card=CARD
        )

    with pytest.raises(KeyboardInterrupt):
        go(fail_at=2)
    assert Remembers.n_fitted == 2
    whole = go()
    assert Remembers.n_fitted == 3

    def never(folder, exam):
        raise AssertionError("scored again")

    again = go(score=never)
    assert Remembers.n_fitted == 3
    assert (again.scores.values == whole.scores.values).all()
