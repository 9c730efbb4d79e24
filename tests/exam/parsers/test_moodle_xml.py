import pytest

from llmexam.errors import ExamError
from llmexam.exam.parsers import read_exam, read_rows
from llmexam.exam.parsers.moodle_xml import right_by_credit


def quiz(*questions):
    return f'<?xml version="1.0" encoding="UTF-8"?>\n<quiz>{"".join(questions)}</quiz>'


def choice(*answers, kind="multichoice", text="Which?", before="", after=""):
    listed = "".join(
        f'<answer fraction="{fraction}" format="html"><text><![CDATA[{option}]]></text>'
        "<feedback><text>Well.</text></feedback></answer>"
        for fraction, option in answers
    )
    return (
        f'<question type="{kind}">{before}<questiontext format="html"><text><![CDATA[{text}]]>'
        f"</text></questiontext>{listed}{after}</question>"
    )


def test_an_export_of_moodle_is_read(write):
    exam = read_exam(
        write(
            quiz(
                '<question type="category"><category><text>$course$/top/Physics/Waves</text>'
                "</category></question>",
                choice(
                    (0, "<p>3 x 10<sup>6</sup> m/s</p>"),
                    (100, "<p>3 x 10<sup>8</sup> m/s</p>"),
                    ("-33.33333", "no light"),
                    text='<p>How fast is <b>light</b>?</p><img src="@@PLUGINFILE@@/c.png" '
                    'alt="ray">',
                    before="<name><text>Light 01</text></name>",
                    after="<single>true</single><idnumber>L1</idnumber><generalfeedback>"
                    "<text>It is exact.</text></generalfeedback>"
                    "<tags><tag><text>optics</text></tag></tags>",
                ),
                choice(
                    (100, "true"), (0, "false"), kind="truefalse", after="<idnumber>L2</idnumber>"
                ),
            ),
            "quiz.xml",
        )
    )
    first, second = exam
    assert exam.format == "moodle-xml"
    assert first.id == "L1"
    assert first.prompt == "How fast is light?\n[image: ray]"
    assert first.options == ("3 x 10^6 m/s", "3 x 10^8 m/s", "no light")
    assert first.answer_letter == "B"
    assert dict(first.metadata) == {
        "category": "Physics/Waves",
        "name": "Light 01",
        "generalfeedback": "It is exact.",
        "tags": "optics",
    }
    assert (second.id, second.options, second.answer) == ("L2", ("True", "False"), 0)


@pytest.mark.parametrize(
    ("fractions", "single", "right"),
    [
        ((50, 50, -100), "<single>false</single>", (0, 1)),
        ((50, 50, -100), "<single>0</single>", (0, 1)),
        ((100, 50, 0), "<single>true</single>", ()),
        ((100, 0, 100), "", (0, 2)),
        ((33.33333, 33.33333, 33.33333), "<single>false</single>", (0, 1, 2)),
    ],
)
def test_fractions_tell_the_right_options(write, fractions, single, right):
    answers = [(fraction, f"option {i}") for i, fraction in enumerate(fractions)]
    question = read_exam(write(quiz(choice(*answers, after=single))))[0]
    assert (question.answer, question.right) == (0, right)


def test_credit_of_one_and_of_several():
    assert right_by_credit([50.0, 25.0, 0.0], is_single=True) == [0]
    assert right_by_credit([50.0, 25.0, 0.0], is_single=False) == [0, 1]
    assert right_by_credit([0.0, -50.0], is_single=True) == []


def test_other_types_are_left_out_and_counted(write):
    others = "".join(f'<question type="{kind}"/>' for kind in ("essay", "essay", "matching"))
    exam = read_exam(write(quiz(choice((100, "a"), (0, "b")), others)))
    assert len(exam) == 1
    assert exam.notes == ("3 questions of other types were left out: 2 essay, 1 matching",)


def test_plain_text_keeps_what_looks_like_a_tag(write):
    text = (
        '<question type="multichoice"><questiontext format="plain_text"><text>&lt;b&gt; or a&lt;b?'
        '</text></questiontext><answer fraction="100" format="plain_text"><text>&lt;i&gt;</text>'
        '</answer><answer fraction="0"><text>x &lt; y</text></answer></question>'
    )
    question = read_exam(write(quiz(text)))[0]
    assert (question.prompt, question.options) == ("<b> or a<b?", ("<i>", "x < y"))


def test_ids_that_repeat_are_kept_as_metadata(write):
    same = choice((100, "a"), (0, "b"), after="<idnumber>1</idnumber>")
    exam = read_exam(write(quiz(same, same)))
    assert exam.ids == ("0", "1")
    assert exam[0].metadata["idnumber"] == "1"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (
            '<!DOCTYPE quiz [<!ENTITY a "aa"><!ENTITY b "&a;&a;&a;">]><quiz>&b;</quiz>',
            "defines entities",
        ),
        (
            '<!DOCTYPE quiz [<!ENTITY x SYSTEM "file:///etc/passwd">]><quiz>&x;</quiz>',
            "defines entities",
        ),
        ("<quiz><question>a & b</question></quiz>", "invalid XML in line 1, column 20"),
        ("<quiz><question>", "invalid XML"),
        ("<html></html>", "first element <html>"),
        ("<quiz></quiz>", "no questions"),
    ],
)
def test_xml_that_cannot_be_read_is_refused(write, text, words):
    with pytest.raises(ExamError, match=words):
        read_exam(write(text, "quiz.xml"))


@pytest.mark.parametrize("fraction", ["nan", "inf", "-inf", "1e999", "x"])
@pytest.mark.parametrize("place", [0, 1])
def test_a_fraction_that_is_no_finite_number_is_a_fault(write, fraction, place):
    answers = [(100, "a"), (0, "b")]
    answers.insert(place, (fraction, "c"))
    read = read_rows(write(quiz(choice(*answers), choice((100, "a"), (0, "b")))))
    assert [row for row, _ in read.rows] == [2]
    words = f"expected a number as fraction of option {place + 1}, got '{fraction}'"
    assert words in str(read.faults[0])


def test_a_faulty_question_does_not_hide_the_others(write):
    read = read_rows(
        write(quiz(choice((100, "a")), choice((100, "a"), (0, "b")), choice(("x", "a"), (0, "b"))))
    )
    assert [row for row, _ in read.rows] == [2]
    assert "got 1" in str(read.faults[0])
    assert "expected a number as fraction of option 1, got 'x'" in str(read.faults[1])


@pytest.mark.parametrize(
    ("name", "encoding"),
    [
        ("ISO-8859-1", "latin-1"),
        ("UTF-16", "utf-16"),
        ("windows-1252", "cp1252"),
        ("UTF-8", "utf-8-sig"),
    ],
)
def test_the_encoding_is_that_of_the_declaration(write, name, encoding):
    text = (
        f'<?xml version="1.0" encoding="{name}"?><quiz>{choice((100, "größer"), (0, "b"))}</quiz>'
    )
    assert read_exam(write(text.encode(encoding), "quiz.xml"))[0].options[0] == "größer"


def test_a_quiz_of_other_types_only_says_so(write):
    with pytest.raises(ExamError, match=r"no questions: 1 question of another type.*1 essay"):
        read_exam(write(quiz('<question type="essay"/>'), "quiz.xml"))
