import pytest

from llmexam.solvers.served.answers import parse_answer

OPTIONS = ("iron", "sodium chloride", "salt", "sea salt", "None of the above")


@pytest.mark.parametrize(
    ("text", "order"),
    [
        ("B", "B"),
        (" b, a ", ""),
        ("B, A, D", "BAD"),
        ("B > A > D", "BAD"),
        ("B\nA\nD\n", "BAD"),
        ("B A D", "BAD"),
        ("(B), (A)", "BA"),
        ("B.", "B"),
        ("B) A)", "BA"),
    ],
)
def test_letters_and_nothing_else_are_read_strictly(text, order):
    parsed = parse_answer(text, OPTIONS)
    assert "".join("ABCDE"[i] for i in parsed.order) == order
    assert parsed.how == ("strict" if order else "none")


@pytest.mark.parametrize(
    ("text", "order"),
    [
        ("Answer: B", "B"),
        ("The answer is (C).", "C"),
        ("**Answer:** D, A, B", "DAB"),
        ("A is tempting, and so is B, but the correct answer is: C", "C"),
        ("Answers: C, B\nbecause D is wrong", "CB"),
        ("I think a good one is B, then D", "BD"),
        ("A mineral such as B", "B"),
        ("A is right", "A"),
        ("B, B, A", "BA"),
        ("B, A, Z", "BA"),
        ("<think>A? Or C? The answer is A.</think>\n\nB, C", "BC"),
        ("It is sea salt.", "D"),
        ("Sodium  Chloride, or else iron", "BA"),
        ("none of the above", "E"),
        ("Option B: sodium chloride", "B"),
    ],
)
def test_other_words_are_read_around(text, order):
    parsed = parse_answer(text, OPTIONS)
    assert "".join("ABCDE"[i] for i in parsed.order) == order
    assert parsed.how == "lenient"


@pytest.mark.parametrize(
    "text",
    ["", "I do not know", "A star is born", "Z", "salty", "<think>B, A", "I'd rather not", "F, G"],
)
def test_what_names_no_option_is_not_read(text):
    assert parse_answer(text, OPTIONS).how == "none"


def test_blank_and_repeated_options_are_not_found_in_words():
    assert parse_answer("the same", ("", "?!", "same", "same")).how == "none"
