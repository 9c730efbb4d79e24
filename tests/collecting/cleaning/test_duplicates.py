"""Duplicates: MinHash candidates against all pairs, groups, ranges of keys, and exam questions."""

from __future__ import annotations

import random
from pathlib import Path

import numpy as np
import pytest

from cleaning_samples import clean_text, made_texts
from llmexam.collecting.cleaning.contamination import ExamQuestions
from llmexam.collecting.cleaning.counting import frequent_keys, key_ranges
from llmexam.collecting.cleaning.duplicates import DuplicatesStep
from llmexam.collecting.cleaning.minhash import Bands, band_keys, shingle_keys
from llmexam.collecting.cleaning.near_duplicates import DuplicateSearch
from llmexam.collecting.cleaning.step import Observed
from llmexam.exam.audit.near import jaccard, shingles


def search(
    folder: Path, texts: list[str], step: DuplicatesStep, n_per_part: int = 7
) -> DuplicateSearch:
    sizes = []
    for start in range(0, len(texts), n_per_part):
        own = texts[start : start + n_per_part]
        for name, values in step.observe(own).items():
            np.save(Observed.file(folder, len(sizes), name), values)
        sizes.append(len(own))
    return DuplicateSearch(Observed(folder, tuple(sizes)), keep=step.keep)


def by_all_pairs(texts: list[str], threshold: float) -> list[tuple[int, int]]:
    """Return what a comparison of all pairs drops, and the kept text that causes it."""
    sets = [shingles(text) for text in texts]
    kept: list[int] = []
    dropped = []
    for i, own in enumerate(sets):
        of = next((j for j in kept if jaccard(own, sets[j]) >= threshold), None)
        if of is None:
            kept.append(i)
        else:
            dropped.append((i, of))
    return dropped


@pytest.mark.parametrize("threshold", [pytest.param(0.5, marks=pytest.mark.slow), 0.8])
def test_near_duplicates_are_those_of_all_pairs(tmp_path: Path, threshold: float) -> None:
    texts = made_texts(150)
    found = search(tmp_path, texts, DuplicatesStep(threshold=threshold)).near(threshold)
    assert [(one.position, one.of) for one in found] == by_all_pairs(texts, threshold)
    assert len(found) >= 12
    own = [shingles(text) for text in texts]
    assert all(one.similarity == jaccard(own[one.position], own[one.of]) for one in found)


def test_few_pairs_are_compared(tmp_path: Path) -> None:
    texts = made_texts(150)
    one = search(tmp_path, texts, DuplicatesStep())
    found = one.near(0.8)
    assert len(found) <= one.n_compared < 2 * len(found)


@pytest.mark.parametrize(
    "texts", [[], ["one text alone"], ["two texts here", "with no common words"]]
)
def test_texts_without_any_candidate(tmp_path: Path, texts: list[str]) -> None:
    one = search(tmp_path, texts, DuplicatesStep())
    assert (one.exact(), one.near(0.8), one.n_compared) == ([], [], 0)


def test_chains_of_similar_texts_are_not_followed(tmp_path: Path) -> None:
    words = [f"w{i}" for i in range(30)]
    # Each text differs from the one before by a few words, and the last from the first by most.
    texts = [" ".join(words[i : i + 20]) for i in range(0, 9, 2)]
    found = search(tmp_path, texts, DuplicatesStep(threshold=0.7)).near(0.7)
    assert [(one.position, one.of) for one in found] == by_all_pairs(texts, 0.7)
    assert 0 < len(found) < len(texts) - 1


def test_the_longest_of_a_group_is_kept(tmp_path: Path) -> None:
    texts = ["One two three four.", "one  two, three: FOUR...", "one two three four", "other words"]
    step = DuplicatesStep(keep="longest")
    found = search(tmp_path, texts, step).exact()
    assert {one.position for one in found} == {0, 2}
    assert {one.of for one in found} == {1}
    found = search(tmp_path, texts, DuplicatesStep()).exact()
    assert [(one.position, one.of, one.is_exact) for one in found] == [(1, 0, True), (2, 0, True)]


def test_shingles_are_those_of_the_audit_and_of_each_text_alone() -> None:
    texts = ["A b c d, a B c d!", "a b", "", "+", "- ", "x y z"]
    keys, offsets = shingle_keys(texts, 3)
    assert np.diff(offsets).tolist() == [4, 1, 1, 1, 1, 1]
    assert len(shingles(texts[0])) == 4
    for i, text in enumerate(texts):
        alone, _ = shingle_keys([text], 3)
        assert alone.tolist() == keys[offsets[i] : offsets[i + 1]].tolist()
    assert len(set(keys.tolist())) == len(keys)
    assert [len(one) for one in shingle_keys([], 3)] == [0, 1]


def test_band_keys_agree_as_often_as_the_similarity_says() -> None:
    generator = random.Random(1)
    words = [f"w{i}" for i in range(4000)]
    pairs = []
    for _ in range(60):
        text = generator.choices(words, k=60)
        pairs += [" ".join(text), " ".join([*text[:50], *generator.choices(words, k=10)])]
    keys, offsets = shingle_keys(pairs, 3)
    similarity = np.mean(
        [jaccard(shingles(a), shingles(b)) for a, b in zip(pairs[::2], pairs[1::2], strict=True)]
    )
    # With one value per band, the share of equal bands estimates the similarity.
    signatures = band_keys(keys, offsets, Bands(256, 1), seed=0)
    assert np.mean(signatures[::2] == signatures[1::2]) == pytest.approx(similarity, abs=0.02)
    assert np.array_equal(signatures, band_keys(keys, offsets, Bands(256, 1), seed=0))
    assert not np.array_equal(signatures, band_keys(keys, offsets, Bands(256, 1), seed=1))


def test_bands_find_nearly_all_pairs_at_the_threshold() -> None:
    for threshold in (0.5, 0.8, 0.9):
        bands = Bands.for_threshold(threshold, 128)
        assert bands.n_bands * bands.n_rows <= 128
        assert 1 - (1 - threshold**bands.n_rows) ** bands.n_bands > 0.985


@pytest.mark.parametrize("longest", [1, 7, 1000])
def test_ranges_of_keys_cover_all_positions(longest: int) -> None:
    generator = np.random.default_rng(0)
    parts = [generator.integers(0, 2**64, n, dtype=np.uint64) for n in (10, 0, 23)]
    parts[2][:4] = parts[0][3]
    sizes = [len(part) for part in parts]
    everything = np.concatenate(parts)
    seen: list[int] = []
    for keys, positions in key_ranges(parts.__getitem__, sizes, longest=longest):
        assert np.array_equal(keys, everything[positions])
        seen += positions.tolist()
    assert sorted(seen) == list(range(33))
    found = frequent_keys(parts.__getitem__, sizes, 2, longest=longest)
    assert found.tolist() == [parts[0][3]]


EXAM = """id,prompt,A,B,answer
1,"Which force keeps the planets on their orbits around the bright central star?",gravity,friction,A
2,What is light?,a wave,a stone,A
3,Which of the following statements is true?,a,b,A
4,Which of the following statements is true?,c,d,B
5,What is the second law of thermodynamics?,x,y,A
"""


def test_passages_with_exam_questions_are_found(tmp_path: Path) -> None:
    exam = tmp_path / "exam.csv"
    exam.write_text(EXAM, encoding="utf-8")
    questions = ExamQuestions([exam, exam], threshold=0.8)
    # Question 2 is short, and questions 3 and 4 have the same text.
    assert (len(questions), questions.n_shared) == (2, 1)
    quoted = questions.find(
        "Quiz: which FORCE keeps the planets on their orbits around the bright central star? Ans: A"
    )
    assert quoted is not None
    assert (quoted.question, quoted.share) == ("exam.csv 1", 1.0)
    nearly = "Which force keeps the planets on their orbits around the bright central sun"
    found = questions.find(nearly)
    assert found is not None
    assert 0.8 <= found.share < 1
    assert questions.find("Gravity keeps the planets on their orbits around the star.") is None
    assert questions.find("Which of the following statements is true?") is None
    # A short question counts only as a whole.
    assert questions.find("This is the second law of thermodynamics.") is None
    assert questions.find("Ask: what is the second law of thermodynamics?") is not None


def test_against_is_a_setting_of_the_step(tmp_path: Path) -> None:
    exam = tmp_path / "exam.csv"
    exam.write_text(EXAM, encoding="utf-8")
    settings = {"against": str(exam), "exact": False, "near": False}
    text = "What is the second law of thermodynamics? Explain."
    found = clean_text("duplicates", text, **settings)
    assert (found.dropped, found.detail) == ("contains an exam question", "exam.csv 5 1.000")
    assert clean_text("duplicates", "Entropy grows.", **settings).dropped == ""
