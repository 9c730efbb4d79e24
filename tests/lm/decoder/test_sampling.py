import numpy as np
import pytest

from llmexam.lm.decoder.sampling import Sampling, uniform_numbers


def test_random_numbers_belong_to_prompt_candidate_and_seed():
    some = Sampling(n=3, max_new_tokens=5, do_sample=True, seed=1)
    found = uniform_numbers([1, 2, 3], some)
    more = uniform_numbers([1, 2, 3], Sampling(n=4, max_new_tokens=9, do_sample=True, seed=1))
    assert found.shape == (3, 5)
    assert np.array_equal(found, more[:3, :5])
    assert len(np.unique(found)) == 15
    for other in (
        uniform_numbers([1, 2, 4], some),
        uniform_numbers([1, 2, 3], Sampling(n=3, max_new_tokens=5, do_sample=True, seed=2)),
    ):
        assert not np.isin(found, other).any()


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"max_new_tokens": 0}, "max_new_tokens of at least 1"),
        ({"n": 0}, "n of at least 1"),
        ({"temperature": 0.0}, "temperature above 0"),
        ({"temperature": float("nan")}, "temperature above 0"),
        ({"top_k": -1}, "top_k of at least 0"),
        ({"top_p": 0.0}, "top_p above 0"),
        ({"stop": ("",)}, "no empty stop"),
    ],
)
def test_wrong_settings_are_named(wrong, message):
    with pytest.raises(ValueError, match=message):
        Sampling(**wrong)
