import pytest

from llmexam.evidence.index.analysis import (
    SearchSettings,
    build_analyzer,
    choose_terms,
    worth_per_occurrence,
)

FREQUENCIES = {"rare": 1, "some": 50, "common": 400, "all": 1000}


def look_up(term: str) -> tuple[int, float]:
    frequency = FREQUENCIES.get(term, 0)
    return frequency, worth_per_occurrence(frequency, 1000) if frequency else 0.0


def chosen(text: str, budget: float | None, free: int = 0) -> list[tuple[str, int]]:
    settings = SearchSettings(budget=budget, free_entries=free)
    return choose_terms(text.split(), look_up, 1000, settings)


def test_the_budget_drops_the_least_telling_terms():
    query = "all common some rare unknown some"
    assert chosen(query, None) == [("rare", 1), ("some", 2), ("common", 1), ("all", 1)]
    assert chosen(query, 0.3) == [("rare", 1), ("some", 2)]
    assert chosen(query, 0.001) == [("rare", 1)]
    assert chosen(query, 0.001, free=500) == [("rare", 1), ("some", 2), ("common", 1)]


def test_one_term_is_always_looked_up():
    assert chosen("all", 0.001) == [("all", 1)]
    assert chosen("unknown", 0.001) == chosen("", None) == []


def test_a_term_that_does_not_fit_is_passed_over():
    assert chosen("common some", 0.2) == [("some", 1)]


def test_repeats_make_a_term_worth_more():
    assert chosen("common some", None)[0] == ("some", 1)
    assert chosen("common " * 90 + "some", None)[0] == ("common", 90)


@pytest.mark.parametrize("stop_words", [False, True])
def test_terms_are_folded_and_stemmed(stop_words: bool):
    terms = build_analyzer(stop_words=stop_words).analyze("The Galaxies' café-3.5 " + "x" * 99)
    expected = ["galaxi", "cafe", "3", "5"]
    assert terms == (expected if stop_words else ["the", *expected[:0], "galaxi", *expected[1:]])
