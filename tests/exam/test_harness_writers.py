import json

import jinja2
import pyarrow.parquet as pq
import pytest
import yaml

from llmexam.errors import ExamError
from llmexam.exam.exam import Exam
from llmexam.exam.parsers import read_exam
from llmexam.exam.question import Passage, Question
from llmexam.exam.writers import what_is_lost, write_exam
from llmexam.workflows.convert import convert_exam

ONE = Question("q1", "Which gas?", ("oxygen", "helium"), 1, metadata={"subject": "chemistry"})
TWO = Question("q2", "Which melt?", ("ice", "sand", "wax"), 0, right=(0, 2))
OPEN = Question("q3", "Who?", ("a", "b"))


def lines(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_mmlu_as_json_lines_and_as_parquet(tmp_path):
    exam = Exam((ONE, OPEN))
    write_exam(tmp_path / "mmlu.jsonl", exam, format="hub-mmlu")
    write_exam(tmp_path / "mmlu.parquet", exam, format="hub-mmlu")
    expected = [
        {
            "question": "Which gas?",
            "subject": "chemistry",
            "choices": ["oxygen", "helium"],
            "answer": 1,
        },
        {"question": "Who?", "subject": "", "choices": ["a", "b"], "answer": -1},
    ]
    assert lines(tmp_path / "mmlu.jsonl") == expected
    assert pq.read_table(tmp_path / "mmlu.parquet").to_pylist() == expected
    assert what_is_lost(exam, "hub-mmlu") == ("ids",)
    with pytest.raises(ExamError, match="several right options"):
        write_exam(tmp_path / "mmlu.jsonl", Exam((TWO,)), format="hub-mmlu")


def test_mmlu_is_read_again(tmp_path):
    write_exam(tmp_path / "mmlu.parquet", Exam((ONE,)), format="hub-mmlu")
    (again,) = read_exam(tmp_path / "mmlu.parquet")
    assert (again.prompt, again.options, again.answer) == (ONE.prompt, ONE.options, ONE.answer)
    assert again.metadata["subject"] == "chemistry"


def test_samples_of_inspect(tmp_path):
    write_exam(tmp_path / "samples.jsonl", Exam((ONE, TWO, OPEN)), format="inspect")
    first, second, third = lines(tmp_path / "samples.jsonl")
    assert first == {
        "id": "q1",
        "input": "Which gas?",
        "choices": ["oxygen", "helium"],
        "target": "B",
        "metadata": {"subject": "chemistry"},
    }
    assert (second["target"], third["target"]) == (["A", "C"], "")


def test_a_task_of_lm_eval_has_a_prompt_that_renders_and_data_beside_it(tmp_path):
    exam = Exam((ONE.with_passages([Passage("Helium is a gas.")]), OPEN)).subset([0])
    result = convert_exam(exam, tmp_path / "my exam.yaml")
    assert result.format == "lm-eval"
    task = yaml.safe_load((tmp_path / "my exam.yaml").read_text())
    assert task["task"] == "my_exam"
    assert task["output_type"] == "multiple_choice"
    (row,) = lines(tmp_path / task["dataset_kwargs"]["data_files"]["test"])
    prompt = jinja2.Environment(undefined=jinja2.StrictUndefined).from_string(task["doc_to_text"])
    assert prompt.render(**row) == ("Helium is a gas.\n\nWhich gas?\nA. oxygen\nB. helium\nAnswer:")
    assert row[task["doc_to_choice"]][row[task["doc_to_target"]]] == "B"


def test_several_right_options_are_a_list_in_all_rows_of_lm_eval(tmp_path):
    write_exam(tmp_path / "t.yaml", Exam((ONE, TWO)), format="lm-eval")
    assert [row["answer"] for row in lines(tmp_path / "t.jsonl")] == [[1], [0, 2]]
    with pytest.raises(ExamError, match="'q3' has no answer"):
        write_exam(tmp_path / "t.yaml", Exam((OPEN,)), format="lm-eval")


def test_neither_file_of_a_task_is_replaced(tmp_path):
    (tmp_path / "t.jsonl").write_text("kept")
    with pytest.raises(ExamError, match="file exists already"):
        convert_exam(Exam((ONE,)), tmp_path / "t.yaml")
    assert (tmp_path / "t.jsonl").read_text() == "kept"
    assert not (tmp_path / "t.yaml").exists()


@pytest.mark.parametrize("name", ["t.jsonl", "t", "t.csv"])
def test_a_task_that_is_not_named_as_yaml_is_refused(tmp_path, name):
    with pytest.raises(ExamError, match=r"ends in \.yaml.*Write to t\.yaml"):
        convert_exam(Exam((ONE,)), tmp_path / name, to="lm-eval")
    with pytest.raises(ExamError, match=r"ends in \.yaml"):
        write_exam(tmp_path / name, Exam((ONE,)), format="lm-eval")
    assert not list(tmp_path.iterdir())


def test_a_task_may_have_the_suffix_yml(tmp_path):
    convert_exam(Exam((ONE,)), tmp_path / "t.yml")
    assert {path.name for path in tmp_path.iterdir()} == {"t.yml", "t.jsonl"}


@pytest.mark.parametrize("form", ["hub-mmlu", "inspect"])
def test_what_other_tools_read_is_read_again(tmp_path, form):
    exam = Exam((ONE, OPEN) if form == "hub-mmlu" else (ONE, TWO, OPEN))
    write_exam(tmp_path / "exam.jsonl", exam, format=form)
    again = read_exam(tmp_path / "exam.jsonl")
    assert [(q.prompt, q.options, q.right_options) for q in again] == [
        (q.prompt, q.options, q.right_options) for q in exam
    ]
