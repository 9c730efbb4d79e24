import time
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmexam.authoring.checks.words import plain as plain_quote
from llmexam.exam.normal_forms import normal_form
from llmexam.exam.normalise import normalise
from llmexam.exam.parsers.naming import folded
from llmexam.exam.segmentation import is_undivided, nfkc, segmented, single_characters
from llmexam.solvers.served.mentions import plain

MARKS = "\u0301\u0316\u0344\u3099\uff9e\u0f73"


@given(
    st.text(st.sampled_from(f"a\u0e01\u1100\u1161\uff76\u00e9\U0001f600 {MARKS}"), max_size=40),
    st.sampled_from(["NFC", "NFKC", "NFKD"]),
)
def test_short_runs_of_marks_are_normalised_as_ever(text, form):
    assert normal_form(text, form) == unicodedata.normalize(form, text)


@pytest.mark.parametrize("letters", ["\u1112\u1161\u11ab", "\u0e21\u0e49", "\U00011099\U000110ba"])
def test_long_runs_of_letters_are_composed(letters):
    assert normal_form(letters * 100) == unicodedata.normalize("NFKC", letters * 100)


def test_only_the_marks_of_a_long_run_are_divided():
    before, after = "Go\u0308del \u2460", "caf\u00e9"
    found = normal_form(f"{before}{MARKS[:2] * 40}{after}")
    assert found.startswith("G\u00f6del 1")
    assert found.endswith("caf\u00e9")
    assert sorted(found[7:-4]) == sorted(MARKS[:2] * 40)


@pytest.mark.parametrize("marks", ["\u0301\u0316", "\uff9e\u0316", "\u0e38\u0e48"])
@pytest.mark.parametrize(
    "read",
    [
        *(normal_form, nfkc, segmented, is_undivided, single_characters, normalise, plain),
        *(plain_quote, folded),
    ],
)
def test_many_marks_take_linear_time(read, marks):
    start = time.monotonic()
    read("\u0e01" + marks * 20_000)
    assert time.monotonic() - start < 2
