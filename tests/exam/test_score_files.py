import tempfile
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from llmexam.errors import ScoreError
from llmexam.exam.score_files import read_scores, write_scores
from llmexam.exam.scores import ScoreMatrix

ids = st.one_of(
    st.sampled_from(["0", "None", "a,b", 'q"1"', "x\ny"]),
    st.text(st.characters(blacklist_categories=["Cs"], blacklist_characters="\0"), min_size=1),
).filter(str.strip)


@settings(max_examples=40, deadline=None)
@given(
    st.dictionaries(
        ids,
        st.tuples(
            st.lists(
                st.floats(width=32, allow_nan=False, allow_infinity=False), min_size=2, max_size=7
            ),
            st.booleans(),
        ),
        max_size=6,
    ),
    st.dictionaries(ids, ids, max_size=3),
)
def test_round_trip(rows, metadata):
    scores = ScoreMatrix.from_rows(
        list(rows), [values for values, _ in rows.values()], [cut for _, cut in rows.values()]
    )
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "scores.parquet"
        write_scores(path, scores, metadata)
        back, told = read_scores(path)
    assert back.question_ids == scores.question_ids
    np.testing.assert_array_equal(back.values, scores.values)
    np.testing.assert_array_equal(back.present, scores.present)
    np.testing.assert_array_equal(back.truncated, scores.truncated)
    assert told == metadata


def test_only_present_options_are_stored(tmp_path):
    path = tmp_path / "s.parquet"
    write_scores(path, ScoreMatrix.from_rows(["a", "b"], [[1, 2, 3], [4, 5]]))
    table = pq.read_table(path)
    assert table.column_names == ["id", "scores", "truncated"]
    assert table["scores"].to_pylist() == [[1, 2, 3], [4, 5]]


def test_a_hole_between_options_is_refused(tmp_path):
    present = np.array([[True, False, True]])
    scores = ScoreMatrix(("a",), np.ones((1, 3), np.float32), present, np.zeros(1, bool))
    with pytest.raises(ScoreError, match="'a' has a gap"):
        write_scores(tmp_path / "s.parquet", scores)


@pytest.mark.parametrize("keep", [0, 3, 50, -1])
def test_a_damaged_file_names_itself(tmp_path, keep):
    path = tmp_path / "s.parquet"
    write_scores(path, ScoreMatrix.from_rows(["a"], [[1, 2]]))
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(ScoreError, match="damaged") as caught:
        read_scores(path)
    assert caught.value.file == str(path)


def test_damage_anywhere_is_an_error_or_changes_nothing(tmp_path):
    path = tmp_path / "s.parquet"
    scores = ScoreMatrix.from_rows(["a", "b"], [[1, 2], [3, 4]])
    write_scores(path, scores)
    whole = path.read_bytes()
    named = []
    for place in range(4, len(whole), 7):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 0xFF]) + whole[place + 1 :])
        try:
            np.testing.assert_array_equal(read_scores(path)[0].values, scores.values)
        except ScoreError as error:
            named.append(error.file)
    assert named
    assert set(named) == {str(path)}


def test_other_files(tmp_path):
    with pytest.raises(ScoreError, match="file not found"):
        read_scores(tmp_path / "no.parquet")
    with pytest.raises(ScoreError, match="got a folder"):
        read_scores(tmp_path)
    pq.write_table(pa.table({"id": ["a"]}), tmp_path / "x.parquet")
    with pytest.raises(
        ScoreError, match=r"expected the columns of a score file, got id \(string\)"
    ):
        read_scores(tmp_path / "x.parquet")


def test_scores_that_are_no_numbers_name_the_file(tmp_path):
    path = tmp_path / "s.parquet"
    write_scores(path, ScoreMatrix.from_rows(["a"], [[1, 2]]))
    table = pq.read_table(path)
    bad = pa.array([[1.0, float("nan")]], pa.list_(pa.float32()))
    pq.write_table(table.set_column(1, table.schema.field(1), bad), path)
    with pytest.raises(ScoreError, match="option B: expected a finite score, got nan") as caught:
        read_scores(path)
    assert caught.value.file == str(path)


def test_a_name_of_another_form_is_refused(tmp_path):
    scores = ScoreMatrix.from_rows(["a"], [[1, 2]])
    with pytest.raises(
        ScoreError, match=r"scores\.CSV: expected an output path that ends in .parquet"
    ):
        write_scores(tmp_path / "scores.CSV", scores)
    assert not list(tmp_path.iterdir())
    for name in ("scores", "scores.parquet", "odd.name"):
        write_scores(tmp_path / name, scores)


def test_every_flipped_bit_is_found_or_harmless(tmp_path):
    path = tmp_path / "s.parquet"
    scores = ScoreMatrix.from_rows(["a", "b"], [[1, 2, 3], [4, 5]], [False, True])
    metadata = {"solver": "lexical", "exam_hash": "0" * 64}
    write_scores(path, scores, metadata)
    content = path.read_bytes()
    for place in range(0, 8 * len(content), 5):
        changed = bytearray(content)
        changed[place // 8] ^= 1 << place % 8
        path.write_bytes(changed)
        try:
            found, told = read_scores(path)
        except ScoreError:
            continue
        assert found.question_ids == scores.question_ids
        np.testing.assert_array_equal(found.values, scores.values)
        np.testing.assert_array_equal(found.truncated, scores.truncated)
        assert told == metadata


def test_a_file_without_a_checksum_is_read(tmp_path):
    path = tmp_path / "s.parquet"
    write_scores(path, ScoreMatrix.from_rows(["a"], [[1, 2]]))
    pq.write_table(pq.read_table(path).replace_schema_metadata(None), path)
    assert read_scores(path)[1] == {}


@pytest.mark.parametrize(
    ("scores", "truncated"), [([None, [3, 4]], [True, False]), ([[1, 2], [3, 4]], [None, False])]
)
def test_nulls_are_named(tmp_path, scores, truncated):
    path = tmp_path / "s.parquet"
    lists = pa.array(scores, pa.large_list(pa.float32()))
    ids = pa.array(["a", "b"], pa.large_string())
    pq.write_table(pa.table({"id": ids, "scores": lists, "truncated": truncated}), path)
    with pytest.raises(ScoreError, match=r"row 1 field '\w+': expected a value, got null"):
        read_scores(path)
