"""The stages of the task beside those of its solvers."""

import json

import pytest

from llmexam.errors import ExamError, SettingsError
from llmexam.stages.local import LocalExecutor
from llmexam.tasks.multiple_choice.task import MultipleChoice
from llmexam.workflows.run.plan import parse_plan


@pytest.fixture
def audit(tmp_path):
    """Return a function that audits an exam file, and says whether that was cached."""
    (tmp_path / "stages").mkdir()

    def run(header, **changes):
        (tmp_path / "exam.csv").write_text(f"{header}\n0,What melts?,ice,sand,x\n")
        values = {"exam": "exam.csv", "solvers": ["first"], **changes}
        plan = parse_plan(values, base=tmp_path, file=None)
        task, stages = MultipleChoice(), LocalExecutor(tmp_path)
        found = task.audit(plan, task.read(plan), stages)
        return " ".join(finding.message for finding in found), stages.records[0].cached

    return run


def test_an_audit_notices_another_name_of_a_column(audit):
    said, _ = audit("id,prompt,A,B,anwser")
    assert "column 'anwser'" in said
    assert audit("id,prompt,A,B,anwser") == (said, True)
    said, cached = audit("id,prompt,A,B,note")
    assert not cached
    assert "anwser" not in said


def test_an_audit_names_the_files_as_they_are_called_now(audit, tmp_path):
    path = tmp_path / "train.csv"
    path.write_text("id,prompt,A,B,answer\n9,What melts?,ice,sand,A\n")
    said, _ = audit("id,prompt,A,B,note", audit_against=["train.csv"])
    assert "train.csv" in said
    path.rename(tmp_path / "moved.csv")
    said, _ = audit("id,prompt,A,B,note", audit_against=["moved.csv"])
    assert "moved.csv" in said
    assert "train.csv" not in said


def test_the_bundled_exam_can_be_audited_against(audit):
    said, cached = audit("id,prompt,A,B,note", audit_against=["bundled"])
    assert not cached
    assert "no question has an answer" in said


def test_a_file_to_audit_against_that_is_not_there_is_named(audit):
    with pytest.raises(ExamError, match=r"nowhere\.csv"):
        audit("id,prompt,A,B,note", audit_against=["nowhere.csv"])


def test_clusters_that_the_exam_lacks_are_an_error_before_anything_runs(tmp_path):
    passage = {"text": "Ice melts.", "title": "Ice"}
    rows = [
        {"id": str(i), "prompt": f"What melts at {i}?", "options": ["ice", "sand"], "answer": 0}
        | ({"passages": [passage]} if i < 2 else {})
        for i in range(4)
    ]
    (tmp_path / "exam.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))

    def check(cluster_by, **evidence):
        values = {
            "exam": "exam.jsonl",
            "solvers": ["first"],
            "evaluation": {"cluster_by": cluster_by},
            "evidence": evidence,
        }
        plan = parse_plan(values, base=tmp_path, file=None)
        task = MultipleChoice()
        task.check(plan, task.read(plan))

    check("passage")
    with pytest.raises(SettingsError, match="no item has the metadata field 'article'"):
        check("article")
    with pytest.raises(SettingsError, match="need the passages that the plan drops"):
        check("passage", given="drop")
    # A file starts at the folder of the plan.
    (tmp_path / "clusters.csv").write_text("id,cluster\n0,a\n1,a\n")
    check("clusters.csv")
