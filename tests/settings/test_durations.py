"""Durations of time limits."""

import pytest

from llmexam.errors import SettingsError
from llmexam.settings.durations import parse_duration


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("9h", 32_400), ("90m", 5_400), ("30s", 30), ("1h30m", 5_400), (" 45 ", 45), ("1H", 3_600)],
)
def test_durations_are_read(text, seconds):
    assert parse_duration(text) == seconds


@pytest.mark.parametrize("text", ["", "h", "9x", "-1h", "0", "1h 30m", "9h x", f"{'9' * 400}h"])
def test_what_is_no_duration(text):
    with pytest.raises(SettingsError, match="expected a duration"):
        parse_duration(text)
