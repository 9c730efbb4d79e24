import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from llmexam.errors import ExamError
from llmexam.exam.exam import Exam
from llmexam.exam.parsers import read_exam
from llmexam.exam.question import Question
from llmexam.exam.writers import what_is_lost, write_exam

EXAM = Exam(
    (
        Question("q1", "Is a < b & c?\nReally", ("yes", "no <b>", "x = {1} ~ #2: \\frac"), 2),
        Question(
            "q2",
            "Which?",
            ("50%", "%50%half", "c", "d"),
            1,
            metadata={"category": "A/B", "name": "N::1", "generalfeedback": "F\n#", "tags": "t, u"},
        ),
        Question("q3", "Which melt?", ("ice", "sand", "wax", "tin"), 0, right=(0, 2, 3)),
        Question("q4", "Ice is cold.", ("True", "False"), 1),
        Question("q5", "::odd:: {T}", ("=a", "// b"), 0, metadata={"category": "C"}),
        Question("q6", "// odd\n\n$CATEGORY: x", ("[html]<p>", "b"), 0),
    )
)


@pytest.mark.parametrize(("format", "name"), [("moodle-xml", "quiz.xml"), ("gift", "quiz.gift")])
def test_a_quiz_is_read_again_as_it_was(tmp_path, format, name):
    write_exam(tmp_path / name, EXAM, format=format)
    again = read_exam(tmp_path / name)
    assert again.format == format
    for one, other in zip(again, EXAM, strict=True):
        assert (one.id, one.options, one.right_options) == (
            other.id,
            other.options,
            other.right_options,
        )
        # A blank line of a prompt has no place in a block of GIFT, but its text has.
        assert one.prompt == other.prompt
    assert dict(again[1].metadata) == dict(EXAM[1].metadata)
    assert again[4].metadata["category"] == "C"
    assert what_is_lost(EXAM, format) == ()


texts = st.text(st.characters(blacklist_categories=["Cs", "Cc"]), min_size=1, max_size=12).filter(
    lambda text: text == text.strip() and text
)


@settings(max_examples=60, deadline=None)
@given(prompt=texts, options=st.lists(texts, min_size=2, max_size=4), answer=st.integers(0, 1))
def test_any_text_is_read_again(tmp_path_factory, prompt, options, answer):
    exam = Exam((Question("1", prompt, tuple(options), answer),))
    folder = tmp_path_factory.mktemp("quiz")
    for format, name in (("moodle-xml", "quiz.xml"), ("gift", "quiz.gift")):
        write_exam(folder / name, exam, format=format)
        (again,) = read_exam(folder / name, format=format)
        assert (again.prompt, again.options, again.answer) == (prompt, tuple(options), answer)


@pytest.mark.parametrize(
    ("question", "format", "words"),
    [
        (Question("1", "?", ("a", "b")), "moodle-xml", "'1' has no answer"),
        (Question("1", "?", ("a", "b")), "gift", "'1' has no answer"),
        (Question("1", "?", ("a", "b\x01"), 0), "moodle-xml", r"control character U\+0001"),
        (Question("1", "?", ("a", " "), 0), "gift", "'1' has a blank option"),
    ],
)
def test_what_a_quiz_cannot_store_is_an_error(tmp_path, question, format, words):
    with pytest.raises(ExamError, match=words):
        write_exam(tmp_path / "quiz", Exam((question,)), format=format)


def test_what_is_lost_is_told():
    exam = Exam((Question("a", " ?", ("a", "b"), 0, metadata={"source": "x"}),))
    assert what_is_lost(exam, "gift") == ("metadata", "space around texts")
