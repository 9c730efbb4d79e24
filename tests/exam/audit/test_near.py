from hypothesis import given, settings
from hypothesis import strategies as st

from llmexam.exam.audit.near import PromptIndex, jaccard, shingles
from llmexam.exam.question import Question

words = st.lists(st.sampled_from(["the", "sun", "is", "hot", "and", "far"]), max_size=9).map(
    " ".join
)


def test_shingles_of_short_texts_are_the_text():
    assert shingles("One, two") == {"one two"}
    assert shingles("") == {""}


def test_jaccard_by_hand():
    assert jaccard(frozenset("abc"), frozenset("bcd")) == 0.5
    assert jaccard(frozenset(), frozenset()) == 1.0


@settings(max_examples=60, deadline=None)
@given(st.lists(words, min_size=1, max_size=6), words)
def test_what_is_found_is_alike_and_a_longer_copy_is_found(prompts, prompt):
    rows = [(i, Question(str(i), text, ("x", "y"))) for i, text in enumerate(prompts, 1)]
    match = PromptIndex(rows, threshold=0.6, seed=0).nearest(Question("q", prompt, ("x", "z")))
    if match is None:
        long_enough = len(prompt.split()) >= 5
        assert not (long_enough and prompt in prompts)
    else:
        row, kind, similarity = match
        assert kind == "near duplicate"
        assert similarity == jaccard(shingles(prompt), shingles(prompts[row - 1])) >= 0.6
