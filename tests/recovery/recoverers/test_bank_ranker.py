from dataclasses import replace

import numpy as np
import pytest

from llmexam.errors import ExamError
from llmexam.recovery.embeddings import sharpen, text_vectors
from llmexam.recovery.ranking import judges
from llmexam.recovery.ranking.keywords import with_keywords
from llmexam.recovery.recoverers import bank_ranker
from llmexam.recovery.recoverers.bank_ranker import BankRanker


@pytest.fixture(scope="module")
def fitted(sample):
    recoverer = BankRanker(n_folds=3)
    recoverer.fit(sample.subset(range(0, 60, 2)))
    return recoverer


@pytest.mark.slow
def test_candidates_are_distinct_prompts_with_their_expected_scores(fitted, sample):
    for one in fitted.recover(sample.subset(range(1, 20, 2))):
        texts = [candidate.text for candidate in one.candidates]
        assert len(set(texts)) == len(texts) == 8
        assert one.text == texts[0]
        assert one.confidence == one.candidates[0].score


def test_weights_are_fitted_on_rows_that_the_search_did_not_see(fitted, sample):
    train = sample.subset(range(0, 60, 2))
    held = list(fitted._held_out())
    assert sorted(i for one in held for i in one.items.ids) == sorted(train.ids)
    for one in held:
        own = set(one.items.prompts)
        found = {one.bank.prompts[i] for i in one.places.ravel()}
        assert found
        assert not found & own
        vectors = text_vectors("bundled")
        truth = vectors.encode(one.items.prompts)[0]
        first = vectors.encode([one.bank.prompts[one.places[0, 0]]])[0]
        assert one.scores[0, 0] == pytest.approx(
            float(sharpen(first @ truth[:, None])[0]), abs=1e-5
        )


def test_inner_folds_leave_out_one_value_of_a_column(sample):
    train = sample.subset(range(0, 60, 2))
    rows = [replace(row, metadata={"half": "ab"[i % 2]}) for i, row in enumerate(train)]
    halves = replace(train, rows=tuple(rows))
    recoverer = BankRanker(folds_by="half")
    recoverer.fit(halves)
    held = list(recoverer._held_out())
    assert [{row.metadata["half"] for row in one.items} for one in held] == [{"a"}, {"b"}]
    with pytest.raises(ExamError, match="at least 2 values of 'source'"):
        BankRanker(folds_by="source").fit(train)


def test_one_group_of_prompts_leaves_the_choice_to_consensus(rewrites):
    poems = rewrites.subset([0, 1])
    recoverer = BankRanker()
    recoverer.fit(poems)
    found = [one.text for one in recoverer.recover(rewrites.without_prompts())]
    assert set(found) <= set(poems.prompts)


class Oracle:
    """Knows the true prompts, as no judge does."""

    def __init__(self, exam):
        self.vectors = text_vectors("bundled")
        self.prompt_of = {(row.original, row.rewritten): row.prompt for row in exam}
        self.n_seen = []

    def score(self, items, prompts):
        self.n_seen.append(len(prompts[0]))
        truth = [self.prompt_of[row.original, row.rewritten] for row in items]
        found = np.stack([self.vectors.encode(own) for own in prompts])
        return np.einsum("ikj,ij->ik", found, self.vectors.encode(truth))


@pytest.mark.slow
def test_a_judge_that_knows_better_is_heard(sample, monkeypatch):
    """The choice is then the best of the candidates that the judge saw."""
    oracle = Oracle(sample)
    monkeypatch.setattr(bank_ranker, "load_judges", lambda *models: [oracle])
    train, items = sample.subset(range(0, 60, 2)), sample.subset(range(1, 60, 2))
    plain = BankRanker(bank="bundled")
    judged = BankRanker(bank="bundled", n_judged=10)
    judged.fit(train)
    with monkeypatch.context() as patch:
        patch.setattr(bank_ranker, "load_judges", lambda *models: [])
        plain.fit(train)
        before = plain.recover(items.without_prompts())
    after = judged.recover(items.without_prompts())
    assert set(oracle.n_seen) == {10}
    vectors = text_vectors("bundled")
    truth = vectors.encode(items.prompts)
    scores = [
        sharpen((vectors.encode([one.text for one in found]) * truth).sum(axis=1)).mean()
        for found in (before, after)
    ]
    assert scores[1] > scores[0] + 0.05


def test_models_are_part_of_the_hash(monkeypatch):
    class Folder:
        weights_hash = "other"

    plain = BankRanker()
    monkeypatch.setattr(judges, "resolve_model", lambda model: Folder())
    assert BankRanker(cross_encoder="x").weights_hash != plain.weights_hash


def test_words_are_added_where_a_gain_is_expected(fitted, sample, monkeypatch):
    train, items = sample.subset(range(0, 60, 2)), sample.subset(range(1, 30, 2))
    chosen = BankRanker(n_folds=3, keywords=(4, 8))
    chosen.fit(train)
    numbers = [0, 4, 8] * 5
    monkeypatch.setattr(chosen.keywords, "choose", lambda features: np.array(numbers))
    rows = zip(chosen.recover(items), fitted.recover(items), items, numbers, strict=True)
    for one, plain, row, n in rows:
        assert one.text == with_keywords(plain.text, row, n)
        assert one.candidates == plain.candidates
