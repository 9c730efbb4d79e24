from llmexam.exam.question import Passage, Question
from llmexam.solvers.served.prompts import OwnWording

QUESTION = Question(
    "q",
    "Which of these melts at 801 degrees?",
    ("iron", "table salt", "ice"),
    1,
    (Passage("It melts at\n801 degrees.", title="Salt"), Passage(" "), Passage("Iron is a metal.")),
)

LETTER = """Passages:

Salt: It melts at 801 degrees.

Iron is a metal.

Question: Which of these melts at 801 degrees?

A. iron
B. table salt
C. ice

Answer with the letter of the right option and nothing else."""

RANKING = """Question: Which of these melts at 801 degrees?

A. iron
B. table salt
C. ice

Rank the options from the most to the least likely to be right. Answer with the letters \
alone, best first, separated by commas, such as: B, A, C"""


def write(question=QUESTION, n_passages=5, max_characters=1000, ranking=False):
    return OwnWording(ranking=ranking).put(
        question, n_passages=n_passages, max_characters=max_characters
    )


def test_the_whole_prompt():
    assert write().text == LETTER
    assert write(n_passages=0, ranking=True).text == RANKING
    assert not write().truncated


def test_passages_are_cut_before_the_question():
    room = len(QUESTION.prompt) + len("Salt: It melts at 80")
    cut = write(max_characters=room)
    assert "Salt: It melts at\n\nQuestion: Which of these melts at 801 degrees?" in cut.text
    assert cut.truncated


def test_a_question_that_is_too_long_is_cut_and_its_options_are_not():
    cut = write(max_characters=20)
    assert "Question: Which of these\n\nA. iron\nB. table salt\nC. ice" in cut.text
    assert "Passages" not in cut.text
    assert cut.truncated


def test_an_exact_fit_is_not_cut():
    room = sum(map(len, (QUESTION.prompt, "Salt: It melts at 801 degrees.", "Iron is a metal.")))
    assert not write(max_characters=room).truncated
    assert write(max_characters=room - 1).truncated


def test_space_around_options_is_not_sent():
    spaced = Question("q", QUESTION.prompt, (" iron", "table salt ", "\tice"), 1, QUESTION.passages)
    assert write(spaced) == write()
