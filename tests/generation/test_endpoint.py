"""Texts written by a real server on loopback."""

from dataclasses import replace

import pytest

from llmexam.errors import EndpointError
from llmexam.generation.endpoint import EndpointWriter, EndpointWriterSettings
from llmexam.generation.writer import TextRequest
from llmexam.solvers.prompts.wording import Shot

REQUESTS = [TextRequest(f"text {i}", f"Write about {i}.", system="Be short.") for i in range(6)]


def ignore(n_done, n_all):
    pass


@pytest.fixture
def writer(endpoint, tmp_path):
    def _writer(**settings):
        own = {
            "model": "tiny",
            "base_url": endpoint.url,
            "cache_dir": str(tmp_path / "answers"),
            "max_retries": 0,
        }
        return EndpointWriter(EndpointWriterSettings(**{**own, **settings}))

    return _writer


def test_answers_are_cached_counted_and_paid(endpoint, writer):
    endpoint.writes = lambda body: f"<think>Hm.</think> About {body['messages'][-1]['content']}"
    model = writer(prompt_price=2.0, completion_price=10.0)
    found = model.write(REQUESTS, ignore)
    assert [one.text for one in found] == [f"About Write about {i}." for i in range(6)]
    # The server counts 100 and 10 tokens per answer.
    assert model.usage.cost == pytest.approx(6 * (100 * 2e-6 + 10 * 10e-6))
    assert (model.usage.n_written, model.usage.prompt_tokens) == (6, 600)
    again = writer()
    assert [one.text for one in again.write(REQUESTS, ignore)] == [one.text for one in found]
    assert (again.usage.n_written, again.usage.n_cached) == (0, 6)
    assert len(endpoint.asked) == 6


def test_draws_have_seeds_of_their_own(endpoint, writer):
    endpoint.writes = lambda body: f"Seed {body['seed']}"
    draws = [replace(REQUESTS[0], draw=draw) for draw in (0, 1, 5)]
    assert [one.text for one in writer(seed=3).write(draws, ignore)] == [
        "Seed 3",
        "Seed 4",
        "Seed 8",
    ]


def test_chats_get_messages_and_completions_get_a_text(endpoint, writer):
    endpoint.writes = lambda body: "Yes."
    request = TextRequest(
        "x",
        "What now?",
        system="Answer.",
        shots=(Shot("One?", "Two."),),
        cue="Reply:",
        stop=("\n",),
        max_new_tokens=7,
    )
    assert writer().format == "chat"
    writer().write([request], ignore)
    chat = endpoint.asked[0]
    assert [one["role"] for one in chat["messages"]] == ["system", "user", "assistant", "user"]
    assert (chat["max_tokens"], "stop" in chat) == (7, False)
    plain = writer(endpoint="completion")
    assert plain.format == "plain"
    plain.write([request], ignore)
    text = endpoint.asked[1]
    assert text["prompt"] == "Answer.\n\nOne?\n\nReply: Two.\n\nWhat now?\n\nReply:"
    assert text["stop"] == ["\n"]
    assert plain.version != writer().version


def test_rejected_and_cut_answers_are_marked(endpoint, writer):
    answers = iter(["Yes.", (400, {"error": {"message": "policy"}}), ("Half a", "length"), ""])
    endpoint.writes = lambda body: next(answers)
    found = writer(max_concurrency=1).write(REQUESTS[:4], ignore)
    assert [(one.is_cut, one.is_refused) for one in found] == [
        (False, False),
        (False, True),
        (True, False),
        (False, False),
    ]


def test_a_forecast_asks_nothing_and_prices_what_is_left(endpoint, writer):
    endpoint.writes = lambda body: "Yes."
    likely = [replace(one, likely_answer="x" * 40, max_new_tokens=50) for one in REQUESTS]
    model = writer(prompt_price=1.0, completion_price=2.0)
    found = model.forecast(likely)
    assert endpoint.asked == []
    assert (found.completion_tokens, found.max_completion_tokens) == (6 * 10, 6 * 50)
    assert found.cost == pytest.approx((found.prompt_tokens + 2 * 60) / 1e6)
    assert found.max_cost == pytest.approx((found.prompt_tokens + 2 * 300) / 1e6)
    assert "cost about" in str(found)
    model.write(likely[:4], ignore)
    assert writer().forecast(likely).n_cached == 4


def test_a_failing_endpoint_keeps_what_came_before(endpoint, writer):
    endpoint.writes = lambda body: (
        (401, {"error": {"message": "no"}}) if "5" in body["messages"][-1]["content"] else "Yes."
    )
    with pytest.raises(EndpointError, match=r"401.*run the same command again to resume"):
        writer(max_concurrency=1).write(REQUESTS, ignore)
    assert writer().forecast(REQUESTS).n_cached == 5
