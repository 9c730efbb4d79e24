"""Selection of items by metadata."""

import pytest

from llmexam.errors import ExamError
from llmexam.exam.selection import matching_rows

ROWS = [
    {"source": "sciq/train", "year": "1"},
    {"source": "sciq/valid", "year": "1"},
    {"source": "arc", "year": "2"},
    {},
]


def test_items_must_match_one_value_of_each_field():
    assert matching_rows(ROWS, {}, file="f") is None
    assert matching_rows(ROWS, {"source": ["sciq/train"]}, file="f") == [0]
    assert matching_rows(ROWS, {"source": ["arc", "sciq/valid"]}, file="f") == [1, 2]
    assert matching_rows(ROWS, {"source": ["arc", "sciq/valid"], "year": ["1"]}, file="f") == [1]


@pytest.mark.parametrize(
    ("where", "message"),
    [
        ({"source": ["sciq"]}, "source 'sciq', got none.*'sciq/train', 'sciq/valid', 'arc'"),
        ({"source": ["arc", "sciq"]}, "source 'sciq', got none"),
        ({"sorce": ["arc"]}, "sorce 'arc', got none.*the fields are 'source', 'year'"),
        ({"source": []}, "expected items with source"),
        ({"source": ["arc"], "year": ["1"]}, "no item has all the values at once"),
    ],
)
def test_what_matches_nothing_is_an_error_that_names_the_values(where, message):
    with pytest.raises(ExamError, match=f"(?s){message}"):
        matching_rows(ROWS, where, file="exam.jsonl")
