import numpy as np
import pytest

from llmexam.recovery.consensus import Decoder, agree, softmax


class Vectors:
    """Texts are angles in degrees."""

    def encode(self, texts):
        angles = np.radians([float(text) for text in texts])
        return np.stack([np.cos(angles), np.sin(angles)], axis=1).astype(np.float32)


def test_softmax_by_hand():
    found = softmax(np.array([[0.0, np.log(3)]], dtype=np.float32), 1.0)
    np.testing.assert_allclose(found, [[0.25, 0.75]], rtol=1e-6)


def test_answers_that_agree_are_confident():
    assert agree(["10", "10", "10"], Vectors()).confidence == 1
    found = agree(["0", "0", "60"], Vectors())
    # cos(60 degrees) cubed is 1/8.
    assert (found.text, found.confidence) == ("0", pytest.approx((1 + 1 + 1 / 8) / 3))
    assert [one.text for one in found.candidates] == ["0", "60"]
    assert np.isnan(agree(["10"], Vectors()).confidence)


def test_a_text_between_the_likely_ones_is_chosen():
    decoder = Decoder(["0", "40", "20", "90"], Vectors())
    probabilities = np.array([[0.5, 0.5, 0, 0]], dtype=np.float32)
    (found,) = decoder.decode(probabilities)
    assert found.text == "20"
    # cos(20 degrees) cubed.
    assert found.confidence == pytest.approx(0.8298, abs=1e-4)
    assert [one.text for one in found.candidates][:2] == ["20", "0"]
    (nearest,) = decoder.decode(np.array([[0.4, 0.6, 0, 0]], dtype=np.float32), consensus=False)
    assert nearest.text == "40"


def test_rows_of_one_call_are_those_of_their_own():
    rng = np.random.default_rng(0)
    prompts = [str(angle) for angle in range(0, 360, 7)]
    decoder = Decoder(prompts, Vectors(), n_likely=5, n_candidates=9)
    probabilities = rng.dirichlet(np.ones(len(prompts)), size=20).astype(np.float32)
    together = decoder.decode(probabilities)
    alone = [decoder.decode(row[None])[0] for row in probabilities]
    assert [one.text for one in together] == [one.text for one in alone]
