"""Combining answers, with texts that are angles on a circle, so that scores are known."""

from math import inf, nan

import numpy as np
import pytest
from tests.recovery.circle import CircleEmbedder

from llmexam.recovery.agreement import Agreement, Mixture, simplex_grid
from llmexam.recovery.combining import Gate, Join
from llmexam.recovery.embeddings import TextVectors
from llmexam.recovery.recoverer import Candidate, Recovery


@pytest.fixture
def vectors():
    return TextVectors(CircleEmbedder())


def answer(text, confidence=nan, **candidates):
    """A recovery; candidates are given as `a30=0.5`: the angle and its score."""
    ranked = sorted(candidates.items(), key=lambda one: -one[1])
    return Recovery(text, tuple(Candidate(k[1:], v) for k, v in ranked), confidence)


def test_agreement_prefers_what_lies_between(vectors):
    # Both members are sure of another prompt; the second knows one between them.
    members = [[answer("0")], [answer("60", a60=0.5, a30=0.5)]]
    found = Agreement(vectors).combine(members)[0]
    # 0.5 * cos(30)**3 + 0.5 * (0.5 * cos(30)**3 + 0.5 * 1)
    assert found.text == "30"
    assert found.confidence == pytest.approx(0.75 * 0.8660254**3 + 0.25, abs=1e-5)
    scores = [one.score for one in found.candidates]
    assert scores == sorted(scores, reverse=True)
    assert {one.text for one in found.candidates} == {"0", "30", "60"}


def test_agreement_learns_whom_to_trust(vectors):
    good, bad = [answer("0")] * 6 + [answer("180")], [answer("90")] * 7
    agreement = Agreement(vectors)
    agreement.fit([bad, good], ["0"] * 7)
    assert agreement.mixture.weights[1] > 0.5
    assert agreement.combine([[answer("90")], [answer("10")]])[0].text == "10"


def test_agreement_can_follow_confidence(vectors):
    # Each member is right exactly where it is confident, so no fixed weights are best.
    first = [answer("0", 0.9), answer("90", 0.1)] * 5
    second = [answer("90", 0.1), answer("0", 0.9)] * 5
    agreement = Agreement(vectors)
    agreement.fit([first, second], ["0"] * 10)
    assert agreement.mixture.trust > 0
    assert [one.text for one in agreement.combine([first, second])] == ["0"] * 10


def test_temperature_weights_candidates_by_their_score(vectors):
    members = [[answer("0", a0=0.9, a90=0.1)]]
    agreement = Agreement(vectors)
    agreement.mixture = Mixture((1.0,), temperature=0.01)
    sharp = agreement.combine(members)[0]
    agreement.mixture = Mixture((1.0,), temperature=inf)
    flat = agreement.combine(members)[0]
    assert sharp.confidence == pytest.approx(1, abs=1e-5)
    assert flat.confidence == pytest.approx(0.5, abs=1e-5)


def test_rows_with_few_candidates_are_not_padded_into_the_answer(vectors):
    members = [[answer("180"), answer("0", a0=0.3, a10=0.2, a20=0.1)]]
    found = Agreement(vectors).combine(members)
    assert found[0].text == "180"
    assert len(found[0].candidates) == 1


def test_a_gate_opens_for_confident_answers(vectors):
    confident = [answer("0", 0.8), answer("0", 0.9), answer("90", 0.2), answer("90", 0.1)]
    other = [answer("60")] * 4
    gate = Gate(vectors)
    gate.fit([confident, other], ["0"] * 4)
    assert 0.2 < gate.thresholds[0] <= 0.8
    assert gate.thresholds[1] == -inf
    assert [one.text for one in gate.combine([confident, other])] == ["0", "0", "60", "60"]


def test_a_gate_without_confidences_takes_the_better_member(vectors):
    better, worse = [answer("10")] * 3, [answer("80")] * 3
    for members, expected in (([better, worse], -inf), ([worse, better], inf)):
        gate = Gate(vectors)
        gate.fit(members, ["0"] * 3)
        assert gate.thresholds[0] == expected
        assert {one.text for one in gate.combine(members)} == {"10"}


class Words:
    """An embedder of the words left and right: a text of both is between them."""

    name, dim, weights_hash, max_tokens = "words", 2, "w", 10

    def embed(self, texts):
        counts = [[t.split().count("left"), t.split().count("right")] for t in texts]
        found = np.array(counts, dtype=np.float32)
        found /= np.maximum(np.linalg.norm(found, axis=1, keepdims=True), 1e-9)
        return type("Found", (), {"vectors": found, "cut": np.zeros(len(texts), bool)})

    def count_tokens(self, texts):
        return np.array([len(text.split()) for text in texts])


def test_texts_are_joined_only_where_that_scores_better():
    members = [[answer("left")] * 2, [answer("right lucrarea")] * 2]
    join = Join(TextVectors(Words()), max_tokens=8)
    join.fit(members, ["left right"] * 2)
    found = join.combine(members)[0]
    # Without tokens that say nothing, which a joined text would be full of.
    assert found.text == "left right"
    assert {one.text for one in found.candidates} == {"left", "right lucrarea"}
    join.fit(members, ["right"] * 2)
    assert join.combine(members)[0].text == "right lucrarea"


def test_joined_texts_stay_within_the_limit():
    members = [[answer("left left")], [answer("right right")]]
    join = Join(TextVectors(Words()), max_tokens=3)
    join.order = (0, 1)
    assert join.combine(members)[0].text == "left left"
    join.order = (0, 1)
    same = join.combine([[answer("left")], [answer("left")]])
    assert same[0].text == "left"


@pytest.mark.parametrize("n", [1, 2, 3, 4, 7, 30])
def test_weights_lie_on_the_simplex(n):
    grid = simplex_grid(n)
    assert len(grid) <= 500
    assert np.allclose(np.sum(grid, axis=1), 1)
    assert min(map(min, grid)) >= 0
    # Each member alone is among them.
    assert {tuple(row) for row in np.eye(n)} <= set(grid)


def test_an_answer_with_added_words_is_a_candidate(vectors):
    found = Agreement(vectors).combine([[answer("10", a0=0.9, a90=0.1)]])[0]
    assert {one.text for one in found.candidates} == {"0", "10", "90"}
