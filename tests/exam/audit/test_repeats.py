from llmexam.exam.audit.repeats import check_near, check_repeats
from llmexam.exam.question import Passage, Question

LONG = "Which of the following best describes the main role of the mitochondria in animal cells"


def found(*questions):
    return {
        (finding.check, finding.severity): finding.rows
        for finding in check_repeats(list(enumerate(questions, 1)))
    }


def question(name, prompt="What is light?", options=("x", "y"), answer=0, context=""):
    return Question(name, prompt, options, answer, (Passage(context),) if context else ())


def test_ids_there_twice():
    questions = [question("a"), question("b", "q?"), question("a", "r?")]
    assert found(*questions) == {("repeated ids", "error"): (1, 3)}


def test_the_same_question_with_its_options_in_another_order():
    again = question("b", "what is  LIGHT", ("y", "x"), 1)
    assert found(question("a"), again) == {("repeated questions", "warning"): (1, 2)}


def test_another_answer_is_a_contradiction_unless_the_context_explains_it():
    assert found(question("a"), question("b", answer=1)) == {("contradictions", "error"): (1, 2)}
    assert found(question("a", context="s"), question("b", answer=1, context="t")) == {
        ("contradictions", "warning"): (1, 2)
    }
    assert found(question("a"), question("b", answer=None)) == {
        ("repeated questions", "warning"): (1, 2)
    }


def test_one_prompt_with_other_options_is_only_noted():
    questions = [
        question("a"),
        question("b", options=("x", "z")),
        question("c", options=("v", "w")),
    ]
    assert found(*questions) == {("repeated prompts", "note"): (1, 2, 3)}


def near(*questions, threshold=0.7):
    return check_near(list(enumerate(questions, 1)), file="exam.csv", threshold=threshold, seed=0)


def test_near_duplicates_name_each_other_with_their_exact_similarity():
    questions = [
        question("a", LONG),
        question("b", "Something else is asked here"),
        question("c", LONG + " today"),
    ]
    findings, overlaps = near(*questions)
    assert [(f.check, f.severity, f.rows) for f in findings] == [
        ("near duplicates", "warning", (1, 3))
    ]
    assert "row 1 and row 3" in findings[0].message
    # 14 words make 12 shingles, the longer prompt has one more.
    n_shingles = len(LONG.split()) - 2
    expected = n_shingles / (n_shingles + 1)
    assert [(o.row, o.other_row, o.similarity) for o in overlaps] == [
        (1, 3, expected),
        (3, 1, expected),
    ]
    assert near(*questions, threshold=0.95) == ([], [])


def test_alike_prompts_with_other_options_are_only_noted():
    findings, overlaps = near(question("a", LONG), question("b", LONG + " now", ("v", "w")))
    assert [(f.check, f.severity) for f in findings] == [("similar prompts", "note")]
    assert {overlap.kind for overlap in overlaps} == {"similar prompt"}


def test_short_prompts_and_equal_prompts_are_not_near():
    assert near(question("a", "What is light?"), question("b", "What is light now?")) == ([], [])
    assert near(question("a", LONG), question("b", LONG)) == ([], [])
    assert near() == ([], [])
