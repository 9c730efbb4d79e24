"""Quizzes of other projects, where they are at hand."""

import os
from pathlib import Path

import pytest

from llmexam.exam.parsers import read_rows

FOLDER = Path(os.environ.get("LLMEXAM_SHARED_DATA", "")) / "exam_shapes"
pytestmark = pytest.mark.skipif(not FOLDER.is_dir(), reason="the data are not on this machine")


@pytest.mark.parametrize(
    ("name", "format", "letters", "n_faults"),
    [
        ("aiken_sample.txt", "aiken", ["C", "A", "C, D", "A", "B", "D", "C"], 2),
        ("gift_grammar_giftFormatPhpExamples.gift", "gift", ["C", "B", "B", "B", "C"], 0),
        ("gift_grammar_mcHTMLComment.gift", "gift", ["C"], 0),
        ("gift_grammar_totara_moodle_multichoice_multi.gift", "gift", ["A, C"], 0),
        ("moodlexml_from_aiken.xml", "moodle-xml", ["A", "C, D", "A", "C, D"], 0),
        ("qti_qtiv2p2-examples_items_choice.xml", "qti", ["A"], 0),
        ("qti_qtiv2p2-examples_items_choice_multiple.xml", "qti", ["A, D"], 0),
        ("qti_qtiv3-examples_packaging_items_choice_fixed.xml", "qti", ["A"], 0),
    ],
)
def test_quizzes_of_others_are_read(name, format, letters, n_faults):
    read = read_rows(FOLDER / name)
    assert read.format == format
    assert [question.right_letters for _, question in read.rows] == letters
    assert len(read.faults) == n_faults
