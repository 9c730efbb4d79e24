import json
import os
import signal
import sqlite3
import subprocess
import sys
import textwrap
import threading
import time
from contextlib import closing

import numpy as np
import pytest

from llmexam.errors import EndpointError
from llmexam.exam.question import Passage, Question
from llmexam.solvers.registry import create_solver
from llmexam.solvers.served.solver import ServedSolver
from llmexam.storage.answer_store import FILE
from llmexam.testing import check_solver, example_questions

pytest.importorskip("openai", reason="the extra openai is not installed")

QUESTIONS = [
    Question(f"q{i}", f"Number {i}?", tuple(f"option {i} {j}" for j in range(5)), i % 5)
    for i in range(12)
]


def n_answers(endpoint):
    return sum(endpoint.answered.values())


def n_cached(folder):
    with closing(sqlite3.connect(folder / FILE)) as connection:
        return connection.execute("SELECT COUNT(*) FROM answer").fetchone()[0]


@pytest.mark.parametrize("rotations", [1, 3])
@pytest.mark.parametrize("form", ["chat", "completion"])
@pytest.mark.parametrize("logprobs", ["offered", "left out", "refused"])
def test_the_contract(endpoint, make, form, logprobs, rotations):
    endpoint.logprobs = logprobs
    # Options of one line each: the server reads them back.
    asked = [q for q in example_questions() if q.id != "q4"]
    check_solver(lambda: make(endpoint=form, rotations=rotations), asked)
    # However often it is asked, and by whom, each request is sent once.
    assert max(endpoint.answered.values()) == 1


def test_it_is_in_the_registry(endpoint, tmp_path):
    settings = {"model": "tiny", "base_url": endpoint.url, "cache_dir": str(tmp_path)}
    assert isinstance(create_solver("openai", settings), ServedSolver)


def test_scores_are_the_log_probabilities_of_the_letters(endpoint, make):
    scores = make().score(QUESTIONS)
    for question, row in zip(QUESTIONS, scores.rows(), strict=True):
        assert row == pytest.approx(endpoint.log_probabilities(question.options), abs=1e-5)
    body = endpoint.asked[0]
    assert (body["logprobs"], body["top_logprobs"], body["max_tokens"]) == (True, 20, 1)
    assert (body["temperature"], body["seed"], body["model"]) == (0, 0, "tiny")


def test_a_letter_that_is_not_listed_scores_below_all_that_are(endpoint, make):
    row = make(top_logprobs=2).score(QUESTIONS[:1]).rows()[0]
    likings = sorted(endpoint.log_probabilities(QUESTIONS[0].options), reverse=True)
    assert sorted(row, reverse=True) == pytest.approx([*likings[:2], *[likings[1] - 1] * 3])


def test_an_order_in_words_scores_by_place(endpoint, make):
    endpoint.logprobs = "left out"
    endpoint.says = lambda best: f"I would say: {best[0]}, then {best[1]}."
    solver = make()
    row = solver.score(QUESTIONS[:1]).rows()[0]
    likings = [endpoint.liking(o) for o in QUESTIONS[0].options]
    first, second = np.argsort(likings)[::-1][:2]
    rest = (1 / 3 + 1 / 4 + 1 / 5) / 3
    assert row[first] == 1
    assert row[second] == 0.5
    assert sorted(row)[:3] == pytest.approx([rest] * 3)
    assert solver.usage.n_lenient == 1
    assert "parsed leniently: 'I would say" in solver.explain(QUESTIONS[:1])[0].options[0].note


def test_an_answer_that_says_nothing_leaves_all_options_tied_and_is_counted(endpoint, make, caplog):
    endpoint.says = lambda best: "I do not know"
    solver = make(answers="ranking")
    scores = solver.score(QUESTIONS[:2])
    assert all(len(set(row.tolist())) == 1 for row in scores.rows())
    assert solver.usage.n_unread == 2
    assert "2 of 2 answers name no option" in caplog.text
    note = solver.explain(QUESTIONS[:1])[0].options[0].note
    assert note == "no letter found in the answer: 'I do not know'"


@pytest.mark.parametrize(
    ("says", "told"), [("I cannot say", "the first is 'I cannot say'"), ("", "empty")]
)
def test_a_model_of_which_nothing_can_be_read_gives_no_result(endpoint, make, says, told):
    endpoint.says = lambda best: says
    many = QUESTIONS[:6]
    solver = make(answers="ranking", rotations=2)
    with pytest.raises(EndpointError, match=rf"none of 12 answers could be parsed.*{told}"):
        solver.score(many)
    # They are paid for, and kept.
    sent = n_answers(endpoint)
    with pytest.raises(EndpointError):
        solver.score(many)
    assert n_answers(endpoint) == sent


def prose(token, **letters):
    """Return the log-probabilities of a first token that is no letter."""
    tops = [{"token": token, "logprob": -0.1}]
    tops += [{"token": letter, "logprob": value} for letter, value in letters.items()]
    return {"content": [{"token": token, "logprob": -0.1, "top_logprobs": tops}]}


@pytest.mark.parametrize(
    "manner",
    [
        "{0}",
        "The correct answer is {0}.",
        "Let us see. {1} is wrong, {2} is wrong. I choose option {0}.",
        "First, {1} looks right. But {2} could be, too.\n</think>\n\n{0}",
        "Option {1} is not right. Therefore the result is \\boxed{{{0}}}.",
        '{{"reasoning": "not {1}", "answer": "{0}"}}',
        "\u7b54\u6848\u662f{0}\u3002",
        "({0})",
    ],
)
@pytest.mark.parametrize("answers", ["auto", "ranking"])
def test_a_model_that_is_always_right_is_graded_so_in_every_manner(endpoint, make, manner, answers):
    endpoint.logprobs = "left out"
    endpoint.says = lambda best: manner.format(*best)
    scores = make(answers=answers).score(QUESTIONS)
    for question, row in zip(QUESTIONS, scores.rows(), strict=True):
        likings = [endpoint.liking(option) for option in question.options]
        assert row.argmax() == np.argmax(likings)


@pytest.mark.parametrize("first", ["The", "<think>"])
@pytest.mark.parametrize("answers", ["auto", "logprobs"])
def test_letters_with_too_little_probability_are_asked_for_as_text(
    endpoint, make, caplog, first, answers
):
    endpoint.says = lambda best: f"The correct answer is {best[0]}."
    # "A" as an article holds some of the probability.
    endpoint.listed = lambda best: prose(first, A=-3.0)
    solver = make(answers=answers)
    row = solver.score(QUESTIONS[:3]).rows()[0]
    likings = [endpoint.liking(option) for option in QUESTIONS[0].options]
    assert row.argmax() == np.argmax(likings)
    assert (
        "3 of 3 questions: the letters of the options have a total probability of less than 50%"
        in caplog.text
    )
    assert (solver.usage.n_fallen_back, solver.usage.n_lenient) == (3, 3)
    assert "3 sent again for text, because letters had too little probability" in str(solver.usage)
    # Where they are wanted all the same, they count.
    wanted = make(answers=answers, min_letter_share=0.0)
    assert wanted.score(QUESTIONS[:1]).rows()[0].argmax() == 0
    assert wanted.usage.n_logprobs == 1


@pytest.mark.parametrize(
    "refusal",
    [
        (403, "You are not allowed to request logprobs from this model"),
        (404, "log_probs: no such field"),
        (422, "logprobs are not supported with reasoning models"),
    ],
)
def test_any_refusal_that_names_log_probabilities_falls_back_to_text(endpoint, make, refusal):
    status, said = refusal
    endpoint.script = [(status, {"error": {"message": said}})]
    solver = make()
    solver.score(QUESTIONS[:3])
    assert solver.usage.n_strict == 3


@pytest.mark.parametrize(
    "said",
    [
        "top_logprobs must be at most 3, you requested 20 logprobs",
        "Requested sample logprobs of 20, which is greater than max allowed: 3",
        "Input should be less than or equal to 3 (https://errors.pydantic.dev/2.9/v/less_than)",
        "logprobs: expected a value between 0 and 3",
    ],
)
@pytest.mark.parametrize("answers", ["auto", "logprobs"])
def test_as_many_log_probabilities_as_allowed_are_requested(endpoint, make, said, answers):
    message = said if "logprobs" in said else f"top_logprobs: {said}"

    def limited(body):
        if body.get("top_logprobs", 0) > 3:
            return 400, {"error": {"message": message}}
        return None

    endpoint.writes = limited
    solver = make(answers=answers, max_concurrency=1)
    scores = solver.score(QUESTIONS[:4])
    assert all(row.max() < 0 for row in scores.rows())
    assert solver.usage.n_logprobs == 4
    assert sum(body["top_logprobs"] == 20 for body in endpoint.asked) == 1
    assert make(answers=answers).score(QUESTIONS[:4]).values.tolist() == scores.values.tolist()
    assert sum(endpoint.answered.values()) == 4


def test_rotations_send_each_turn_and_undo_it(endpoint, make):
    solver = make(rotations=26)
    row = solver.score(QUESTIONS[:1]).rows()[0]
    assert n_answers(endpoint) == 5
    assert row == pytest.approx(endpoint.log_probabilities(QUESTIONS[0].options), abs=1e-5)
    # All turns are asked already, so an audit of positions costs nothing.
    turned = QUESTIONS[0].with_option_order([2, 3, 4, 0, 1])
    assert solver.score([turned]).rows()[0] == pytest.approx(row[[2, 3, 4, 0, 1]], abs=1e-5)
    assert n_answers(endpoint) == 5


def test_passages_are_sent_and_cut_but_never_the_options(endpoint, make):
    options = ("x" * 300, "y" * 300)
    long = Question("q", "Why?", options, 0, (Passage("word " * 100, title="T"), Passage("end")))
    solver = make(max_characters=100)
    scores = solver.score([long, QUESTIONS[0]])
    assert scores.truncated.tolist() == [True, False]
    sent = next(one["messages"][-1]["content"] for one in endpoint.asked if "xxx" in str(one))
    assert "T: word word" in sent
    assert "end" not in sent.split("Question:")[0]
    assert all(option in sent for option in options)


def test_whether_log_probabilities_are_told_is_found_out_once(endpoint, make):
    endpoint.logprobs = "refused"
    make().score(QUESTIONS)
    assert sum("logprobs" in one for one in endpoint.asked) == 1
    make().score(QUESTIONS[::-1])
    assert sum("logprobs" in one for one in endpoint.asked) == 1
    with pytest.raises(EndpointError, match=r"returns no log-probabilities.*Set answers: ranking"):
        make(answers="logprobs").score(QUESTIONS)
    endpoint.logprobs = "left out"
    with pytest.raises(EndpointError, match="returns no log-probabilities"):
        make(answers="logprobs", seed=1).score(QUESTIONS)


def test_what_an_endpoint_tells_beside_other_fields_is_found_out_anew(endpoint, make):
    endpoint.logprobs = "refused"
    refused = make(extra_body={"reasoning_effort": "high"}).score(QUESTIONS[:1])
    assert refused.rows()[0].max() == 1
    endpoint.logprobs = "offered"
    told = make().score(QUESTIONS[:1])
    assert told.rows()[0].max() < 0
    # A token more is another request, too.
    n = len(endpoint.asked)
    make(max_tokens=2).score(QUESTIONS[:1])
    assert len(endpoint.asked) == n + 1


def test_no_more_requests_are_under_way_than_allowed(endpoint, make):
    gate = threading.Barrier(3)

    def wait(n):
        if n < 9:
            gate.wait(10)

    endpoint.wait = wait
    make(answers="logprobs", max_concurrency=3).score(QUESTIONS)
    assert endpoint.most_at_once == 3


def test_busy_failing_and_hanging_up_servers_are_tried_again(endpoint, make):
    endpoint.script = [(429, {}), (500, {}), "hang up", (503, {})]
    solver = make(max_concurrency=1)
    solver.score(QUESTIONS[:3])
    assert solver.usage.n_retries == 4
    assert solver.usage.n_requests == n_answers(endpoint) == 3


def test_tokens_and_cost_are_counted_once_whoever_asks(endpoint, make):
    prices = {"prompt_price": 2.0, "completion_price": 10.0}
    solver = make(**prices)
    solver.score(QUESTIONS)
    solver.explain(QUESTIONS)
    usage = solver.usage
    assert (usage.n_requests, usage.n_kept) == (12, 0)
    assert (usage.prompt_tokens, usage.completion_tokens) == (1200, 120)
    assert usage.cost == pytest.approx(12 * (100 * 2 + 10 * 10) / 1e6)
    later = make(**prices)
    later.score(QUESTIONS)
    assert (later.usage.n_requests, later.usage.n_kept, later.usage.cost) == (0, 12, 0.0)
    assert later.usage.kept_cost == pytest.approx(usage.cost)


def test_an_endpoint_that_does_not_count_is_noticed(endpoint, make):
    endpoint.counts = False
    solver = make(prompt_price=1.0)
    solver.score(QUESTIONS[:2])
    assert solver.usage.n_uncounted == 2
    assert solver.usage.prompt_tokens == 0
    assert solver.usage.cost > 0


@pytest.mark.parametrize("max_concurrency", [1, 4])
def test_the_budget_stops_the_run_and_a_higher_one_goes_on(endpoint, make, max_concurrency):
    # 300 units of a millionth a request: ten fit.
    prices = {"prompt_price": 2.0, "completion_price": 10.0, "max_concurrency": max_concurrency}
    with pytest.raises(EndpointError, match=r"max_cost.*Raise max_cost.*2 answers are missing"):
        make(**prices, max_cost=0.0032).score(QUESTIONS)
    paid = n_answers(endpoint)
    assert paid == 10
    with pytest.raises(EndpointError, match="max_cost"):
        make(**prices, max_cost=0.0032).score(QUESTIONS)
    assert n_answers(endpoint) == paid
    make(**prices, max_cost=1.0).score(QUESTIONS)
    assert n_answers(endpoint) == 12
    assert max(endpoint.answered.values()) == 1


def test_a_failure_keeps_what_was_answered_and_what_is_under_way(endpoint, make):
    endpoint.script = [None, None, (418, {"error": {"message": "teapot"}})]
    with pytest.raises(EndpointError, match=r"418.*teapot.*answers are missing.*same command"):
        make(answers="logprobs", max_concurrency=4).score(QUESTIONS)
    before = n_answers(endpoint)
    assert before >= 2
    make(answers="logprobs").score(QUESTIONS)
    assert n_answers(endpoint) == 12
    assert max(endpoint.answered.values()) == 1


def test_a_running_event_loop_is_no_obstacle(endpoint, make):
    import asyncio

    async def notebook():
        return make().score(QUESTIONS[:2])

    assert len(asyncio.run(notebook())) == 2


RUN = """
    import json, signal, sys
    from llmexam.exam.question import Question
    from llmexam.solvers.registry import create_solver
    questions = [
        Question(f"q{i}", f"Number {i}?", tuple(f"option {i} {j}" for j in range(5)), i % 5)
        for i in range(12)
    ]
    # Whoever started the tests may have it ignored.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    solver = create_solver("openai", json.loads(sys.argv[1]))
    print(solver.score(questions).values.tolist())
"""


# A loop runs already, and the interrupt is raised in the cell.
IN_A_NOTEBOOK = """
    import asyncio
    async def cell():
        signal.signal(signal.SIGINT, signal.default_int_handler)
        print(solver.score(questions).values.tolist())
    asyncio.new_event_loop().run_until_complete(cell())
"""


def start(settings, *, notebook=False):
    said = "    print(solver.score(questions).values.tolist())\n"
    assert said in RUN
    text = textwrap.dedent(RUN.replace(said, "") + IN_A_NOTEBOOK if notebook else RUN)
    command = [sys.executable, "-c", text, json.dumps(settings)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def test_a_signal_that_does_not_end_the_process_is_an_error(endpoint, make):
    before = signal.signal(signal.SIGTERM, lambda number, frame: None)
    endpoint.wait = lambda n: os.kill(os.getpid(), signal.SIGTERM) if n == 2 else None
    try:
        with pytest.raises(EndpointError, match=r"ended by SIGTERM. \d+ answers are missing"):
            make(answers="logprobs", max_concurrency=1).score(QUESTIONS)
    finally:
        signal.signal(signal.SIGTERM, before)
    endpoint.wait = None
    make(answers="logprobs").score(QUESTIONS)
    assert max(endpoint.answered.values()) == 1


@pytest.mark.parametrize(
    ("how", "notebook"),
    [
        pytest.param(signal.SIGKILL, False, id="kill"),
        pytest.param(signal.SIGTERM, False, id="terminate"),
        pytest.param(signal.SIGINT, False, id="interrupt", marks=pytest.mark.slow),
        pytest.param(signal.SIGINT, True, id="interrupt in a notebook", marks=pytest.mark.slow),
    ],
)
def test_a_run_killed_in_the_middle_goes_on_and_pays_nothing_twice(
    endpoint, tmp_path, how, notebook
):
    folder = tmp_path / "answers"
    settings = {"model": "tiny", "base_url": endpoint.url, "cache_dir": str(folder)}
    settings |= {"answers": "logprobs", "max_concurrency": 3}
    stuck, go_on = threading.Semaphore(0), threading.Event()

    def hold(n):
        if n >= 7:
            stuck.release()
            assert go_on.wait(60)

    endpoint.wait = hold
    run = start(settings, notebook=notebook)
    for _ in range(3):
        assert stuck.acquire(timeout=60)
    # All three requests under way wait for their answers; seven others have theirs.
    run.send_signal(how)
    if how == signal.SIGKILL:
        run.communicate(timeout=60)
        assert n_cached(folder) == 7
    else:
        # Long enough for the signal to arrive before the answers do.
        time.sleep(1)
    go_on.set()
    if how != signal.SIGKILL:
        # Those under way are waited for, and kept.
        _, errors = run.communicate(timeout=60)
        assert ("KeyboardInterrupt" if how == signal.SIGINT else "ended by SIGTERM") in errors
        # No more are sent, whoever runs the loop.
        assert len(endpoint.asked) == 10
    assert run.returncode != 0
    if how == signal.SIGTERM:
        assert run.returncode == -signal.SIGTERM
    endpoint.wait = None
    asked_before = len(endpoint.asked)
    assert len(create_solver("openai", settings).score(QUESTIONS)) == 12
    n_again = len(endpoint.asked) - asked_before
    assert n_again == 12 - (7 if how == signal.SIGKILL else asked_before)
