import pytest

from llmexam.errors import ExamError
from llmexam.exam.exam import Exam
from llmexam.exam.parsers import read_exam
from llmexam.exam.question import Passage, Question
from llmexam.workflows.convert import convert_exam

EXAM = Exam(
    tuple(
        Question(str(i), f"prompt {i}", ("x", "y"), i % 2, (), {"topic": str(i // 4)})
        for i in range(20)
    )
)


@pytest.mark.parametrize(
    ("name", "form"), [("o.csv", "kaggle"), ("o.JSONL", "jsonl"), ("o.json", "alpaca")]
)
def test_the_suffix_says_the_form(tmp_path, name, form):
    result = convert_exam(EXAM, tmp_path / name)
    assert result.format == form
    assert [(part.name, part.n_questions) for part in result.parts] == [("all", 20)]
    assert read_exam(tmp_path / name).format == form


def test_parts_go_beside_the_file_and_share_nothing(tmp_path):
    result = convert_exam(EXAM, tmp_path / "o.jsonl", split="0.5,0.25,0.25", group_by="topic")
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "o-dev.jsonl",
        "o-test.jsonl",
        "o-train.jsonl",
    ]
    exams = [read_exam(part.path) for part in result.parts]
    assert sorted(int(i) for exam in exams for i in exam.ids) == list(range(20))
    topics = [{question.metadata["topic"] for question in exam} for exam in exams]
    assert sum(map(len, topics)) == 5


@pytest.mark.parametrize(
    ("split", "names"),
    [
        ("0.8,0.2", ["train", "test"]),
        ([0.8, 0.2], ["train", "test"]),
        ({"a": 0.5, "b": 0.5}, ["a", "b"]),
        ("fit=0.9, held-out=0.1", ["fit", "held-out"]),
        ("0.25,0.25,0.25,0.25", ["part1", "part2", "part3", "part4"]),
    ],
)
def test_names_of_parts(tmp_path, split, names):
    result = convert_exam(EXAM, tmp_path / "o.csv", split=split)
    assert [part.name for part in result.parts] == names


def test_folds(tmp_path):
    result = convert_exam(EXAM, tmp_path / "o.csv", n_folds=4)
    assert [(part.name, part.n_questions) for part in result.parts] == [
        (f"fold{i}", 5) for i in range(1, 5)
    ]


def test_nothing_is_replaced_without_force(tmp_path):
    (tmp_path / "o-test.csv").write_text("mine")
    with pytest.raises(ExamError, match=r"o-test\.csv: file exists already.*--force"):
        convert_exam(EXAM, tmp_path / "o.csv", split="0.5,0.5")
    assert [path.name for path in tmp_path.iterdir()] == ["o-test.csv"]
    convert_exam(EXAM, tmp_path / "o.csv", split="0.5,0.5", force=True)
    assert len(read_exam(tmp_path / "o-test.csv")) == 10


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"split": "0.5,0.5", "n_folds": 2}, "got both"),
        ({"split": "0.5,half"}, "expected a number, got 'half' in '0.5,half'"),
        ({"split": "nan,1"}, "'nan'"),
        ({"split": "a=0.5,a=0.5"}, "expected distinct names"),
        ({"split": "../x=0.5,b=0.5"}, "expected distinct names"),
        ({"split": "0.5,0.6"}, "add up to 1"),
        ({"to": "kagle"}, "Did you mean 'kaggle'"),
    ],
)
def test_faults_write_nothing(tmp_path, options, words):
    with pytest.raises(ExamError, match=words):
        convert_exam(EXAM, tmp_path / "o.csv", **options)
    assert list(tmp_path.iterdir()) == []


def test_a_suffix_that_says_nothing_and_a_folder(tmp_path):
    with pytest.raises(ExamError, match="Choose one with --to: kaggle, jsonl"):
        convert_exam(EXAM, tmp_path / "o.txt")
    (tmp_path / "o.csv").mkdir()
    with pytest.raises(ExamError, match="got a folder"):
        convert_exam(EXAM, tmp_path / "o.csv", force=True)


def test_what_is_lost_is_told(tmp_path):
    exam = Exam((Question("a", "p", ("x", "y"), 0, (Passage("t"),)),))
    assert convert_exam(exam, tmp_path / "o.json").lost == ("ids", "passages")


@pytest.mark.parametrize(
    "name",
    [
        "mcq/arc_challenge_dev.jsonl",
        "mcq/scienceqa_text_validation.parquet",
        "science_exam/train_with_context.csv",
        "mcq/college_physics_test.csv",
    ],
)
@pytest.mark.parametrize("suffix", [".jsonl", ".json"])
def test_real_exams_survive(shared_data, tmp_path, name, suffix):
    exam = read_exam(shared_data / name)
    convert_exam(exam, tmp_path / f"o{suffix}")
    back = read_exam(tmp_path / f"o{suffix}")
    assert [(q.prompt, q.options, q.answer) for q in back] == [
        (q.prompt, q.options, q.answer) for q in exam
    ]
    if suffix == ".jsonl":
        assert back.questions == exam.questions


def test_official_contexts_survive_csv(shared_data, tmp_path):
    exam = read_exam(shared_data / "science_exam" / "official_200_with_context.csv")
    convert_exam(exam, tmp_path / "o.csv")
    assert read_exam(tmp_path / "o.csv").content_hash == exam.content_hash
