import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmexam.exam.segmentation import (
    Singles,
    nfkc,
    segmented,
    share_undivided,
    single_characters,
    sized_words,
)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (
            "\u6c34\u661f\u662f\u884c\u661f\u3002",
            "\u6c34\u661f \u661f\u662f \u662f\u884c \u884c\u661f\u3002",
        ),
        ("X\u5c04\u7ebf", "X \u5c04\u7ebf"),
        ("\u91d1 or \u94dc", "\u91d1 or \u94dc"),
        # Katakana with its long vowel mark, and in half width.
        ("\u30bf\u30ef\u30fc", "\u30bf\u30ef \u30ef\u30fc"),
        ("\uff80\uff9c\uff70", "\u30bf\u30ef \u30ef\u30fc"),
        # Korean, composed and not.
        ("\ud55c\uad6d\uc5b4 \ubb38", "\ud55c\uad6d \uad6d\uc5b4 \ubb38"),
        ("\u1112\u1161\u11ab\u1100\u116e\u11a8\uc5b4", "\ud55c\uad6d \uad6d\uc5b4"),
        # Marks stay with their letter: Thai, Khmer with a joined consonant, Burmese.
        ("\u0e21\u0e49\u0e32\u0e19", "\u0e21\u0e49\u0e32 \u0e32\u0e19"),
        ("\u1781\u17d2\u1798\u17c2\u179a", "\u1781\u17d2\u1798\u17c2\u179a"),
        (
            "\u1019\u103c\u1014\u103a\u1019\u102c",
            "\u1019\u103c\u1014\u103a \u1014\u103a\u1019\u102c",
        ),
        # These write spaces.
        ("Go\u0308del", "G\u00f6del"),
        (
            "\u0939\u093f\u0928\u094d\u0926\u0940 \u0915\u0925\u093e",
            "\u0939\u093f\u0928\u094d\u0926\u0940 \u0915\u0925\u093e",
        ),
        (
            "\u0627\u0644\u0625\u062c\u0627\u0628\u0629",
            "\u0627\u0644\u0625\u062c\u0627\u0628\u0629",
        ),
    ],
)
def test_scripts_without_spaces_are_cut_into_pairs(text, words):
    assert " ".join(segmented(text).replace("\u3002", "").split()) == words.replace("\u3002", "")


def test_ascii_texts_stay_the_same_object():
    text = "Light is faster than sound, 3.5 times  or so."
    assert segmented(text) is text
    assert segmented(text, all_singles=True) is text
    assert sized_words(text) is None


def test_single_characters_stand_beside_the_pairs_where_they_are_words():
    assert segmented("\u6c34\u661f", all_singles=True) == "\u6c34 \u6c34\u661f \u661f"
    assert single_characters("\u94c1 \u6216\u8005 \u91d1, iron") == {"\u94c1", "\u91d1"}
    # "gold" in "metal is gold": not the one in "metal".
    singles = Singles(frozenset("\u91d1"), frozenset(["\u91d1\u5c5e"]))
    cut = segmented("\u91d1\u5c5e\u662f\u91d1", singles=singles)
    assert cut == "\u91d1\u5c5e \u5c5e\u662f \u662f\u91d1 \u91d1"


@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=12))
def test_the_fast_normalisation_is_nfkc(text):
    assert nfkc(text) == unicodedata.normalize("NFKC", text)


@pytest.mark.parametrize(
    "text",
    [
        "70 \u00b5m\u00a0of a\u0301",
        "\u3145\uffd3",
        "\ufb01eld \u00bd",
        "e\u0301\u00e9",
        "\uff76\uff9e",
    ],
)
def test_normalisation_of_hard_cases(text):
    assert nfkc(text) == unicodedata.normalize("NFKC", text)


def test_words_that_cannot_be_told_apart_are_counted():
    run = "alongwordinwhichnobodycansaywhereanyofitsownwordsendsandwhichgoeson"
    assert share_undivided(["short words", run]) == 0.5
    assert share_undivided(["\u6c34" * 100, "a_" * 100]) == 0.0
    assert share_undivided([]) == 0.0
