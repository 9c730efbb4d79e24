"""The check by embeddings, with the bundled model."""

import pickle

import pytest

from llmexam.authoring.checks.meaning import MeaningCheck, MeaningSettings

pytestmark = pytest.mark.needs("encoders")


@pytest.mark.slow
def test_rejects_equal_and_unrelated_meaning(make):
    check = MeaningCheck(MeaningSettings(min_cosine=0.2, max_cosine=0.8))
    good = make(options=("oxygen", "nitrogen", "hydrogen"))
    equal = make(options=("the oxygen gas", "oxygen gas", "hydrogen"))
    unrelated = make(options=("oxygen", "nitrogen", "a parliament in session"))
    found = check.judge([good, equal, unrelated, make(answer=None)])
    assert found[0] is None
    assert found[1].startswith("'oxygen gas' means the same")
    assert found[2].startswith("'a parliament in session' is unrelated")
    assert found[3] is None
    assert pickle.loads(pickle.dumps(check)).judge([equal])[0] == found[1]


def test_nothing_is_loaded_for_no_questions():
    assert MeaningCheck(MeaningSettings(model="no-such-model")).judge([]) == []
