import pytest

from llmexam.exam.audit.texts import check_texts
from llmexam.exam.question import Passage, Question


def found(*questions):
    return {
        (finding.check, finding.severity): finding.rows
        for finding in check_texts(list(enumerate(questions, 1)))
    }


def question(*options, prompt="What is it?", answer=0, passages=()):
    return Question("q", prompt, options or ("one", "two"), answer, passages)


def test_a_sound_exam_has_no_findings():
    assert found(question(), question("10 m", "10 M")) == {}


def test_blank_texts_weigh_more_if_they_are_the_answer():
    assert found(question("", "x"), question("x", " "), question(), question(prompt="\n")) == {
        ("blank options", "error"): (1,),
        ("blank options", "warning"): (2,),
        ("blank prompts", "error"): (4,),
    }


def test_repeated_options_weigh_more_if_one_is_the_answer():
    questions = [question("x", "x ", "y"), question("y", "x", "x"), question("-1", "1")]
    assert found(*questions) == {
        ("repeated options", "error"): (1,),
        ("repeated options", "warning"): (2,),
    }


@pytest.mark.parametrize("word", ["None", " NA", "null", "nan", "N/A"])
def test_null_words_are_noted(word):
    assert found(question(), question("x", word)) == {("null-looking options", "note"): (2,)}


def test_missing_answers_and_context():
    bare, full = question(answer=None), question(passages=(Passage("t"),))
    assert found(bare, full) == {
        ("missing answers", "warning"): (1,),
        ("missing context", "note"): (1,),
    }
    assert found(bare, bare) == {("missing answers", "note"): ()}


def test_long_texts():
    questions = [
        question(prompt="x" * 4_001),
        question("y" * 2_001, "z"),
        question(passages=(Passage("p" * 10_001), Passage("p" * 10_001))),
        question(prompt="x" * 4_000, passages=(Passage("p"),)),
    ]
    result = found(*questions)
    assert result["long prompts", "warning"] == (1,)
    assert result["long options", "warning"] == (2,)
    assert result["long contexts", "note"] == (3,)


def test_an_answer_in_the_prompt_counts_only_alone_and_as_whole_words():
    questions = [
        question("Isaac Newton", "Kepler", prompt="What did ISAAC NEWTON find?"),
        question("Newton", "Kepler", prompt="Newton or Kepler?"),
        question("light", "dark", prompt="What is a lighthouse?"),
        question("a", "b", prompt="Is it a thing?"),
    ]
    assert found(*questions) == {("answer in prompt", "note"): (1,)}


@pytest.mark.parametrize(("column", "severity"), [("Answers", "warning"), ("source", "note")])
def test_a_column_that_looks_like_misspelt_answers_is_named(column, severity):
    question = Question("q", "What?", ("x", "y"), metadata={column: "A"})
    found = [f for f in check_texts([(1, question)]) if f.check == "missing answers"]
    assert [one.severity for one in found] == [severity]
    assert (f"column '{column}'" in found[0].message) is (severity == "warning")
