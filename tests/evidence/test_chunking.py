import unicodedata
from collections.abc import Iterator
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from llmexam.errors import SettingsError
from llmexam.evidence.chunking import (
    ChunkSettings,
    DuplicateCount,
    chunk_documents,
    chunk_text,
    count_tokens,
    drop_duplicates,
)
from llmexam.evidence.sentences import split_sentences
from llmexam.exam.question import Passage

TEXT = "One two three. Four five. Six seven eight nine. Ten."


def chunks(text: str, tokens: int, overlap: int) -> list[str]:
    return [text[a:b] for a, b in chunk_text(text, tokens=tokens, overlap=overlap)]


def test_sentences_are_packed_and_overlap_by_whole_sentences():
    assert chunks(TEXT, 5, 0) == ["One two three. Four five.", "Six seven eight nine. Ten."]
    assert chunks(TEXT, 6, 2) == [
        "One two three. Four five.",
        "Four five. Six seven eight nine.",
        "Ten.",
    ]
    assert chunks(TEXT, 100, 10) == [TEXT]


def test_a_giant_sentence_is_cut_hard():
    assert chunks("a b c d e f g", 3, 1) == ["a b c", "d e f", "g"]
    assert chunks("x" * 100, 2, 0) == ["x" * 80, "x" * 20]


def test_blank_texts_have_no_chunks():
    assert chunks("", 5, 1) == chunks(" \n", 5, 1) == []


def test_ids_and_titles():
    documents = [Passage(TEXT, "Numbers", "doc"), Passage(" Short. ", "", "s")]
    found = list(chunk_documents(documents, ChunkSettings(tokens=5, overlap=0)))
    assert [(p.id, p.title) for p in found] == [
        ("doc#0", "Numbers"),
        ("doc#1", "Numbers"),
        ("s#0", ""),
    ]
    assert found[2].text == "Short."


def test_thirty_megabytes_are_cut():
    spans = chunk_text("word " * 600_000, tokens=200, overlap=40)
    assert len(spans) == 3000


def test_settings():
    with pytest.raises(SettingsError, match="overlap must be smaller"):
        ChunkSettings.parse({"tokens": 40, "overlap": 40}, subject="chunking")
    with pytest.raises(SettingsError, match="tokens"):
        ChunkSettings.parse({"tokens": 0}, subject="chunking")


@settings(deadline=None, max_examples=150)
@given(
    st.text(alphabet="abAB .!\n", max_size=200),
    st.integers(1, 12),
    st.integers(0, 11),
)
def test_chunk_laws(text: str, tokens: int, overlap: int):
    overlap = min(overlap, tokens - 1)
    spans = chunk_text(text, tokens=tokens, overlap=overlap)
    for start, end in spans:
        assert 0 <= start < end <= len(text)
        assert text[start:end] == text[start:end].strip()
        assert count_tokens(text[start:end]) <= tokens
    # Nothing is lost: every sentence is in a chunk, or cut over several that join up.
    for start, end in split_sentences(text):
        covered = {place for a, b in spans for place in range(max(a, start), min(b, end))}
        missing = [text[place] for place in range(start, end) if place not in covered]
        assert not "".join(missing).strip()
    for (_, end), (start, later) in pairwise(spans):
        assert end < later
        assert count_tokens(text[start:end]) <= overlap


def test_duplicates_are_dropped_whatever_case_and_space():
    count = DuplicateCount()
    passages = [Passage(text, "", str(n)) for n, text in enumerate(["A b", "a  B\n", "c", "A b."])]
    assert [p.id for p in drop_duplicates(passages, count=count)] == ["0", "2", "3"]
    assert count.n_duplicates == 1


def test_duplicates_are_found_across_batches_in_a_stream():
    n_read = 0

    def passages() -> Iterator[Passage]:
        nonlocal n_read
        for n in range(5000):
            n_read += 1
            yield Passage(f"text {n % 3000}", "", str(n))

    stream = drop_duplicates(passages())
    next(stream)
    assert n_read <= 512
    assert len(list(stream)) == 2999


def test_texts_without_spaces_have_the_size_of_words():
    sentence = "\u6c34\u661f\u662f\u884c\u661f\u3002"
    assert count_tokens(sentence) == 4
    assert chunks(sentence * 3, 8, 0) == [sentence * 2, sentence]
    thai = "\u0e19\u0e49\u0e33\u0e1c\u0e36\u0e49\u0e07" * 20
    assert 20 < count_tokens(thai) <= 35
    # A sentence longer than a passage is cut.
    assert "".join(chunks(thai, 10, 0)) == thai
    assert all(count_tokens(one) <= 10 for one in chunks(thai, 10, 0))
    # No mark is cut off its letter.
    assert not any(unicodedata.category(one[0]) == "Mn" for one in chunks(thai, 1, 0))
