"""Templates and examples: a served model reads what solver `causal-lm` reads."""

import pytest

from llmexam.errors import SettingsError
from llmexam.exam.audit.audit import audit_exam
from llmexam.exam.exam import Exam
from llmexam.exam.question import Passage, Question
from llmexam.exam.writers import write_exam
from llmexam.solvers.causal_lm.asking import asking_of
from llmexam.solvers.prompts.template import read_template, template_names
from llmexam.solvers.prompts.wording import Shot, as_messages, as_text
from llmexam.tasks.multiple_choice.scored import alike
from llmexam.testing import check_solver, example_questions

pytest.importorskip("openai", reason="the extra openai is not installed")

LETTERS = [name for name in template_names() if read_template(name).mode == "letters"]
WORDS = ("rust", "tides", "magma", "pollen", "orbits", "yeast", "glaciers", "opera")
TRAINING = [
    Question(f"t{i}", f"What is known about {word}, and who found it out?", ("a", "b", "c"), i % 3)
    for i, word in enumerate(WORDS[:6])
]
QUESTION = Question(
    "q",
    f"What would a chemist say about {WORDS[6]}?",
    ("iron", "salt", "ice"),
    1,
    (Passage("It melts.\n", title="Salt"), Passage(" "), Passage("Iron is a metal.")),
)


@pytest.fixture
def training(tmp_path):
    path = tmp_path / "train.jsonl"
    write_exam(path, Exam(TRAINING), format="jsonl")
    return path


def as_a_decoder_reads(name, examples, question):
    """Template, examples and question as solver `causal-lm` puts them together."""
    template = read_template(name)
    asking = asking_of(template, norm="byte", n_rotations=1, calibrate=False)
    shots = []
    for example in examples:
        ask, answer = asking.example(example)
        shots.append(Shot(template.render_question(context="", **ask.names), answer))
    (ask,) = asking.asks(question)
    context = "\n".join(p.text.strip() for p in question.passages if p.text.strip())
    return template, shots, template.render_question(context=context, **ask.names), ask.answers


def test_there_are_templates_of_letters():
    assert len(LETTERS) == 3


@pytest.mark.parametrize("name", LETTERS)
def test_a_served_model_reads_what_a_decoder_reads(endpoint, make, training, name):
    shots = {"file": str(training), "n": 3, "seed": 1}
    solver = make(template=name, shots=shots, answers="logprobs")
    solver.score([QUESTION])
    examples = solver._pool.choose([QUESTION])[0]
    template, shown, asked, answers = as_a_decoder_reads(name, examples, QUESTION)
    assert len(shown) == 3
    assert endpoint.asked[-1]["messages"] == as_messages(template.instructions, shown, asked)
    make(template=name, shots=shots, answers="logprobs", endpoint="completion").score([QUESTION])
    text = as_text(template.instructions, shown, asked, separator=template.separator)
    sent = endpoint.asked[-1]["prompt"]
    # The letter is the next token, with the space before it or without.
    assert (text + answers[0]).removeprefix(sent) in ("A", " A")


def test_what_the_user_says_to_the_system_leaves_the_instructions(endpoint, make):
    make(template="alpaca", system="Be brief.", answers="logprobs").score([QUESTION])
    system, user = endpoint.asked[-1]["messages"]
    assert system["content"] == "Be brief."
    assert user["content"].startswith("Below is an instruction")
    make(template="alpaca", system="", answers="logprobs").score([QUESTION])
    (user,) = endpoint.asked[-1]["messages"]
    assert user["content"].startswith("Below is an instruction")


@pytest.mark.parametrize("ranking", [False, True])
@pytest.mark.parametrize("form", ["chat", "completion"])
def test_examples_in_our_own_words(endpoint, make, training, form, ranking):
    solver = make(
        shots={"file": str(training), "n": 2},
        endpoint=form,
        answers="ranking" if ranking else "logprobs",
    )
    solver.score([QUESTION])
    examples = solver._pool.choose([QUESTION])[0]
    letters = ["ABC"[example.answer] for example in examples]
    if form == "chat":
        turns = endpoint.asked[-1]["messages"]
        assert [one["role"] for one in turns] == ["system", *["user", "assistant"] * 2, "user"]
        assert [one["content"][:1] for one in turns[2::2]] == letters
        answers = [one["content"] for one in turns[2::2]]
        assert f"Question: {examples[0].prompt}\n\nA. a\n" in turns[1]["content"]
    else:
        prompt = endpoint.asked[-1]["prompt"]
        answers = [part.split("\n\n")[0] for part in prompt.split("Answer: ")[1:]]
        assert [one[:1] for one in answers] == letters
        assert prompt.endswith("\n\nAnswer:")
    assert all(sorted(one) == sorted("A, B, C" if ranking else one[0]) for one in answers)


def test_the_nearest_examples(endpoint, make, training):
    asked = Question("q", "What have people known about magma?", ("a", "b"), 0)
    make(shots={"file": str(training), "n": 2, "by": "nearest"}, answers="logprobs").score([asked])
    assert "magma" in endpoint.asked[-1]["messages"][3]["content"]


def test_examples_never_come_from_the_exam_and_nothing_is_sent(endpoint, make, training):
    solver = make(shots={"file": str(training), "n": 6})
    with pytest.raises(
        SettingsError, match=r"'t2' of the exam is among the few-shot examples.*audit EXAM"
    ):
        solver.score([QUESTION, TRAINING[2]])
    assert not endpoint.asked
    assert any(
        one.id == "t2" for one in audit_exam(Exam(TRAINING[2:3]), against=[training]).overlaps
    )


def test_no_words_quote_the_exam(endpoint, make, tmp_path):
    mine = tmp_path / "mine.yaml"
    mine.write_text(
        f"mode: letters\ninstructions: '{TRAINING[1].prompt} B'\nquestion: '{{{{ prompt }}}}'\n"
        "answer: '{{ letter }}'\n"
    )
    with pytest.raises(SettingsError, match="the template quotes question 't1' of the exam"):
        make(template=str(mine)).score(TRAINING)
    with pytest.raises(SettingsError, match="the template quotes question 't3' of the exam"):
        make(system=f"For example: {TRAINING[3].prompt} A").score(TRAINING)
    assert not endpoint.asked


def test_other_words_and_examples_are_other_requests_and_results(endpoint, make, training):
    shots = {"file": str(training), "n": 1}
    ways = [{}, {"template": "letters"}, {"template": "alpaca"}, {"shots": shots}]
    ways += [{"template": "letters", "shots": {**shots, "seed": 1}}]
    solvers = [make(answers="logprobs", **way) for way in ways]
    for solver in solvers:
        solver.score([QUESTION])
    assert len(endpoint.answered) == len(ways)
    hashes = [solver.weights_hash for solver in solvers]
    assert len(set(hashes)) == len(ways)
    assert not any(
        alike(solver, other) for solver in solvers for other in solvers if solver != other
    )
    assert not alike(make(), make(model="other"))
    # Other questions in the file are other examples.
    write_exam(training, Exam(TRAINING[:3]), format="jsonl")
    assert make(answers="logprobs", shots=shots).weights_hash != hashes[3]


def test_the_contract_holds_with_template_and_examples(endpoint, make, training):
    asked = [q for q in example_questions() if q.id != "q4"]
    settings = {"template": "letters", "shots": {"file": str(training), "n": 2}, "rotations": 2}
    check_solver(lambda: make(**settings), asked)
    assert max(endpoint.answered.values()) == 1


def test_what_a_text_goes_on_with_is_no_answer(endpoint, make, training):
    endpoint.says = lambda best: f" {best[1]}\n\nQuestion: And?\nA. x\nAnswer: {best[0]}"
    settings = {"answers": "ranking", "template": "letters"}
    row = make(endpoint="completion", **settings).score([QUESTION]).rows()[0]
    liked = sorted(QUESTION.options, key=endpoint.liking, reverse=True)
    assert QUESTION.options[row.argmax()] == liked[1]
    # In a chat all of it is the answer.
    row = make(**settings).score([QUESTION]).rows()[0]
    assert QUESTION.options[row.argmax()] == liked[0]


@pytest.mark.parametrize(
    ("answer", "name", "message"),
    [
        ("", "options", "mode 'options'"),
        ("", "leters", "'letters'"),
        ("yes", "", "does not contain the letter"),
    ],
)
def test_templates_that_a_served_model_cannot_be_asked_by(make, tmp_path, answer, name, message):
    mine = tmp_path / "mine.yaml"
    mine.write_text(f"mode: letters\nquestion: q\nanswer: '{answer}'\n")
    with pytest.raises(SettingsError, match=message):
        make(template=name or str(mine))
