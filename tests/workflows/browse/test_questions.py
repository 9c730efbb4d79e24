"""Opened runs: the report again from files, and questions found by text and filters."""

import json
import shutil

import pytest

from llmexam.errors import NotFoundError, RunError, SettingsError
from llmexam.exam.parsers import read_exam
from llmexam.workflows.browse import choice_run
from llmexam.workflows.browse.exam_rows import ExamRows
from llmexam.workflows.browse.opened import Runs, open_run
from llmexam.workflows.browse.questions import Filter, count_marks, find_questions, neighbours
from run_folders import IMAGE, SCRIPT, write_exam


@pytest.fixture(scope="module")
def run(browser):
    return browser.open("week 1/words").choice


def test_the_sections_are_those_of_the_report(browser):
    names = [section.name for section, _ in browser.open("week 1/words").sections()]
    assert names[:2] == ["score", "solvers"]
    assert {"comparisons", "slices", "hardest", "audit", "stages", "provenance"} <= set(names)
    assert "questions" not in names


def test_the_report_read_again_is_that_of_the_run(browser, work):
    content = browser.open("week 1/words").choice.content
    metrics = json.loads((work / "week 1" / "words" / "metrics.json").read_text())
    assert (
        content.final.evaluation.primary.estimate.value
        == (metrics["final"]["metrics"][0]["estimate"]["value"])
    )
    assert [one.name for one in content.solvers] == ["lexical", "longest"]
    assert len(content.comparisons) == len(metrics["comparisons"])
    assert content.provenance["date"]


def test_words_are_found_in_prompts_options_and_ids(run):
    assert find_questions(run, Filter(text="MILK scatters")) == [0, 6]
    assert find_questions(run, Filter(text='"lower density"')) == []
    assert find_questions(run, Filter(text='"density is lower" ice')) == [3, 9]
    assert find_questions(run, Filter(text="q11")) == [11]


def test_words_of_passages_are_found_only_if_wanted(run):
    assert find_questions(run, Filter(text="nothing is said")) == []
    assert len(find_questions(run, Filter(text="nothing is said", passages=True))) == 12


def test_marks_letters_and_slices(run):
    counts = count_marks(run)
    assert counts["right"] + counts["wrong"] == 12
    right = find_questions(run, Filter(marks=("right",)))
    assert len(right) == counts["right"]
    assert find_questions(run, Filter(marks=("right", "wrong"))) == []
    by_letter = find_questions(run, Filter(right="B"))
    assert by_letter == [1, 5, 9]
    chosen = find_questions(run, Filter(chosen="B"))
    assert all(run.grades.ranking[row, 0] == 1 for row in chosen)
    assert find_questions(run, Filter(by="subject", value=IMAGE)) == [0, 2, 4, 6, 8, 10]
    assert find_questions(run, Filter(shortest=70)) == [3]


def test_orders(run):
    rows = find_questions(run, Filter(sort="lead"))
    leads = [run.grades.lead[row] for row in rows]
    assert leads == sorted(leads)
    ranks = [run.grades.answer_rank[row] for row in find_questions(run, Filter(sort="rank"))]
    assert ranks == sorted(ranks, reverse=True)


def test_leaked_questions_are_those_that_the_audit_names(tmp_path, work):
    from llmexam.workflows.run.pipeline import run_plan

    exam = write_exam(tmp_path / "exam.jsonl")
    lines = exam.read_text().splitlines(keepends=True)
    (tmp_path / "train.jsonl").write_text("".join(lines[4:6]))
    plan = {
        "exam": str(exam),
        "solvers": ["longest"],
        "audit_against": [str(tmp_path / "train.jsonl")],
        "evaluation": {"n_resamples": 200},
    }
    run_plan(plan, tmp_path / "run")
    run = open_run(tmp_path / "run").choice
    assert {4, 5} <= set(find_questions(run, Filter(marks=("leaked",))))


def test_unknown_filters_are_errors(run):
    with pytest.raises(SettingsError, match="Did you mean 'wrong'"):
        Filter(marks=("worng",))
    with pytest.raises(SettingsError, match="unknown order"):
        Filter(sort="none")
    with pytest.raises(SettingsError, match="no question has"):
        find_questions(run, Filter(by="colour", value="red"))


def test_a_question_has_evidence_reasons_and_ranks(run):
    view = run.question(3)
    assert view.row == 4
    assert SCRIPT in view.prompt
    assert view.snippets
    assert view.n_passages == 2
    assert len(view.ranks) == 3
    assert any(option.note for option in view.options)
    with pytest.raises(NotFoundError, match="from 1 to 12, got 13"):
        run.question(12)


def test_neighbours_in_a_list():
    assert neighbours([5], 5) == (None, None)
    assert neighbours([], 5) == (None, None)


def test_the_evidence_is_read_as_the_reader_of_exams_reads_it(tmp_path, work):
    copy = tmp_path / "run"
    shutil.copytree(work / "week 1" / "words", copy)
    exam = read_exam(write_exam(tmp_path / "exam.jsonl"))
    from llmexam.exam.writers import write_exam as write

    write(copy / "evidence.jsonl", exam, format="jsonl")
    rows = open_run(copy).choice.rows
    assert rows.path == copy / "evidence.jsonl"
    assert [rows.question(row) for row in range(12)] == list(exam.questions)


def test_an_exam_that_changed_is_not_shown(tmp_path, work):
    copy = tmp_path / "run"
    shutil.copytree(work / "longest", copy)
    plan = copy / "plan.yaml"
    secret = tmp_path / "secret.jsonl"
    write_exam(secret, start=50)
    lines = [
        f"  path: {secret}" if line.startswith("  path: ") and "exam" in line else line
        for line in plan.read_text().splitlines()
    ]
    plan.write_text("\n".join(lines) + "\n")
    opened = open_run(copy)
    assert opened.choice is None
    assert "no longer where it was, or has changed" in opened.problem
    # What needs no questions is still shown.
    assert [section.name for section, _ in opened.sections()][:2] == ["score", "results"]


def test_missing_scores_are_a_problem_of_the_run(tmp_path, work):
    copy = tmp_path / "run"
    shutil.copytree(work / "longest", copy)
    (copy / "scores" / "longest.parquet").unlink()
    opened = open_run(copy)
    assert opened.choice is None
    assert "file not found" in opened.problem


@pytest.mark.parametrize("name", ["metrics.json", "run.json"])
@pytest.mark.parametrize("content", ["", "{}", "[]", '{"final": 1}', "nonsense"])
def test_damaged_files_are_told_in_one_sentence(tmp_path, work, name, content):
    copy = tmp_path / "run"
    shutil.copytree(work / "longest", copy)
    (copy / name).write_text(content)
    with pytest.raises(RunError, match=r"damaged|another version"):
        open_run(copy)


def test_opened_runs_are_kept_until_a_file_changes(tmp_path, work):
    copy = tmp_path / "run"
    shutil.copytree(work / "longest", copy)
    runs = Runs()
    first = runs.open(copy)
    assert runs.open(copy) is first
    (copy / "audit.json").write_text("[]")
    assert runs.open(copy) is not first


def test_a_run_without_answers_shows_rankings_and_no_grades(tmp_path):
    from llmexam.workflows.run.pipeline import run_plan

    exam = write_exam(tmp_path / "exam.jsonl")
    rows = [json.loads(line) | {"answer": None} for line in exam.read_text().splitlines()]
    exam.write_text("".join(json.dumps(row) + "\n" for row in rows))
    run_plan({"exam": str(exam), "solvers": ["lexical", "longest"]}, tmp_path / "run")
    opened = open_run(tmp_path / "run")
    assert opened.problem == ""
    assert count_marks(opened.choice) == {"unsure": 3}
    assert opened.choice.question(0).outcome.endswith("nswer unknown")
    assert find_questions(opened.choice, Filter(chosen="A")) != []
    assert "solvers" in [section.name for section, _ in opened.sections()]


def test_the_values_of_slices_are_those_of_the_grades(run, tmp_path):
    assert {by: set(values) for by, values in run.slices.items()} == {
        by: set(values) for by, values in run.slice_values.items()
    }
    from llmexam.workflows.run.pipeline import run_plan

    exam = write_exam(tmp_path / "exam.jsonl")
    rows = [json.loads(line) for line in exam.read_text().splitlines()]
    for number, row in enumerate(rows):
        row["metadata"] = {"chapter": str(number % 3)}
    exam.write_text("".join(json.dumps(row) + "\n" for row in rows))
    plan = {
        "exam": str(exam),
        "solvers": ["longest"],
        "evaluation": {"slice_by": "chapter", "n_resamples": 200},
    }
    run_plan(plan, tmp_path / "run")
    sliced = open_run(tmp_path / "run").choice
    assert set(sliced.slice_values["chapter"]) == {"0", "1", "2"}
    assert find_questions(sliced, Filter(by="chapter", value="1")) == [1, 4, 7, 10]


def test_passages_of_a_large_file_are_searched_without_keeping_them(work, monkeypatch):
    large = open_run(work / "week 1" / "words").choice
    wanted = Filter(text="nothing said", passages=True)
    assert len(find_questions(large, wanted)) == 12
    assert "_passage_texts" in vars(large)
    large = open_run(work / "week 1" / "words").choice
    monkeypatch.setattr(choice_run, "MOST_KEPT", -1)
    assert len(find_questions(large, wanted)) == 12
    assert "_passage_texts" not in vars(large)


def test_a_search_in_evidence_that_changed_is_an_error(tmp_path):
    path = tmp_path / "evidence.jsonl"
    write_exam(path)
    size = path.stat().st_size
    rows = ExamRows(read_exam(path).without_passages(), path, (0, size // 24, size))
    with pytest.raises(RunError, match="changed meanwhile"):
        list(rows.passage_texts())
