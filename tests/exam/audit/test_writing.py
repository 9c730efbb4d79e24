import pytest

from llmexam.exam.audit.writing import check_writing, has_own_labels, score_rule
from llmexam.exam.question import Question


def rows(n, mark, *, right=lambda text: text, wrong=lambda text: text):
    """Questions of four options; the right one, or each wrong one, is written otherwise."""
    found = []
    for i in range(n):
        answer = i % 4
        options = [f"word{place} x{i}" for place in range(4)]
        marked = [
            (right if place == answer else wrong)(text) if i < mark else text
            for place, text in enumerate(options)
        ]
        found.append((i + 1, Question(str(i), f"question {i}?", tuple(marked), answer)))
    return found


def messages(found):
    return [finding.message for finding in check_writing(found)]


def test_a_space_before_right_options_gives_them_away():
    (message,) = messages(rows(40, 20, right=lambda text: f" {text}"))
    # By hand: 20 sure ones, and a quarter of the other 20.
    assert message.startswith(
        "20 right options, and no wrong one, open with a space: it gives the answer away. Always "
        "choosing such an option scores accuracy 0.625 (95 % interval 0.4"
    )
    assert message.endswith("chance 0.250)")
    finding = next(check_writing(rows(40, 20, right=lambda text: f" {text}")))
    assert (finding.check, finding.severity) == ("telling options", "warning")
    assert finding.rows == tuple(range(1, 21))


def test_a_mark_of_wrong_options_rules_them_out():
    (message,) = messages(rows(40, 40, wrong=lambda text: f"{text} "))
    assert message.startswith("120 wrong options, and no right one, end with a space: it rules")
    assert "Never choosing such an option scores accuracy 1.000" in message


@pytest.mark.parametrize(
    ("write", "words"),
    [
        (lambda text: f"{text}.", "end with a punctuation mark"),
        (lambda text: f"{text}\u3002", "end with a punctuation mark"),
        (str.capitalize, "open with a capital letter"),
        (lambda text: text.replace(" ", "  "), "have two spaces in a row"),
        (lambda text: f"A) {text}", "open with a label such as 'A)'"),
        (lambda text: f"{text} and more", "the most words"),
        (lambda text: text.split()[0], "the fewest characters"),
    ],
)
def test_every_mark_is_found_and_only_where_it_tells_something(write, words):
    assert any(words in one for one in messages(rows(40, 40, right=write)))
    both = messages(rows(40, 40, right=write, wrong=write))
    assert not any("give" in one or words in one for one in both)


def test_words_that_right_options_share_with_the_question():
    found = [
        (i, Question(str(i), "Why is the night sky dark?", (f"a{i} b", "the night sky", "c d"), 1))
        for i in range(1, 11)
    ]
    assert any("shares the most pairs of words" in one for one in messages(found))


def test_options_written_alike_and_few_questions_say_nothing():
    assert messages(rows(40, 0)) == []
    assert messages(rows(4, 4, right=lambda text: f" {text}")) == []
    unlabelled = [(1, Question("1", "?", (" a", "b")))] * 9
    assert messages(unlabelled) == []


def test_a_rule_among_several_right_options_by_hand():
    two = [(1, Question("1", "?", ("a", "b", "c", "d"), 0, right=(0, 1)))]
    score = score_rule(two, lambda question: (0, 2))
    assert (score.accuracy, score.chance) == (0.5, 0.5)
    assert score_rule(two, lambda question: (0, 1)).accuracy == 1.0
    assert score_rule(two, lambda question: (0, 1, 2, 3)).rows == ()


@pytest.mark.parametrize(
    ("options", "has"),
    [
        (("A)5", "B)6"), True),
        (("(a) five", "(b) six"), True),
        (("A. x", "B. y", "C: z"), True),
        (("A) x", "y"), False),
        (("B) x", "A) y"), False),
        (("A bird", "B bird"), False),
    ],
)
def test_own_labels_are_those_of_all_options_in_order(options, has):
    question = Question("1", "?", options, 0)
    assert has_own_labels(question) == has
    found = [one for one in check_writing([(1, question)]) if one.check == "labelled options"]
    assert len(found) == has
