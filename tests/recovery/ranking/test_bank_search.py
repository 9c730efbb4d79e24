import numpy as np
import pytest

from llmexam.evidence.index.vectors import DenseSettings
from llmexam.recovery.ranking import bank_search
from llmexam.recovery.ranking.bank_search import PromptBank

PROMPTS = ["Rewrite it as a sea shanty.", "Pirates!", "Make the text a pirate tale."]


@pytest.fixture
def bank():
    return PromptBank(PROMPTS, np.eye(3, dtype=np.float32))


def test_the_largest_inner_products_come_first(bank):
    queries = np.array([[3, 1, 2], [-1, -3, -2]], dtype=np.float32)
    assert bank.search(queries, 2).tolist() == [[0, 2], [0, 2]]
    assert bank.search(queries, 9).tolist() == [[0, 2, 1], [0, 2, 1]]


def test_prompts_are_known_by_what_they_ask_for(bank):
    assert bank.stems == [{"sea", "shant"}, {"pirat"}, {"pirat", "tale"}]
    np.testing.assert_allclose(bank.lengths, np.log([28, 9, 29]), rtol=1e-6)


def test_hidden_prompts_are_not_found(bank):
    rest = bank.without(frozenset([PROMPTS[0]]))
    assert rest.prompts == PROMPTS[1:]
    assert rest.stems == bank.stems[1:]
    found = rest.search(np.array([[3, 1, 2]], dtype=np.float32), 3)
    assert [rest.prompts[i] for i in found[0]] == [PROMPTS[2], PROMPTS[1]]


def test_it_finds_what_brute_force_finds():
    rng = np.random.default_rng(0)
    vectors = rng.normal(size=(500, 16)).astype(np.float32)
    queries = rng.normal(size=(40, 16)).astype(np.float32)
    found = PromptBank([f"prompt {i}" for i in range(500)], vectors).search(queries, 10)
    expected = np.argsort(-(queries @ vectors.T), axis=1)[:, :10]
    assert found.tolist() == expected.tolist()


def test_a_large_bank_is_searched_in_lists(monkeypatch):
    """All lists are visited here, so only the rounding to eight bits may change the order."""
    monkeypatch.setattr(bank_search, "_LISTS", DenseSettings(flat_limit=100, n_probe=64))
    rng = np.random.default_rng(0)
    vectors = rng.normal(size=(2000, 16)).astype(np.float32)
    queries = rng.normal(size=(40, 16)).astype(np.float32)
    found = PromptBank([f"prompt {i}" for i in range(2000)], vectors).search(queries, 20)
    expected = np.argsort(-(queries @ vectors.T), axis=1)[:, :20]
    shared = [len(set(a) & set(b)) for a, b in zip(found, expected, strict=True)]
    assert np.mean(shared) > 19
