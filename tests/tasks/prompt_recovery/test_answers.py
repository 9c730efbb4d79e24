"""What recoverers answer, whatever the recoverer."""

from dataclasses import replace

import numpy as np
import pytest

from llmexam.errors import LlmExamError, ScoreError
from llmexam.recovery.recoverers.spec import RecovererSpec
from llmexam.recovery.rewrites import Rewrite, RewriteExam
from llmexam.tasks.prompt_recovery.answers import Training, answer_stage, recover
from llmexam.tasks.prompt_recovery.predictions import load_prompts

ROWS = RewriteExam(
    tuple(Rewrite(str(i), "One.", f"Two {i}.", f"Count {i}.", {"source": "a"}) for i in range(4))
)


def answers(spec, rows=ROWS):
    return [one.text for one in recover(spec.make, rows, Training(), lambda *_: None)[0]]


def spec(text):
    return RecovererSpec(solver="constant", settings={"text": text})


@pytest.mark.parametrize(("text", "found"), [("None", "None."), (" NaN", " NaN."), ("No", "No")])
def test_no_answer_is_read_as_a_missing_value(text, found):
    assert answers(spec(text)) == [found] * 4


def test_a_blank_answer_is_an_error_that_names_the_row(monkeypatch):
    constant = spec("Improve it.")
    blank = replace(recover(constant.make, ROWS, Training(), lambda *_: None)[0][0], text="\u200b")
    monkeypatch.setattr(constant.class_of("constant"), "recover", lambda *_: [blank] * 4)
    with pytest.raises(ScoreError, match=r"row with id '0', got a blank one"):
        answers(constant)


def test_recoverers_see_no_other_columns():
    assert all(row.metadata == {} for row in ROWS.without_prompts())


def test_columns_of_training_rows_are_part_of_the_key():
    other = replace(ROWS, rows=tuple(replace(row, metadata={"source": "b"}) for row in ROWS))
    ranker = RecovererSpec(solver="bank-ranker", settings={"folds_by": "source"})
    keys = {
        answer_stage(ranker, ROWS.subset([0]), Training(rows), "a.json").key
        for rows in (ROWS, other)
    }
    assert len(keys) == 2
    assert ROWS.content_hash == other.content_hash


def test_members_keep_vectors_where_the_plan_says(tmp_path):
    both = RecovererSpec(solver="combination", settings={"members": ["regressor", "constant"]})
    regressor, constant = both.keeping_vectors(tmp_path).settings.members
    assert regressor.settings.vector_cache == tmp_path
    assert not hasattr(constant.settings, "vector_cache")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"9": "Count."}, "no row with the id '9'"),
        ({"2": " "}, "row with id '2', got ' '"),
        ({"2": float("nan")}, "row with id '2', got nan"),
    ],
)
def test_prompts_in_memory_are_checked(changes, message):
    prompts = dict.fromkeys(ROWS.ids, "Count.")
    assert load_prompts(prompts, ROWS) == ["Count."] * 4
    with pytest.raises(LlmExamError, match=message):
        load_prompts(prompts | changes, ROWS)


@pytest.mark.parametrize(("keeps_apart", "n_rows"), [(True, 4), (False, 6)])
def test_training_rows_with_prompts_of_the_held_out_fold_are_left_out(keeps_apart, n_rows):
    prompts = ["Write a poem.", "Shorten it.", "Translate it into French.", "Make a list."]
    items = replace(
        ROWS, rows=tuple(replace(row, prompt=p) for row, p in zip(ROWS, prompts, strict=True))
    )
    others = ["Write a poem!", "write a poem", "Explain it to a child."]
    train = RewriteExam(tuple(Rewrite(f"t{i}", "One.", "Two.", p) for i, p in enumerate(others)))
    training = Training(train, np.arange(4), keeps_apart)
    found = training.of_fold(items, 0).prompts
    assert len(found) == n_rows
    assert ("Write a poem!" in found) is not keeps_apart
    assert "Explain it to a child." in found
