from dataclasses import replace

import numpy as np
import pytest

from llmexam.exam.exam import Exam
from llmexam.exam.question import Passage, Question
from llmexam.lm.models.loading import load_tokenizer, resolve_model
from llmexam.training.base.batching import Draw
from llmexam.training.hard_negatives import HardNegativeSettings, hard_negatives
from llmexam.training.multiple_choice.data import (
    NO_LABEL,
    ChoiceData,
)


@pytest.fixture(scope="module")
def tokenizer(base_folder):
    return load_tokenizer(resolve_model(str(base_folder)))


def rows_of(batch, n_options):
    """Each question's options as tuples of ids, in the order of its logits."""
    parts = batch["ids"].split(batch["lengths"])
    n_questions, width = batch["shape"]
    grid = [[None] * width for _ in range(n_questions)]
    for part, cell in zip(parts, batch["cells"].tolist(), strict=True):
        grid[cell // width][cell % width] = tuple(part.tolist())
    return [row[:n] for row, n in zip(grid, n_options, strict=True)]


def test_a_pass_holds_the_options_with_their_label(make_exam, settings_for, tokenizer):
    exam = Exam((*make_exam(5).questions, replace(make_exam(1, n_options=2)[0], id="two")))
    data = ChoiceData(exam, settings_for(), tokenizer)
    draws = [Draw(epoch, row, True) for row in range(6) for epoch in range(3)]
    batch = data.collate(draws)
    counts = [4] * 15 + [2] * 3
    assert batch["lengths"] == sorted(batch["lengths"], reverse=True)
    for draw, row, label in zip(
        draws, rows_of(batch, counts), batch["labels"].tolist(), strict=True
    ):
        first = data.read.first[draw.row]
        right = data.read.tokens(first + exam[draw.row].answer)[0]
        assert row[label] == tuple(right.tolist())
        own = {tuple(data.read.tokens(first + i)[0].tolist()) for i in range(len(row))}
        assert set(row) == own
    assert len(set(batch["labels"][:15].tolist())) > 1


def test_what_only_fills_up_has_no_answer(make_exam, settings_for, tokenizer):
    data = ChoiceData(make_exam(2), settings_for(), tokenizer)
    batch = data.collate([Draw(0, 0, True), Draw(0, 1, False)])
    assert batch["labels"].tolist()[1] == NO_LABEL
    assert batch["labels"].tolist()[0] >= 0


def test_evidence_is_left_out_for_whole_questions(make_exam, settings_for, tokenizer):
    data = ChoiceData(make_exam(20), settings_for(evidence_dropout=0.5), tokenizer)
    lengths = [set(data.collate([Draw(0, row, True)])["lengths"]) for row in range(20)]
    assert all(len(own) == 1 for own in lengths)
    assert {max(own) for own in lengths} == {6, 10}
    assert ChoiceData(make_exam(2), settings_for(), tokenizer).bare is None


def test_cuts_are_counted(make_exam, settings_for, tokenizer):
    exam = make_exam(4)
    long = exam[1].with_passages([Passage("w1 w2 w3 " * 20)])
    mixed = Exam((exam[0], long, *exam.questions[2:]))
    settings = settings_for(encoding={"max_tokens": 16, "evidence": "whole"})
    data = ChoiceData(mixed, settings, tokenizer)
    assert data.read.truncated.tolist() == [False, True, False, False]
    assert data.read.n_tokens.tolist() == [40, 64, 40, 40]
    assert int(np.diff(data.read.ends).max()) == 16


NEAR = Exam(
    (
        Question("a", "What melts?", ("ice cream", "stone", "iron ore"), 0),
        Question("b", "What is cold?", ("Ice, cream!", "ice", "fire"), 1),
        Question("c", "What melts?", ("cream ice cake", "gold"), 0),
        Question("d", "Who?", ("Ann", "Bob"), 0),
    )
)


def letters(texts):
    """Vectors by the letters of a text, so that texts with like letters are near."""
    rows = np.array([[text.lower().count(chr(97 + i)) for i in range(26)] for text in texts], float)
    return rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-9)


@pytest.mark.parametrize("by", ["words", "meaning"])
def test_hard_negatives_are_near_and_never_equal(by):
    found = hard_negatives(NEAR, HardNegativeSettings(n=2, by=by), encode=letters)
    # Not "Ice, cream!", which says the same; not "cream ice cake", which may be right too.
    assert found[0][0] == "ice"
    assert all(len(own) <= 2 for own in found)
    assert not {"Ice, cream!", "cream ice cake", "ice cream"} & set(found[0])
    # A word in common is needed, or any likeness of letters.
    assert len(found[3]) == (0 if by == "words" else 2)
    assert hard_negatives(NEAR, None) == [[]] * 4
    assert hard_negatives(Exam(()), HardNegativeSettings()) == []
    blank = Exam((Question("x", "?", ("", "!"), 0),))
    assert hard_negatives(blank, HardNegativeSettings(by=by), encode=letters)[0] == []


def test_hard_negatives_become_options(make_exam, settings_for, tokenizer, monkeypatch):
    monkeypatch.setattr(
        "llmexam.training.multiple_choice.data.hard_negatives",
        lambda exam, settings: [[f"w{settings.n}", "w0"] for _ in exam],
    )
    data = ChoiceData(make_exam(3), settings_for(hard_negatives={"n": 5}), tokenizer)
    assert data.read.n_options.tolist() == [6, 6, 6]
    assert data.answers.tolist() == make_exam(3).answers.tolist()
    assert data.questions[0].options[4:] == ("w5", "w0")
