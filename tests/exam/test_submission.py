import tempfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from llmexam.errors import SubmissionError
from llmexam.exam.exam import Exam
from llmexam.exam.parsers import read_exam
from llmexam.exam.question import Question
from llmexam.exam.scores import ScoreMatrix
from llmexam.exam.submission import read_submission, validate_submission, write_submission

ids = st.one_of(
    st.sampled_from(["0", "None", "a,b", 'q"1"', "x\ny"]),
    st.text(st.characters(blacklist_categories=["Cs"], blacklist_characters="\0"), min_size=1),
).filter(str.strip)

EXAM = Exam((Question("a", "p", tuple("xyz"), 0), Question("b", "p", tuple("xy"), 1)))


def test_best_first_and_no_letter_for_an_option_that_is_not_there(tmp_path):
    path = tmp_path / "s.csv"
    write_submission(path, ScoreMatrix.from_rows(["a", "b"], [[0.1, 0.3, 0.2], [1, 2]]))
    assert path.read_bytes() == b"id,prediction\r\na,B C A\r\nb,B A\r\n"
    assert validate_submission(path, EXAM) == {"a": (1, 2, 0), "b": (1, 0)}
    write_submission(path, ScoreMatrix.from_rows(["a", "b"], [[0.1, 0.3, 0.2], [1, 2]]), k=1)
    assert read_submission(path) == {"a": (1,), "b": (1,)}


@settings(max_examples=60, deadline=None)
@given(
    st.dictionaries(
        ids, st.lists(st.floats(-5, 5, width=32), min_size=2, max_size=26), min_size=1, max_size=5
    ),
    st.integers(1, 5),
)
def test_round_trip(rows, k):
    scores = ScoreMatrix.from_rows(list(rows), list(rows.values()))
    exam = Exam(tuple(Question(i, "p", ("o",) * len(row)) for i, row in rows.items()))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "s.csv"
        write_submission(path, scores, k=k)
        back = validate_submission(path, exam, k=k)
    expected = {
        i: tuple(best[:k][best[:k] >= 0].tolist())
        for i, best in zip(rows, scores.ranking, strict=True)
    }
    assert back == expected


@pytest.mark.parametrize(
    ("text", "row", "field", "words"),
    [
        ("id,prediction\na,A\n", None, "id", "1 of 2 questions have no prediction: 'b'"),
        ("id,prediction\na,A\nb,A\nc,A\n", 3, "id", "unknown id 'c'"),
        ("id,prediction\na,A\na,B\nb,A\n", 2, "id", "duplicate id 'a', first used in row 1"),
        ("id,prediction\na,A\nb, \n", 2, "prediction", "blank"),
        ("id,prediction\na,A\nb,C\n", 2, "prediction", "of A-B, got 'C'"),
        ("id,prediction\na,a\nb,A\n", 1, "prediction", "of A-C, got 'a'"),
        ('id,prediction\na,"A,B"\nb,A\n', 1, "prediction", "got 'A,B'"),
        ("id,prediction\na,A B C A\nb,A\n", 1, "prediction", "got 4 in"),
        ("id,prediction\na,A B A\nb,A\n", 1, "prediction", "expected distinct letters"),
        ("id,pred\na,A\n", None, "prediction", "column 'prediction' is missing"),
        ("id,prediction,x\na,A,1\n", None, None, "got others as well: x"),
        ("id,prediction\na\n", 1, None, "cells as in the header, got 1"),
        ("id,prediction\n", None, None, "has no predictions"),
        ("", None, None, "is empty"),
    ],
)
def test_faults_name_file_row_and_field(write, text, row, field, words):
    path = write(text, "s.csv")
    with pytest.raises(SubmissionError, match=words) as caught:
        validate_submission(path, EXAM)
    assert (caught.value.file, caught.value.row, caught.value.field) == (str(path), row, field)


def test_repeats_are_kept_for_the_metric_and_allowed_if_not_strict(write):
    path = write("id,prediction\nb,A A A\na,B A A\n", "s.csv")
    assert read_submission(path, EXAM) == {"b": (0, 0, 0), "a": (1, 0, 0)}
    assert validate_submission(path, EXAM, strict=False)["a"] == (1, 0, 0)


def test_nothing_to_write(tmp_path):
    with pytest.raises(SubmissionError, match="no questions"):
        write_submission(tmp_path / "s.csv", ScoreMatrix.from_rows([], []))
    with pytest.raises(SubmissionError, match="got 0"):
        write_submission(tmp_path / "s.csv", ScoreMatrix.from_rows(["a"], [[1, 2]]), k=0)


@pytest.mark.parametrize("name", ["sample_submission.csv", "public_submission.csv"])
def test_real_submissions(shared_data, name):
    folder = shared_data / "science_exam"
    answers = validate_submission(folder / name, read_exam(folder / "official_200.csv"))
    assert np.array(list(answers.values())).shape == (200, 3)
