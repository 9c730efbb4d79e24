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


# The same questions twice: prompt, right option, wrong ones, passage.
TWINS = {
    "english": [
        ("Which metal rusts in damp air?", "iron", ("gold", "silver"), "Damp air lets iron rust."),
        ("What do bees make?", "honey", ("milk", "silk"), "Bees turn nectar into honey."),
        ("Which organ pumps blood?", "heart", ("liver", "lung"), "The heart pumps blood."),
    ],
    "chinese": [
        (
            "\u54ea\u79cd\u91d1\u5c5e\u5728\u6f6e\u6e7f\u7684\u7a7a\u6c14\u4e2d\u751f\u9508\uff1f",
            "\u94c1",
            ("\u91d1", "\u94f6"),
            "\u6f6e\u6e7f\u7684\u7a7a\u6c14\u8ba9\u94c1\u751f\u9508\uff0c\u8fd9\u79cd\u91d1\u5c5e\u53d8\u7ea2\u3002",
        ),
        (
            "\u871c\u8702\u505a\u4ec0\u4e48\uff1f",
            "\u8702\u871c",
            ("\u725b\u5976", "\u4e1d\u7ef8"),
            "\u871c\u8702\u628a\u82b1\u871c\u53d8\u6210\u8702\u871c\u3002",
        ),
        (
            "\u54ea\u4e2a\u5668\u5b98\u6cf5\u9001\u8840\u6db2\uff1f",
            "\u5fc3\u810f",
            ("\u809d\u810f", "\u80ba"),
            "\u5fc3\u810f\u6cf5\u9001\u8840\u6db2\u3002",
        ),
    ],
    "thai": [
        (
            "\u0e42\u0e25\u0e2b\u0e30\u0e43\u0e14\u0e40\u0e1b\u0e47\u0e19\u0e2a\u0e19\u0e34\u0e21",
            "\u0e40\u0e2b\u0e25\u0e47\u0e01",
            ("\u0e17\u0e2d\u0e07\u0e04\u0e33", "\u0e40\u0e07\u0e34\u0e19"),
            "\u0e2d\u0e32\u0e01\u0e32\u0e28\u0e0a\u0e37\u0e49\u0e19\u0e17\u0e33\u0e43\u0e2b\u0e49\u0e40\u0e2b\u0e25\u0e47\u0e01\u0e40\u0e1b\u0e47\u0e19\u0e2a\u0e19\u0e34\u0e21",
        ),
        (
            "\u0e2d\u0e27\u0e31\u0e22\u0e27\u0e30\u0e43\u0e14\u0e2a\u0e39\u0e1a\u0e09\u0e35\u0e14\u0e40\u0e25\u0e37\u0e2d\u0e14",
            "\u0e2b\u0e31\u0e27\u0e43\u0e08",
            ("\u0e15\u0e31\u0e1a", "\u0e1b\u0e2d\u0e14"),
            "\u0e2b\u0e31\u0e27\u0e43\u0e08\u0e2a\u0e39\u0e1a\u0e09\u0e35\u0e14\u0e40\u0e25\u0e37\u0e2d\u0e14",
        ),
    ],
}


@pytest.mark.parametrize("language", TWINS)
def test_the_same_exam_has_the_same_result_in_any_script(language):
    for prompt, right, wrong, passage in TWINS[language]:
        options = [wrong[0], right, *wrong[1:]]
        question = Question("q", prompt, tuple(options), None, (Passage(passage),))
        scores = create_solver("lexical").score([question]).rows()[0]
        assert scores[1] > max(scores[0], scores[2]), prompt


def test_texts_whose_words_cannot_be_told_apart_are_a_warning(caplog):
    run = "thetextwritesnospacesbetweenitswordsasoldinscriptionsdidandsoon"
    question = Question("q", "Why?", ("one", "two"), None, (Passage(run),))
    create_solver("lexical").score([question, question])
    assert caplog.text.count("cannot be segmented") == 1
    caplog.clear()
    create_solver("lexical").score([Question("q", "Why?", ("one", "two"), None, (SALT,))])
    assert not caplog.text
