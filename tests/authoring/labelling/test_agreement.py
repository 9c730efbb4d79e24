import json

import numpy as np
import pytest

from llmexam.authoring.labelling.agreement import (
    cohen_kappa,
    krippendorff_alpha,
    measure_agreement,
)
from llmexam.authoring.labelling.labels import Label
from llmexam.errors import ExamError

REASON = {"accept": (), "mend": (), "reject": ("unclear",)}
MENDED = {"prompt": "P?", "options": ["a", "b"], "answer": 0}


def decided(name, decisions, start=0):
    return [
        Label(
            id=f"q{i}",
            question="h",
            labeller=name,
            kind="decision",
            decision=one,
            reasons=REASON[one],
            mended=MENDED if one == "mend" else None,
        )
        for i, one in enumerate(decisions, start)
    ]


def test_kappa_of_a_published_table():
    # Cohen's kappa of 50 grant proposals, 20 / 5 / 10 / 15: 0.4.
    a = ["accept"] * 25 + ["reject"] * 25
    b = ["accept"] * 20 + ["reject"] * 5 + ["accept"] * 10 + ["reject"] * 15
    result = measure_agreement([*decided("a", a), *decided("b", b)])
    (pair,) = result.pairs
    assert pair.kappa == pytest.approx(0.4)
    assert pair.raw == pytest.approx(0.7)
    assert pair.low < 0.4 < pair.high
    assert pair.confusion == ((20, 0, 5), (0, 0, 0), (10, 0, 15))
    assert len(pair.disagreements) == 15
    json.dumps(result.as_dict(), allow_nan=False)


@pytest.mark.slow
def test_kappa_agrees_with_scikit_learn():
    sklearn = pytest.importorskip("sklearn.metrics")
    rng = np.random.default_rng(0)
    for _ in range(5):
        a, b = rng.integers(0, 3, 60), rng.integers(0, 3, 60)
        table = np.zeros((3, 3))
        np.add.at(table, (a, b), 1)
        assert cohen_kappa(table) == pytest.approx(sklearn.cohen_kappa_score(a, b))


def test_the_interval_covers_the_true_kappa():
    rng = np.random.default_rng(1)
    hits = 0
    for seed in range(40):
        truth = rng.random(80) < 0.5
        a, b = (np.where(rng.random(80) < 0.9, truth, ~truth) for _ in range(2))
        labels = [
            *decided("a", ["accept" if x else "reject" for x in a]),
            *decided("b", ["accept" if x else "reject" for x in b]),
        ]
        (pair,) = measure_agreement(labels, seed=seed, n_resamples=300).pairs
        # Both agree with probability 0.82, and by chance with 0.5.
        hits += pair.low <= 0.64 <= pair.high
    assert hits >= 33


def test_krippendorffs_own_example():
    # Krippendorff (2011), nominal data with missing values: alpha = 0.743.
    rows = [
        [1, 2, 3, 3, 2, 1, 4, 1, 2, None, None, None],
        [1, 2, 3, 3, 2, 2, 4, 1, 2, 5, None, 3],
        [None, 3, 3, 3, 2, 3, 4, 2, 2, 5, 1, None],
        [1, 2, 3, 3, 2, 4, 4, 1, 2, 5, 1, None],
    ]
    decisions = [{str(i): str(v) for i, v in enumerate(row) if v is not None} for row in rows]
    assert krippendorff_alpha(decisions, "12345") == pytest.approx(0.743, abs=0.0005)


def test_one_category_alone_has_no_kappa():
    labels = [*decided("a", ["accept"] * 5), *decided("b", ["accept"] * 5)]
    result = measure_agreement(labels)
    assert (result.pairs[0].kappa, result.pairs[0].low, result.alpha) == (None, None, None)
    assert result.pairs[0].raw == 1


def test_usable_compares_kept_with_rejected():
    labels = [
        *decided("a", ["accept", "mend", "reject"]),
        *decided("b", ["mend", "accept", "reject"]),
    ]
    assert measure_agreement(labels).pairs[0].raw == pytest.approx(1 / 3)
    result = measure_agreement(labels, usable=True)
    assert (result.pairs[0].raw, result.pairs[0].kappa) == (1, 1)


def test_only_shared_questions_count_and_all_pairs_are_compared():
    labels = [
        *decided("a", ["accept", "reject"]),
        *decided("b", ["accept", "accept"], start=1),
        *decided("c", ["accept"], start=9),
    ]
    result = measure_agreement(labels)
    assert [(pair.a, pair.b, pair.n) for pair in result.pairs] == [("a", "b", 1)]
    assert result.n_decided == {"a": 2, "b": 2, "c": 1}
    assert result.labellers == ("a", "b", "c")


def test_blind_answers_are_compared_with_the_key():
    def answer(i, choice):
        return Label(id=f"q{i}", question="h", labeller="a", kind="answer", choice=choice)

    labels = [
        answer(0, 1),
        answer(0, 0),
        answer(1, 1),
        *decided("a", ["accept"]),
        *decided("b", ["accept"]),
    ]
    # The first answer to q0 counts.
    assert measure_agreement(labels, keys={"q0": 0, "q1": 1}).answers == {"a": (1, 2)}


def test_one_labeller_is_an_error():
    with pytest.raises(ExamError, match="at least two labellers, got 1"):
        measure_agreement(decided("a", ["accept"]))


def test_labels_of_other_versions_of_a_question_are_not_compared():
    first, second = decided("a", ["accept", "reject"]), decided("b", ["accept", "accept"])
    other = [label.model_copy(update={"question": "other"}) for label in second]

    with pytest.raises(ExamError, match="'q0' changed since 'b' labelled it"):
        measure_agreement([*first, *other])
    with pytest.raises(ExamError, match="'q0' changed since 'a' labelled it"):
        measure_agreement([*first, *second], hashes={"q0": "new"})
