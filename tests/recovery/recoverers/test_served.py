"""Recoverers that ask a real server on loopback, which fails in all ways that servers do."""

import zlib
from collections.abc import Iterator

import numpy as np
import pytest

from fake_endpoint import KEY, Endpoint, serving
from llmexam.errors import EndpointError, ExamError, SettingsError
from llmexam.recovery.recoverers.combination import Combination
from llmexam.recovery.recoverers.served import ServedFewShotLm, ServedLm, prompt_in
from llmexam.recovery.rewrites import Rewrite, RewriteExam
from llmexam.tasks.prompt_recovery.answers import Training, recover
from llmexam.testing import check_recoverer
from llmexam.workflows.recover import recover_prompts

ROW = Rewrite("1", "The cat sat.", "O the cat, it sat!")


def guess(body):
    """Return an answer that depends on the request alone."""
    asked = body["messages"][-1]["content"] if "messages" in body else body["prompt"]
    kind = zlib.crc32(asked.encode()) + body["seed"]
    return f"Rewrite it as a {('poem', 'letter', 'joke')[kind % 3]}."


@pytest.fixture
def endpoint(monkeypatch) -> Iterator[Endpoint]:
    monkeypatch.setenv("SOME_KEY", KEY)
    with serving() as served:
        served.writes = guess
        yield served


@pytest.fixture
def make(endpoint, tmp_path):
    def _make(kind=ServedLm, **settings):
        own = {"model": "tiny", "base_url": endpoint.url, "cache_dir": str(tmp_path / "answers")}
        return kind(**{**own, "api_key_env": "SOME_KEY", "max_retries": 0, **settings})

    return _make


@pytest.mark.parametrize("form", ["chat", "completion"])
def test_the_contract(make, rewrites, form):
    check_recoverer(lambda: make(endpoint=form), rewrites, rewrites)


@pytest.mark.parametrize(
    "shots", ["random", pytest.param("nearest", marks=pytest.mark.needs("encoders"))]
)
def test_the_contract_with_examples(make, rewrites, shots):
    check_recoverer(lambda: make(ServedFewShotLm, n_shots=2, shots=shots), rewrites, rewrites)


def test_what_is_asked(endpoint, make, rewrites):
    make().recover(rewrites.subset([0]))
    make(ServedLm, endpoint="completion").recover(rewrites.subset([0]))
    system, user = endpoint.asked[0]["messages"]
    question = "Original text:\nThe cat sat.\n\nRewritten text:\nO the cat, it sat!"
    assert user == {"role": "user", "content": question}
    assert system["content"].startswith("A language model was given")
    assert endpoint.asked[1]["prompt"].endswith(f"{question}\n\nPrompt:")
    assert set(endpoint.keys) == {f"Bearer {KEY}"}


def test_examples_are_turns_of_the_chat(endpoint, make, rewrites):
    recoverer = make(ServedFewShotLm, n_shots=3)
    recoverer.fit(rewrites)
    recoverer.recover(rewrites.subset([0]))
    turns = endpoint.asked[0]["messages"]
    assert [turn["role"] for turn in turns] == ["system", *["user", "assistant"] * 3, "user"]
    assert {turn["content"] for turn in turns[2::2]} <= set(rewrites.prompts)


def test_each_answer_is_paid_for_once(endpoint, make, rewrites):
    prices = {"prompt_price": 1.0, "completion_price": 1.0}
    first = make(**prices)
    found = first.recover(rewrites)
    assert "6 answers requested; 0 cached" in str(first.used())
    assert first.used().cost == pytest.approx(6 * 110e-6)
    again = make(**prices)
    assert again.recover(rewrites) == found
    assert len(endpoint.asked) == 6
    assert again.used().since(make().used()).n_kept == 6


@pytest.mark.needs("encoders")
def test_the_candidate_most_like_all_is_chosen(endpoint, make, rewrites):
    said = {0: "Write a poem.", 1: "Translate it into French.", 2: "Write it as a poem."}
    endpoint.writes = lambda body: said[body["seed"]]
    recoverer = make(n_candidates=3, temperature=1.0)
    found = recoverer.recover(rewrites.subset([0, 1]))
    assert found[0].text in (said[0], said[2])
    assert found[0].candidates[-1].text == said[1]
    assert found[0].confidence == found[0].candidates[0].score
    assert len(endpoint.asked) == 6


def test_candidates_differ_without_a_seed(endpoint, make, rewrites):
    endpoint.writes = lambda body: "Write a poem."
    make(n_candidates=3, temperature=1.0, seed=None).recover(rewrites.subset([0]))
    assert len(endpoint.asked) == 3


@pytest.mark.parametrize(
    "answer",
    [
        "",
        " \n",
        "<think>What could it be?",
        "I'm sorry, but I cannot help with that.",
        (400, {"error": {"message": "content policy"}}),
        '""',
    ],
)
def test_a_row_without_an_answer_gets_the_fallback(endpoint, make, rewrites, answer):
    endpoint.writes = lambda body: answer if "cat" in str(body["messages"]) else guess(body)
    recoverer = make(fallback="Change it.")
    found = [one.text for one in recoverer.recover(rewrites)]
    assert found[0] == "Change it."
    assert all(text.startswith("Rewrite it as a") for text in found[1:])
    assert "1 rows answered with the fallback" in str(recoverer.used())


@pytest.mark.parametrize(
    ("script", "message"),
    [
        ([(401, {"error": {"message": f"wrong key {KEY}"}})], r"401: wrong key \*\*\*.*SOME_KEY"),
        ([(429, {})] * 9, "429.*Lower max_concurrency"),
        ([(500, {"error": "broken"})] * 9, "row '.': 500: broken.*check its logs"),
        (["garbage"], "not that of an OpenAI-compatible endpoint"),
    ],
)
def test_an_endpoint_that_fails_is_one_clear_line(endpoint, make, rewrites, script, message):
    endpoint.script = list(script)
    with pytest.raises(EndpointError, match=message) as caught:
        make(max_concurrency=1).recover(rewrites)
    assert KEY not in str(caught.value)
    assert "\n" not in str(caught.value)
    # What went wrong once need not again.
    endpoint.script = [(429, {}), (503, {})]
    assert len(make(max_retries=5).recover(rewrites)) == 6


def test_no_server_and_no_key_are_told(make, rewrites, monkeypatch):
    with pytest.raises(EndpointError, match="cannot connect"):
        make(base_url="http://127.0.0.1:9/v1").recover(rewrites)
    with pytest.raises(EndpointError, match="variable OTHER_KEY is not set"):
        make(base_url="https://api.example.com/v1", api_key_env="OTHER_KEY").recover(rewrites)


def test_long_texts_are_cut_and_other_scripts_are_sent(endpoint, make):
    rows = (
        Rewrite("1", "word " * 200_000, "short"),
        Rewrite("2", "Привет", "漢字"),
    )
    found = make(max_characters=100).recover(RewriteExam(rows))
    assert len(found) == 2
    sent = [body["messages"][-1]["content"] for body in endpoint.asked]
    assert max(map(len, sent)) < 200
    assert any("漢字" in text for text in sent)


def test_usage_and_budget_are_those_of_all_folds(endpoint, make, rewrites):
    def run(**settings):
        training = Training(folds=np.array([0, 1, 2, 0, 1, 2]))
        recoverer = make(ServedFewShotLm, n_shots=2, max_concurrency=1, **prices, **settings)
        found, _ = recover(lambda: recoverer, rewrites, training, lambda *_: None)
        return found, recoverer.used()

    # The server counts 110 tokens for each of 6 answers: a fold costs 0.22.
    endpoint.tokens_of = lambda prompt: 100
    prices = {"prompt_price": 1000.0, "completion_price": 1000.0, "max_tokens": 10}
    with pytest.raises(EndpointError, match=r"max_cost \(0.5\)"):
        run(max_cost=0.5)
    n_before = len(endpoint.asked)
    assert 2 <= n_before < 6
    found, used = run()
    assert len(found) == 6
    assert (used.n_kept, used.n_requests) == (n_before, 6 - n_before)
    assert used.cost + used.kept_cost == pytest.approx(0.66)


@pytest.mark.needs("encoders")
def test_usage_of_a_member_is_that_of_all_folds(endpoint, make, rewrites):
    member = {"solver": "served-lm", "settings": make().settings.model_dump()}
    combination = Combination(members=[member, "constant"], folds=3)
    combination.fit(rewrites)
    combination.recover(rewrites)
    assert str(combination.used()).startswith("served-lm: 6 answers requested; 0 cached; ")


def test_a_user_is_told_what_it_took(endpoint, make, rewrites, tmp_path):
    told = []
    settings = make().settings.model_dump()
    found = recover_prompts(rewrites, "served-lm", settings, tell=told.append)
    assert len(found) == 6
    assert told == ["6 answers requested; 0 cached; 600 prompt tokens and 60 completion tokens"]


def test_what_does_not_fit_is_refused(make, rewrites):
    with pytest.raises(SettingsError, match="temperature above 0"):
        make(n_candidates=2)
    with pytest.raises(SettingsError, match="blank"):
        make(fallback=" ")
    with pytest.raises(SettingsError, match="environment") as caught:
        make(api_key=KEY)
    assert KEY not in str(caught.value)
    with pytest.raises(ExamError, match="expected 64 training rows"):
        make(ServedFewShotLm, n_shots=64).fit(rewrites)


@pytest.mark.parametrize(
    ("answer", "prompt"),
    [
        ("Rewrite it as a poem.", "Rewrite it as a poem."),
        ('**Prompt:** "Rewrite it."\n\nThis is because ...', "Rewrite it."),
        ("Sure! Here is the prompt:\n\nRewrite it.", "Rewrite it."),
        ("<think>poem?</think>\nPrompt: Make it\nrhyme", "Make it rhyme"),
        ("Make it rhyme lucrarea</s>", "Make it rhyme"),
        ("Перепиши это.", "Перепиши это."),
        ("I cannot tell.", ""),
        ("Sure, here is the prompt:", ""),
        ("I\u2019m sorry, but I can\u2019t help with that.", ""),
        ("Rewrite this as an AI assistant would.", "Rewrite this as an AI assistant would."),
        ("\u200b", ""),
    ],
)
def test_the_prompt_in_an_answer(answer, prompt):
    assert prompt_in(answer, ROW) == prompt


def test_answers_that_files_cannot_hold_are_mended(endpoint, make, rewrites, tmp_path):
    endpoint.writes = lambda body: "Rewrite\0 it \ud83d now."
    found = make().recover(rewrites.subset([0]))
    assert [one.text for one in found] == ["Rewrite it ? now."]
    assert [one.text for one in make().recover(rewrites.subset([0]))] == ["Rewrite it ? now."]
