import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from llmexam.errors import ExamError
from llmexam.exam.parsers import read_exam


def parquet(tmp_path, **columns):
    path = tmp_path / "exam.parquet"
    pq.write_table(pa.table(columns), path)
    return path


def test_lists_hints_metadata_and_pictures(tmp_path):
    path = parquet(
        tmp_path,
        question=["p", "q"],
        choices=[["x", "y"], ["None", "NA", ""]],
        answer=pa.array([1, None], pa.int8()),
        hint=["Read this.", ""],
        solution=["because", ""],
        image=[{"bytes": b"\x00"}, None],
    )
    exam = read_exam(path)
    assert exam.format == "scienceqa"
    assert exam[1].options == ("None", "NA", "")
    assert exam.answers.tolist() == [1, -1]
    assert [passage.text for passage in exam[0].passages] == ["Read this."]
    assert exam[1].passages == ()
    assert dict(exam[0].metadata) == {"solution": "because"}
    assert dict(exam[1].metadata) == {}


def test_faults(tmp_path):
    with pytest.raises(ExamError, match="'choices' is missing; found: question"):
        read_exam(parquet(tmp_path, question=["p"]))
    with pytest.raises(ExamError, match="index from 0 to 1, got 2") as caught:
        read_exam(parquet(tmp_path, question=["p"], choices=[["x", "y"]], answer=[2]))
    assert (caught.value.row, caught.value.field) == (1, "answer")
    with pytest.raises(ExamError, match="has no questions"):
        read_exam(
            parquet(
                tmp_path,
                question=pa.array([], pa.string()),
                choices=pa.array([], pa.list_(pa.string())),
            )
        )


@pytest.mark.parametrize("keep", [4, 60, 200])
def test_a_cut_file_is_damaged(tmp_path, keep):
    path = parquet(tmp_path, question=["p"], choices=[["x", "y"]], answer=[0])
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(ExamError, match="damaged Parquet"):
        read_exam(path)


def test_real_file(shared_data):
    exam = read_exam(shared_data / "mcq" / "scienceqa_text_validation.parquet")
    assert (exam.format, len(exam), exam.is_labelled) == ("scienceqa", 2144, True)
    assert {len(question.options) for question in exam} == {2, 3, 4}
    assert exam[0].answer == 0
    assert exam[0].metadata["grade"] == "grade8"
