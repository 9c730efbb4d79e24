import pytest

from llmexam.errors import ExamError
from llmexam.recovery.groups import prompt_groups
from llmexam.recovery.parsing import read_rewrites
from llmexam.sample import REWRITES_PATH
from llmexam.workflows.convert import convert_exam


def parts_of(result):
    return [read_rewrites(part.path) for part in result.parts]


def test_formats(tmp_path):
    result = convert_exam("bundled", tmp_path / "o.jsonl", task="prompt-recovery")
    assert (result.format, result.noun, result.parts[0].n_questions) == ("jsonl", "row", 60)
    assert parts_of(result)[0].content_hash == read_rewrites(REWRITES_PATH).content_hash


@pytest.mark.parametrize("how", [{"split": "0.7,0.15,0.15"}, {"n_folds": 4}])
def test_near_equal_prompts_stay_in_one_part(tmp_path, how):
    parts = parts_of(convert_exam(REWRITES_PATH, tmp_path / "o.csv", **how))
    assert sum(map(len, parts)) == 60
    groups = prompt_groups([prompt for part in parts for prompt in part.prompts]).tolist()
    seen = []
    for part in parts:
        seen.append(set(groups[: len(part)]))
        groups = groups[len(part) :]
    assert sum(map(len, seen)) == len(set().union(*seen)) > 20


def test_other_groups(tmp_path):
    rows = [f"{i},a {i},b {i},{'odd' if i % 2 else 'even'}" for i in range(12)]
    path = tmp_path / "e.csv"
    path.write_text("\n".join(["id,original_text,rewritten_text,kind", *rows]) + "\n")
    parts = parts_of(convert_exam(path, tmp_path / "o.csv", n_folds=2, group_by="kind"))
    assert [len({row.metadata["kind"] for row in part}) for part in parts] == [1, 1]
    parts = parts_of(convert_exam(path, tmp_path / "p.csv", n_folds=2, stratify="kind"))
    assert [sum(row.metadata["kind"] == "odd" for row in part) for part in parts] == [3, 3]


@pytest.mark.parametrize(
    ("how", "message"),
    [
        ({"n_folds": 80}, "cannot make 80 folds of 60 rows"),
        ({"n_folds": 2, "group_by": "kind"}, "no row has a column 'kind'.*none, prompt, topic"),
        ({"split": "0.5,0.6"}, "add up to 1"),
        ({"to": "kaggle"}, "cannot be written in format 'kaggle'.*csv, jsonl"),
    ],
)
def test_mistakes_are_named(tmp_path, how, message):
    with pytest.raises(ExamError, match=message):
        convert_exam(REWRITES_PATH, tmp_path / "o.csv", **how)
    assert list(tmp_path.iterdir()) == []
