"""Runs are compared with runs, score files and submissions of the workspace alone."""

import shutil
from types import SimpleNamespace

import pytest

from llmexam.errors import LlmExamError, NotFoundError, RunError
from llmexam.workflows.browse.browser import Browser
from llmexam.workflows.browse.comparing import Comparer
from llmexam.workflows.browse.workspace import Workspace
from llmexam.workflows.compare_runs import compare_runs


@pytest.fixture(scope="module")
def comparer(browser):
    return Comparer(browser)


def test_the_comparison_is_that_of_the_command(comparer, work):
    found = comparer.compare(["week 1/words", "longest"])
    (one,) = found.family.comparisons
    expected = compare_runs(work / "week 1" / "words", work / "longest")
    assert one.difference == expected.difference
    assert one.p_value == expected.p_value
    assert [flip.id for flip in one.flips] == [flip.id for flip in expected.flips]
    assert one.flips


def test_slices_divide_the_questions(comparer):
    found = comparer.compare(["week 1/words", "longest"])
    by_letter = [one for one in found.slices if one.by == "right option"]
    assert sum(one.n for one in by_letter) == 12
    whole = found.family.comparisons[0].difference.value
    parts = sum(one.n * one.difference.value for one in by_letter) / 12
    assert parts == pytest.approx(whole)


def test_several_have_holm(comparer):
    found = comparer.compare(["week 1/words", "longest", "week 1/random"])
    assert len(found.family.comparisons) == 2
    assert all(one.adjusted.n_tests == 2 for one in found.family.comparisons)
    assert found.slices == ()


def test_files_of_the_workspace_can_be_compared(comparer):
    found = comparer.compare(["week 1/words", "longest/submission.csv"])
    run = comparer.compare(["week 1/words", "longest"])
    assert found.family.comparisons[0].difference == run.family.comparisons[0].difference


def test_a_log_of_another_harness_can_be_compared(tmp_path, work):
    import json

    shutil.copytree(work / "longest", tmp_path / "longest")
    exam = [json.loads(line) for line in (work.parent / "exam.jsonl").read_text().splitlines()]
    lines = []
    for number, one in enumerate(exam):
        target = "ABCD".index(one["answer"])
        scores = [[str(-1.0 if i == target else -2.0), "False"] for i in range(4)]
        lines.append(
            {
                "doc_id": number,
                "doc": {"id": one["id"], "question": one["prompt"], "choices": one["options"]},
                "target": str(target),
                "arguments": [[one["prompt"], f" {option}"] for option in one["options"]],
                "resps": [[pair] for pair in scores],
                "filtered_resps": scores,
                "acc": 1.0,
            }
        )
    log = tmp_path / "samples_exam_2026-01-01T00-00-00.jsonl"
    log.write_text("".join(json.dumps(line) + "\n" for line in lines))
    found = Comparer(Browser(Workspace(tmp_path))).compare(["longest", log.name])
    assert found.family.comparisons[0].b.value == 1.0


@pytest.mark.parametrize(
    ("ids", "message"),
    [
        (["longest"], "expected 2 to 20"),
        (["longest", "longest"], "expected 2 to 20"),
        (["longest", "other"], "another exam"),
        (["longest", "week 1/notes.txt"], "notes.txt"),
        (["longest", "trained"], "not finished"),
        (["now", "longest"], "not finished"),
    ],
)
def test_what_cannot_be_compared_is_an_error(comparer, ids, message):
    with pytest.raises(LlmExamError, match=message):
        comparer.compare(ids)


def test_no_file_outside_is_compared(comparer, work):
    (work.parent / "outside.csv").write_text("id,prediction\n")
    with pytest.raises(NotFoundError):
        comparer.compare(["longest", "../outside.csv"])
    with pytest.raises(RunError):
        comparer.compare(["longest"] * 3)


def test_runs_that_were_graded_by_another_embedder_are_named():
    embedders = {"a": "bundled", "b": "t5", "c": "bundled", "d": ""}
    browser = SimpleNamespace(entry=lambda id: SimpleNamespace(embedder=embedders[id]))
    assert Comparer(browser)._regraded("abcd") == ("b",)
    assert Comparer(browser)._regraded("ac") == ()
