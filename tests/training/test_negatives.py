import pytest

from llmexam.exam.question import Passage, Question
from llmexam.training.negatives import (
    SortedPassages,
    choose_negatives,
    cut_passages,
    sort_by_judgements,
    sort_by_words,
)

QUESTION = Question(
    "1", "Why is the sky blue?", ("Rayleigh scattering of light", "Ozone absorbs light"), 0
)
GOOD = Passage("Rayleigh found that scattering makes it so.", id="a#1")
BAD = Passage("The sea is blue, and full of fish.", id="a#2")
BOTH = Passage("Rayleigh scattering, not ozone that absorbs.", id="b#1")
HALF = Passage("Scattering is studied much.", id="c#1")


def by_words(passages, question=QUESTION, **change):
    return sort_by_words(question, passages, **{"min_cover": 0.6, "min_lead": 0.3, **change})


def test_passages_with_the_words_of_the_right_option_alone_are_good():
    found = by_words([BAD, HALF, BOTH, GOOD])
    assert (found.good, found.bad) == ((GOOD,), (BAD,))
    # Light and sky are no one's own words; what has half of them is neither.
    assert by_words([HALF], min_cover=0.5).good == (HALF,)
    assert by_words([BOTH], min_lead=0.0).good == (BOTH,)


@pytest.mark.parametrize(
    "question",
    [
        Question("1", "p", ("a b", "c"), None),
        Question("1", "salt", ("salt", "gold"), 0),
        Question("1", "p", ("", "gold"), 0),
    ],
    ids=["no-answer", "in-the-prompt", "blank"],
)
def test_without_words_of_its_own_nothing_is_sorted(question):
    assert by_words([GOOD, BAD], question) == SortedPassages((), ())


def test_no_bad_passage_says_what_a_good_one_says():
    same = Passage("rayleigh found that SCATTERING makes it so")
    found = sort_by_judgements(QUESTION, [GOOD, same, BAD, BAD], {"1": {"a#1": 1}})
    assert (found.good, found.bad) == ((GOOD,), (BAD,))


def test_judgements_of_documents_hold_for_their_passages():
    found = sort_by_judgements(QUESTION, [GOOD, BAD, BOTH], {"1": {"a": 2, "a#2": 0}})
    assert (found.good, found.bad) == ((GOOD,), (BAD, BOTH))
    assert sort_by_judgements(QUESTION, [GOOD], {"2": {"a": 1}}).good == ()


def test_negatives_are_the_questions_own_and_then_those_of_others():
    sorted_ = SortedPassages((GOOD,), (BAD,))
    others = [Passage(f"other {i}") for i in range(20)] + [GOOD]
    chosen = choose_negatives(sorted_, others, 4, seed=0, name="1")
    assert chosen[0] == BAD
    assert len(chosen) == 4
    assert GOOD not in chosen
    assert len({p.text for p in chosen}) == 4
    assert choose_negatives(sorted_, others, 4, seed=0, name="1") == chosen
    assert choose_negatives(sorted_, others, 4, seed=1, name="1") != chosen
    assert choose_negatives(sorted_, [], 4, seed=0, name="1") == [BAD]


def test_long_passages_are_cut_at_ends_of_sentences():
    passage = Passage("One two three. Four five. Six seven eight.", "title", "id")
    assert [p.text for p in cut_passages([passage], 5)] == [
        "One two three. Four five.",
        "Six seven eight.",
    ]
    assert cut_passages([passage], None) == [passage]
