import numpy as np
import pytest

from llmexam.exam.question import Passage, Question
from llmexam.exam.scores import ScoreMatrix
from llmexam.solvers.protocol import OptionFeatures
from llmexam.solvers.ranker.encoding import encode_options
from llmexam.solvers.ranker.texts import TEXT_COLUMNS
from llmexam.testing import example_questions

QUESTION = Question(
    "q", "Which is NOT red?", ("a red rose", "all of the above", "a rose"), 0, (Passage("12345"),)
)


def columns(question, scores=None, features=None):
    """Columns by name, in the order of the options."""
    table = encode_options([question], scores or {}, features or {})
    return {
        name: table.restore(0, table.rows[0][:, i]).tolist() for i, name in enumerate(table.names)
    }


def test_scores_are_set_against_those_of_the_other_options():
    found = columns(QUESTION, {"m": ScoreMatrix.from_rows(["q"], [[1.0, 4.0, 1.0]])})
    assert found["m/score"] == [1, 4, 1]
    assert found["m/z"] == pytest.approx([-(0.5**0.5), 2**0.5, -(0.5**0.5)])
    assert found["m/margin"] == [-3, 3, -3]
    assert found["m/rank"] == [2.5, 1, 2.5]
    assert np.exp(found["m/log_softmax"]).sum() == pytest.approx(1)
    assert found["m/log_softmax"][1] - found["m/log_softmax"][0] == pytest.approx(3)


def test_a_member_that_says_nothing_has_neutral_columns():
    found = columns(QUESTION, {"m": ScoreMatrix.from_rows(["q"], [[0.1, 0.1, 0.1]])})
    assert found["m/z"] == [0, 0, 0]
    assert found["m/margin"] == [0, 0, 0]
    assert found["m/rank"] == [2, 2, 2]


def test_features_are_set_against_the_question_and_may_be_missing():
    rows = (np.array([[1.0, np.nan], [2.0, np.nan], [6.0, np.nan]]),)
    found = columns(QUESTION, features={"m": OptionFeatures(("a", "b"), rows)})
    assert found["m/a"] == [1, 2, 6]
    assert found["m/a_from_mean"] == [-2, -1, 3]
    assert found["m/a_from_best"] == [-5, -4, 0]
    assert np.isnan(found["m/b_from_mean"]).all()


def test_texts_are_described():
    found = columns(QUESTION)
    assert tuple(found) == TEXT_COLUMNS
    assert found["characters"] == pytest.approx(np.log1p([10, 16, 6]))
    assert found["length_rank"] == [2, 1, 3]
    assert found["means_all"] == [0, 1, 0]
    assert found["means_none"] == [0, 0, 0]
    assert found["is_negated"] == [1, 1, 1]
    assert found["n_options"] == [3, 3, 3]
    assert found["evidence_characters"] == pytest.approx(np.log1p([5, 5, 5]))
    # {a red rose} and {a rose} share 2 of 3 words; nothing with the other.
    assert found["centrality"] == pytest.approx([1 / 3, 0, 1 / 3])
    assert found["prompt_overlap"] == pytest.approx([1 / 3, 0, 0])


@pytest.mark.parametrize("index", range(len(example_questions())))
def test_rows_are_the_same_to_the_last_bit_wherever_options_stand(index):
    question = example_questions()[index]
    rng = np.random.default_rng(0)
    values = rng.normal(size=len(question.options)).astype(np.float32)
    measured = rng.normal(size=(len(values), 3))
    order = rng.permutation(len(values))

    def encode(asked, own, rows):
        scores = {"m": ScoreMatrix.from_rows([asked.id], [own])}
        features = {"m": OptionFeatures(("a", "b", "c"), (rows,))}
        return encode_options([asked], scores, features)

    straight = encode(question, values, measured)
    turned = encode(question.with_option_order(order), values[order], measured[order])
    assert straight.rows[0].tobytes() == turned.rows[0].tobytes()
    assert order[turned.orders[0]].tolist() == straight.orders[0].tolist()


def test_columns_can_be_kept_and_questions_chosen():
    table = encode_options(example_questions(), {}, {})
    part = table.keep(["centrality", "characters"]).subset([3, 0])
    assert part.names == ("centrality", "characters")
    assert [len(rows) for rows in part.rows] == [4, 2]
    at = [table.names.index(name) for name in part.names]
    assert part.rows[0].tolist() == table.rows[3][:, at].tolist()
