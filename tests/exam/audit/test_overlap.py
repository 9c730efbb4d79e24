from llmexam.exam.audit.overlap import find_in_exam, find_in_text, summarise
from llmexam.exam.question import Question

LONG = "Which of the following best describes the main role of the mitochondria in animal cells"


def question(name, prompt, options=("x", "y")):
    return Question(name, prompt, options, 0)


EXAM = [
    (1, question("a", LONG)),
    (2, question("b", "What is light?")),
    (3, question("c", "Why do heavy stones fall as fast as light ones", ("p", "q"))),
]


def find(*others):
    rows = list(enumerate(others, 1))
    found = find_in_exam(EXAM, rows, file="train.csv", threshold=0.7, seed=0)
    return [(overlap.row, overlap.other_row, overlap.kind) for overlap in found]


def test_kinds_of_overlap():
    assert find(
        question("0", "Unlike all others, this one is new"),
        question("1", LONG + " mostly"),
        question("2", "what is LIGHT", ("y", "x")),
        question("3", "Why do heavy stones fall as fast as light ones?"),
    ) == [(1, 2, "near duplicate"), (2, 3, "same question"), (3, 4, "same prompt")]


def test_alike_prompts_with_other_options():
    assert find(question("0", LONG + " mostly", ("v", "w"))) == [(1, 1, "similar prompt")]


def test_the_same_options_go_before_an_earlier_row():
    assert find(question("0", LONG, ("v", "w")), question("1", LONG)) == [(1, 2, "same question")]
    assert find() == []


def test_prompts_in_a_text_over_line_breaks_and_escapes():
    quoted = LONG.replace(" main ", "\n  main ")
    text = f'intro\nshots:\n- "\\n{quoted}?\\nA: x"\n- What is light?\n'
    found = find_in_text(EXAM, text, file="shots.yaml")
    assert [(o.row, o.id, o.other_row, o.kind) for o in found] == [(1, "a", 3, "quoted")]
    assert find_in_text(EXAM, LONG.replace("role", "part"), file="t") == []
    assert find_in_text(EXAM, "", file="t") == []


def test_summary_weighs_kinds():
    found = find_in_exam(EXAM, EXAM, file="train.csv", threshold=0.7, seed=0)
    (finding,) = summarise(found, file="train.csv", n_shown=2)
    assert (finding.check, finding.severity) == ("overlap: same question", "error")
    assert finding.rows == (1, 2, 3)
    assert "3 questions" in finding.message
    assert "train.csv (row 1 at row 1; row 2 at row 2, and 1 more)" in finding.message
