import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmexam.evaluation.results import Estimate
from llmexam.report import formats


@pytest.mark.parametrize("value", [None, math.nan, math.inf])
def test_what_is_no_number_is_a_dash(value):
    assert formats.fixed(value) == formats.MISSING


def test_an_interval_with_signs_keeps_both_signs():
    text = formats.interval(Estimate(value=0, low=-0.25, high=0.5), with_sign=True)
    assert text == "\N{MINUS SIGN}0.2500 to +0.5000"


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0 ms"), (0.9996, "1.0 s"), (59.96, "1 min 0 s"), (3599.6, "1 h 0 min")],
)
def test_durations_round_into_the_next_unit(seconds, text):
    assert formats.duration(seconds) == text


def test_memory_changes_unit():
    assert [formats.memory(999.4), formats.memory(999.6)] == ["999 MB", "1.0 GB"]


@pytest.mark.parametrize(("rank", "text"), [(12, "12th"), (13, "13th"), (21, "21st"), (26, "26th")])
def test_ordinals_of_the_teens(rank, text):
    assert formats.ordinal(rank) == text


def test_listings():
    assert formats.listing([]) == ""
    assert formats.listing(["a", "b"]) == "a and b"
    assert formats.listing(["a", "b", "c"], limit=2) == "a, b and 1 more"


def test_a_small_p_value_is_a_bound():
    assert [formats.p_value(0.001), formats.p_value(0.00099)] == ["0.001", "< 0.001"]


@given(st.text(max_size=200), st.integers(min_value=3, max_value=50))
def test_clipped_texts_are_short_and_true(text, limit):
    clipped = formats.clip(text, limit)
    assert len(clipped) <= limit
    assert clipped == text or text.startswith(clipped.removesuffix("…"))


@given(st.text(st.characters(), max_size=100))
def test_printable_texts_are_utf8_without_control_characters(text):
    shown = formats.printable(text)
    shown.encode("utf-8")
    assert not any(ord(c) < 0x20 and c not in "\n\t" for c in shown)
    assert "\x7f" not in shown
    assert "\x9b" not in shown
