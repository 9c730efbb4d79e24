import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from llmexam.exam.question import Passage, Question
from llmexam.solvers.bi_encoder.encoding import evidence_texts, query_texts


def count_words(texts):
    """Count tokens as a model would whose tokens are words, plus two special ones."""
    return np.array([len(text.split()) + 2 for text in texts])


def test_sentences_in_order_without_titles():
    passages = [Passage("One is here. Two is there.", title="Numbers"), Passage("Three.")]
    found = [(t.passage, t.start, t.end, t.text) for t in evidence_texts(passages)]
    assert found == [
        (0, 0, 12, "One is here."),
        (0, 13, 26, "Two is there."),
        (1, 0, 6, "Three."),
    ]
    assert evidence_texts([]) == []
    assert evidence_texts([Passage("  ", title=" ")]) == []


@given(st.text("ab ", max_size=3000))
def test_long_sentences_become_pieces_that_lose_nothing(text):
    found = evidence_texts([Passage(text)])
    assert all(t.text == text[t.start : t.end] and len(t.text) <= 700 for t in found)
    joined = "".join(t.text for t in found)
    assert joined.replace(" ", "") == text.replace(" ", "")


def test_a_long_word_is_cut_too():
    lengths = [len(t.text) for t in evidence_texts([Passage("x" * 1500)])]
    assert lengths == [700, 700, 100]


def test_the_option_stands_behind_the_prompt():
    query = query_texts(Question("q", "Why blue?", ("air", "")), count_words, 10)[0]
    assert query.text == "Why blue? air"
    assert query.text[query.option_start :] == "air"
    assert not query.prompt_cut


def test_a_long_prompt_loses_its_beginning_never_the_option():
    prompt = " ".join(str(i) for i in range(50))
    short, long = query_texts(Question("q", prompt, ("a", "b c d e")), count_words, 12)
    assert short.text == "41 42 43 44 45 46 47 48 49 a"
    assert long.text == "44 45 46 47 48 49 b c d e"
    assert long.text[long.option_start :] == "b c d e"
    assert short.prompt_cut
    assert long.prompt_cut


def test_an_option_too_long_by_itself_leaves_no_prompt():
    option = "word " * 30
    query = query_texts(Question("q", "a prompt here", (option, "b")), count_words, 12)[0]
    assert query.text == f" {option}"
    assert query.prompt_cut
