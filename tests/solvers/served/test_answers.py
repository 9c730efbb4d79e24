import time

import pytest

from llmexam.solvers.served.answers import parse_answer

OPTIONS = ("iron", "sodium chloride", "salt", "sea salt", "None of the above")


@pytest.mark.parametrize(
    ("text", "order"),
    [
        ("B", "B"),
        (" b, a ", "BA"),
        ("<think>A? Or C? The answer is A.</think>\n\nB, C", "BC"),
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


METALS = ("iron", "salt", "gold", "lead")


@pytest.mark.parametrize(
    "text",
    [
        # The conclusion, wherever it stands, and not the first letter that is named.
        "The answer is C. Note that A is a common distractor.",
        "A is incorrect because it rusts. B dissolves. C is the correct choice.",
        "Option (A) is wrong, (B) is wrong. Therefore, the best choice is (C).",
        "Let me weigh A against D. Final choice: **C**",
        "I first thought A, but it is C",
        "It's not A, it's C.",
        "Not A. Not B. Not D. So C.",
        "C rather than A",
        "C, not B.",
        "I'd go with C over A.",
        "The answer can't be A or B. It has to be C.",
        "Between A and C, C is more likely.",
        "A. No. B. No. C. Yes. D. No.",
        "A: incorrect\nB: incorrect\nC: correct\nD: incorrect",
        "A. iron - incorrect\nB. salt - incorrect\nC. gold - correct\nD. lead - incorrect",
        "- A: iron rusts \u274c\n- B: salt \u274c\n- C: gold \u2705\n- D: lead \u274c",
        "C (gold) is correct, A (iron) is not.",
        "C) gold\n\nA) is wrong since iron rusts. B) is a salt, D) too.",
        "Correct answer: C\nIncorrect answers: A, B, D",
        "The correct answer, C, is supported by the passage; D is not.",
        "All options except C are wrong.",
        "A is wrong. B is wrong. D is wrong.",
        "A. iron\nB. salt\nC. gold\nD. lead\n\nC",
        "Answer: Let's think step by step. Iron rusts. The answer is (C).",
        "The answer is C (confidence: high). Second choice: B.",
        # Where it is marked.
        r"Option A is not right. Option B comes close. Therefore \boxed{C}.",
        r"The answer is $\boxed{\text{(C)}}$.",
        r"\boxed{gold}",
        '{"reasoning": "A is not it", "answer": "C"}',
        "{'answer': 'gold'}",
        '```json\n{"answer": {"letter": "C"}}\n```',
        "<answer>(C) gold</answer>",
        "#### C",
        "[[C]]",
        # After the thoughts.
        "First, A looks plausible. The answer is A.\n</think>\n\nC",
        "[THINK]A?[/THINK]C",
        "<|channel|>analysis<|message|>A?<|end|><|channel|>final<|message|>C",
        # In other manners.
        "c",
        "(c)",
        "c. gold",
        "option c",
        "Answer: c)",
        "The correct option is 3",
        "Gold.",
        "The answer is gold.",
        "It is gold, not lead.",
        "\uff23",
        "\uff08\uff23\uff09",
        "\u24b8",
        "C<|im_end|>",
        # In other languages.
        "Die richtige Antwort ist C.",
        "A ist falsch, C ist richtig.",
        "La bonne r\u00e9ponse est la C.",
        "La respuesta correcta es la opci\u00f3n C.",
        "A resposta correta \u00e9 a letra C.",
        "\u041e\u0442\u0432\u0435\u0442: C",
        "Cevap C'dir.",
        "\u7b54\u6848\u662fC\u3002",
        "\u6545\u9009C",
        "\u6b63\u786e\u9009\u9879\u4e3aC",
        "A\u4e0d\u6b63\u786e\uff0cB\u4e5f\u4e0d\u5bf9\uff0c\u6240\u4ee5\u9009C\u3002",
        "\u9009\u9879C\u662f\u6b63\u786e\u7684\uff0c\u9009\u9879A\u662f\u9519\u8bef\u7684\u3002",
        "\u6b63\u89e3\u306fC\u3067\u3059",
        "A\u3067\u306f\u306a\u304f\u3001C\u3067\u3059",
        "\uc815\ub2f5\uc740 C\uc785\ub2c8\ub2e4",
        "\u0627\u0644\u0625\u062c\u0627\u0628\u0629 \u0647\u064a C",
        "\u0938\u0939\u0940 \u0909\u0924\u094d\u0924\u0930 C \u0939\u0948",
        "\u0e04\u0e33\u0e15\u0e2d\u0e1a\u0e04\u0e37\u0e2d C",
    ],
)
def test_the_answer_is_heard_in_every_manner(text):
    assert parse_answer(text, METALS).order == (2,)


@pytest.mark.parametrize(
    ("text", "options", "place"),
    [
        ("Vitamin A", ("Vitamin C", "Vitamin D", "Vitamin A", "Vitamin B"), 2),
        (
            "The answer is hepatitis A.",
            ("Hepatitis C", "Hepatitis B", "Hepatitis D", "Hepatitis A"),
            3,
        ),
        ("Hepatitis A (D)", ("Hepatitis C", "Hepatitis B", "Hepatitis D", "Hepatitis A"), 3),
        ("A ribosome", ("A cell", "A ribosome"), 1),
        ("AB", ("O", "A", "AB", "B"), 2),
        ("B", ("O", "A", "AB", "B"), 1),
        ("The answer is 35", ("3", "5", "35"), 2),
        ("\u7b54\u6848\u662f\u6c34\u661f\u3002", ("\u91d1\u661f", "\u6c34\u661f"), 1),
    ],
)
def test_an_option_in_full_comes_before_a_letter_inside_it(text, options, place):
    assert parse_answer(text, options).order == (place,)


@pytest.mark.parametrize(
    "text",
    [
        "The answer is not A",
        "As an AI, I cannot answer this.",
        "A. iron\nB. salt\nC. gold\nD. lead",
        "<think>A or B</think>",
        "A good question! I think it is hard to say.",
        "C++",
        "3.5",
    ],
)
def test_no_option_is_heard_where_none_is_chosen(text):
    assert parse_answer(text, METALS).how == "none"


def test_a_question_for_what_is_false_is_answered_by_what_is_called_false():
    text = "A is a metal. B is not a metal. C is a metal. D is a metal."
    assert parse_answer(text, METALS, negated=True).order == (1,)
    assert parse_answer("The answer is C; A is not.", METALS, negated=True).order == (2,)


def test_an_answer_that_was_cut_before_its_conclusion_is_not_read():
    text = "Let us see. Option A rusts in water. Option B dissolves in"
    assert parse_answer(text, METALS, is_cut=True).how == "none"
    assert parse_answer("The answer is B because the salt", METALS, is_cut=True).order == (1,)
    assert parse_answer("C. gold is a noble", METALS, is_cut=True).order == (2,)


@pytest.mark.parametrize(
    "part",
    [
        "answer ",
        "answer is ",
        "A ",
        "(a) ",
        "\\boxed{",
        "<think>",
        " ",
        "\n",
        '{"answer": "',
        "gold ",
        "'",
    ],
)
def test_long_answers_take_linear_time(part):
    begin = time.process_time()
    parse_answer(part * 12_000, METALS)
    assert time.process_time() - begin < 5


@pytest.mark.parametrize(
    ("text", "letter"),
    [
        ("- A: incorrect\n- B: incorrect\n- C: correct\n- D: incorrect\n\nAnswer: C", "C"),
        ("B is incorrect\nFinal answer: D", "D"),
        ("A: wrong\nB: wrong\nC: wrong\nAnswer: D", "D"),
        ("Incorrect answers: A, B\nCorrect answer: C", "C"),
        ("Answer:\nOption B", "B"),
    ],
)
def test_a_line_ends_what_is_said_of_an_option(text, letter):
    found = parse_answer(text, ["iron", "salt", "gold", "lead"])
    assert found.order == ("ABCD".index(letter),)
