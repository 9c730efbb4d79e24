import csv

import pytest

from llmexam.exam.question import Passage, Question
from llmexam.solvers.registry import create_solver

SALT = Passage("Table salt is sodium chloride. It melts at 801 degrees.", title="Salt")


def ranking(prompt, options, *passages, **settings):
    question = Question("q", prompt, tuple(options), None, passages)
    return create_solver("lexical", settings).score([question]).ranking[0].tolist()


def test_the_supported_option_comes_first():
    assert ranking("When does salt melt?", ["at 450 degrees", "at 801 degrees"], SALT) == [1, 0]


def test_negated_prompts_turn_the_order_round():
    options = ["sodium", "iron"]
    assert ranking("Which is NOT in salt?", options, SALT) == [1, 0]
    assert ranking("Which is NOT in salt?", options, SALT, read_wording=False) == [0, 1]


def test_all_of_the_above_leads_and_none_of_the_above_ends():
    options = ["None of the above", "sodium", "All of the above", "iron"]
    assert ranking("What is in salt?", options, SALT) == [2, 1, 3, 0]


def test_reasons_show_the_sentence_and_its_terms():
    question = Question("q", "When does salt melt?", ("801 degrees", "iron"), None, (SALT,))
    first, second = create_solver("lexical").explain([question])[0].options
    support = first.supports[0]
    assert SALT.text[support.start : support.end] == "It melts at 801 degrees."
    assert support.terms == ("801", "degre")
    assert second.supports == ()


def test_no_more_supports_than_asked_for():
    question = Question("q", "?", ("salt", "x"), None, tuple(Passage("salt") for _ in range(9)))
    solver = create_solver("lexical", {"n_supports": 2})
    assert len(solver.explain([question])[0].options[0].supports) == 2


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "floor"),
    [("train_with_context.csv", 0.64)],
)
def test_real_training_questions(shared_data, name, floor):
    """MAP@3 with the given contexts stays where it was measured."""
    with (shared_data / "science_exam" / name).open(newline="", encoding="utf-8-sig") as file:
        questions = [
            Question(
                str(i),
                row["prompt"],
                tuple(row[letter] for letter in "ABCDE"),
                "ABCDE".index(row["answer"]),
                (Passage(row["context"]),),
            )
            for i, row in enumerate(csv.DictReader(file))
        ]
    ranks = create_solver("lexical").score(questions).ranking[:, :3]
    earned = [
        sum((r == q.answer) / (k + 1) for k, r in enumerate(row))
        for row, q in zip(ranks, questions, strict=True)
    ]
    assert sum(earned) / len(earned) >= floor
