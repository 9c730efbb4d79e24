import json

import pytest

from llmexam.errors import ExamError, SettingsError
from llmexam.recovery.parsing import read_rewrites
from llmexam.recovery.recoverers.baselines import Constant
from llmexam.recovery.trained_rows import TrainedRows
from llmexam.sample import REWRITES_PATH
from llmexam.stages.local import LocalExecutor
from llmexam.tasks.capabilities import ExamFile
from llmexam.tasks.prompt_recovery.auditing import audit_file
from llmexam.tasks.prompt_recovery.plan import RecoveryPlan
from llmexam.tasks.prompt_recovery.task import PromptRecovery

HEADER = "id,original_text,rewritten_text,rewrite_prompt\n"
EXAM = f"""{HEADER}1,The cat sat.,"I'm sorry, but I cannot do that.",Make it a poem.
1,x,y,z
2,Rain is due.,Rain is due.,Keep it as it is.
3,,y,z
4,It is late.,"Поздно, очень поздно",Say it in Russian.
5,A b c d e f g h i,Oh a b c d e f g h i,Say a b c d e f g h
"""


@pytest.fixture
def exam(tmp_path):
    path = tmp_path / "exam.csv"
    path.write_text(EXAM, encoding="utf-8")
    return path


def audit(path, against=(), **options):
    return audit_file(ExamFile(path), against=against, options=options)


def test_rows_are_those_of_the_file(exam):
    found = audit(exam)
    rows = {one.check: one.rows for one in found.findings}
    assert rows["refusals"] == (1,)
    assert rows["unchanged texts"] == (3,)
    assert rows["quoted answers"] == (6,)
    assert rows["scripts"] == (5,)
    faults = [one for one in found.findings if one.check == "invalid rows"]
    assert {one.rows for one in faults} == {(2,), (4,)}
    assert found.findings[0].severity == "error"
    assert not found.is_clean


def test_numbers(exam):
    found = audit(exam)
    assert (found.n_rows, found.n_labelled, found.n_prompts) == (4, 4, 4)
    assert found.scripts == {"Latin": 3, "Cyrillic": 1}
    size, scripts = found.headings
    assert size == (
        f"{exam}: 4 rows, 4 distinct prompts in 4 groups of near-equal ones, format 'csv'"
    )
    assert scripts == "Rewritten texts by script: Latin 3  Cyrillic 1"
    assert json.loads(json.dumps(found.as_dict()))["n_rows"] == 4


def test_leaks_by_text_and_by_prompt(exam, tmp_path):
    train = tmp_path / "train.csv"
    train.write_text(f"{HEADER}9,the CAT sat,new,other\n8,new,new text,Make it into a poem\n")
    found = audit(exam, [train])
    leaks = {one.check: one for one in found.findings if "training" in one.check}
    assert leaks["texts in training data"].rows == (1,)
    assert leaks["prompts in training data"].rows == (1,)
    assert str(train) in leaks["texts in training data"].message
    assert found.against == (str(train),)


def test_prompts_need_not_be_known(tmp_path):
    path = tmp_path / "test.jsonl"
    path.write_text('{"original_text": "a b", "rewritten_text": "c d"}\n')
    found = audit(path)
    assert (found.n_rows, found.n_labelled, found.n_prompt_groups) == (1, 0, 0)
    assert "prompts not known" in found.headings[0]
    assert found.is_clean


def test_mistakes_are_named(exam, tmp_path):
    with pytest.raises(SettingsError, match="audit of prompt recovery has no setting 'seed'"):
        audit(exam, seed=1)
    with pytest.raises(ExamError, match=r"none\.csv"):
        audit(exam, [tmp_path / "none.csv"])


def test_the_audit_of_a_run_names_rows_that_a_model_has_seen(monkeypatch, tmp_path):
    items = read_rewrites(REWRITES_PATH)
    monkeypatch.setattr(Constant, "seen_rows", TrainedRows.of(items.rows[:3]))
    plan = RecoveryPlan.parse({"exam": "bundled", "solvers": ["constant"]}, subject="plan")
    findings = PromptRecovery().audit(plan, items, LocalExecutor(tmp_path))
    (found,) = [one for one in findings if one.check == "training rows of a model"]
    assert found.rows == (1, 2, 3)
