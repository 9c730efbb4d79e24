import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmexam.exam.question import Passage, Question
from llmexam.solvers.lexical.analysis import stop_terms, terms_of
from llmexam.solvers.lexical.evidence import proximity, read_evidence, relevance, term_weights
from llmexam.solvers.lexical.features import FEATURES, OptionEvidence, find_grams, grams

SETTINGS = {"stop_weight": 0.2, "floor": 0.5, "reach": 8.0, "rank_decay": 0.25}


def evidence_for(prompt, options, *texts):
    question = Question("q", prompt, tuple(options), None, tuple(Passage(t) for t in texts))
    return OptionEvidence(question, **SETTINGS)


def test_terms_are_stems_with_numbers_kept_whole():
    assert terms_of("The 3.5 runs, 1,000 RUNNING!") == ["the", "3.5", "run", "1,000", "run"]
    assert "the" in stop_terms()
    assert "hydrogen" not in stop_terms()


def test_full_support_is_one_and_none_is_zero():
    evidence = evidence_for(
        "colour?", ["copper burns green today", "zinc"], "In fact copper burns green today."
    )
    coverage = evidence.features[:, FEATURES.index("coverage")]
    # No prompt term is in the sentence: every match counts `floor`. Of four terms n-grams exist
    # up to n = 4; the place of n = 5 gets half of n = 4.
    assert coverage[0] == pytest.approx(0.5 * (4 + 0.5) / 5)
    assert evidence.features[1].tolist() == [0, 0, 0, 0, 0]


def test_a_match_counts_more_where_the_prompt_is_spoken_of():
    text = "The flame of copper is green. Elsewhere some paint is red."
    evidence = evidence_for("Which colour has the copper flame?", ["green", "red"], text)
    places = [FEATURES.index(f) for f in ("coverage", "nearness", "mass", "best_sentence")]
    assert (evidence.features[0, places] > evidence.features[1, places]).all()
    best = evidence.sentence_support[0].argmax()
    assert evidence.sentences[best].terms[:4] == ("the", "flame", "of", "copper")


def test_later_passages_count_less():
    texts = ["The copper flame is green.", "The copper flame is red."]
    evidence = evidence_for("Which colour has the copper flame?", ["green", "red"], *texts)
    coverage = evidence.features[:, FEATURES.index("coverage")]
    # Both sentences have all of the prompt that any has; the second passage's counts 1 / 1.25.
    assert coverage[1] / coverage[0] == pytest.approx(0.5 + 0.5 / 1.25)


def test_words_shared_by_all_options_weigh_less():
    evidence = evidence_for("?", ["metal copper", "metal zinc"], "metal", "copper")
    assert evidence._weights["copper"] == pytest.approx(1 + math.log(2))
    assert evidence._weights["metal"] == pytest.approx(1)


def test_the_longest_run_is_contiguous():
    evidence = evidence_for("?", ["a1 b1 c1 d1", "a1 c1 b1 d1"], "x a1 b1 c1 d1 y")
    run = evidence.features[:, FEATURES.index("run")]
    assert run.tolist() == pytest.approx([math.log1p(4), math.log1p(1)])


def test_find_grams_says_which_sentences():
    sentences = read_evidence([Passage("one two three. Two three four.")])
    found = find_grams(sentences, [{("two",), ("three",)}, {("two", "three")}])
    assert {g: w.tolist() for g, w in found[1].items()} == {("two", "three"): [0, 1]}


def test_relevance_and_proximity_of_nothing_are_zero():
    sentences = read_evidence([Passage("one two three.")])
    assert relevance(sentences, {}).tolist() == [0]
    assert proximity(sentences, {"absent": 1.0}, 8.0).tolist() == [0, 0, 0]
    assert relevance([], {}).shape == (0,)


def test_proximity_falls_with_distance():
    sentences = read_evidence([Passage("key near far1 far2 far3")])
    near = proximity(sentences, {"key": 2.0}, reach=1.0)
    assert near == pytest.approx(np.exp(-np.arange(5.0)), abs=0.06)


def test_term_weights_follow_bm25():
    sentences = read_evidence([Passage("rare common. Common again. Common more.")])
    weights = term_weights(sentences, {"rare", "common"})
    assert weights["rare"] == pytest.approx(math.log(1 + 2.5 / 1.5))
    assert weights["common"] == pytest.approx(math.log(1 + 0.5 / 3.5))


texts = st.text(alphabet="abc .,1\n", max_size=40)


@given(texts, st.lists(texts, min_size=2, max_size=5), st.lists(texts, max_size=3))
def test_features_are_finite_bounded_and_follow_their_options(prompt, options, passages):
    evidence = evidence_for(prompt, options, *passages)
    assert np.isfinite(evidence.features).all()
    assert (evidence.features >= 0).all()
    assert (evidence.features[:, :2] <= 1 + 1e-9).all()
    turned = evidence_for(prompt, options[::-1], *passages)
    np.testing.assert_allclose(turned.features[::-1], evidence.features, atol=1e-12)


@given(st.lists(st.sampled_from("abc"), max_size=8), st.integers(1, 5))
def test_grams_count(terms, n):
    assert len(grams(terms, n)) == max(0, len(terms) - n + 1)
