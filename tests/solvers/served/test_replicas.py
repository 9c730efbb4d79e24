"""Several addresses of one model share its requests, and one that fails loses none of them."""

import asyncio
import socket
import threading

import pytest

from fake_endpoint import serving
from llmexam.errors import EndpointError, SettingsError
from llmexam.exam.question import Question
from llmexam.solvers.served import replicas as module
from llmexam.solvers.served.failures import EndpointDownError, RequestNotSentError
from llmexam.solvers.served.replicas import Replica, Replicas, addresses_of
from llmexam.solvers.served.settings import ServedSettings

QUESTIONS = [
    Question(f"q{number}", f"Question {number}?", ("one", "two", f"three {number}"), 0)
    for number in range(40)
]


@pytest.fixture
def others():
    with serving() as second, serving() as third:
        yield second, third


@pytest.fixture
def closed_port():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{taken.getsockname()[1]}/v1"


def n_answered(*endpoints):
    return [sum(one.answered.values()) for one in endpoints]


def test_a_slow_address_gets_few_requests_and_the_scores_are_the_same(
    endpoint, others, make, tmp_path
):
    alone = make(answers="ranking").score(QUESTIONS)
    endpoint.answered.clear()
    rest_is_done = threading.Event()

    def wait_for_rest(turn):
        # The slow one answers when the others have answered all that it does not hold.
        assert rest_is_done.wait(30)

    def tell(turn):
        if sum(len(one.asked) for one in others) >= len(QUESTIONS) - 2:
            rest_is_done.set()

    endpoint.wait = wait_for_rest
    for one in others:
        one.wait = tell
    solver = make(
        answers="ranking",
        replicas=[one.url for one in others],
        max_concurrency=2,
        cache_dir=str(tmp_path / "other"),
    )
    scores = solver.score(QUESTIONS)
    assert scores.values.tobytes() == alone.values.tobytes()
    slow, *fast = n_answered(endpoint, *others)
    assert slow == 2
    assert sum(fast) == len(QUESTIONS) - 2
    assert min(fast) > 0
    assert solver.usage.n_retries == 0


def test_an_address_that_dies_costs_nothing(endpoint, others, make, caplog):
    second, third = others
    n = 0

    def die(body):
        nonlocal n
        n += 1
        return (500, {"error": {"message": "out of memory"}}) if n > 3 else None

    second.writes = die
    solver = make(answers="ranking", replicas=[second.url, third.url], max_concurrency=4)
    scores = solver.score(QUESTIONS)
    assert len(scores) == len(QUESTIONS)
    assert sum(n_answered(endpoint, second, third)) == len(QUESTIONS)
    assert n_answered(second) == [3]
    assert solver.usage.n_requests == len(QUESTIONS)
    assert solver.usage.n_retries == len(second.asked) - 3 > 0
    assert caplog.text.count("Its requests go to the other addresses") == 1
    assert second.url in caplog.text


def test_an_address_without_a_server_costs_nothing(endpoint, closed_port, make):
    solver = make(answers="ranking", replicas=closed_port)
    assert len(solver.score(QUESTIONS)) == len(QUESTIONS)
    assert n_answered(endpoint) == [len(QUESTIONS)]


def test_an_address_that_recovers_is_used_again(endpoint, others, make):
    second, third = others
    second.script = [(503, {"error": "loading"})]
    solver = make(answers="ranking", replicas=[second.url, third.url], max_concurrency=1)
    held = threading.Event()
    second.wait = lambda turn: held.set()
    for one in (endpoint, third):
        # The others wait until it is back.
        one.wait = lambda turn: held.wait(30) if turn > 2 else None
    solver.score(QUESTIONS)
    assert n_answered(second)[0] > 0
    assert sum(n_answered(endpoint, second, third)) == len(QUESTIONS)


def test_an_error_of_the_request_is_not_sent_around(endpoint, others, make):
    second, third = others
    for one in (endpoint, second, third):
        one.writes = lambda body: (401, {"error": {"message": "wrong key"}})
    with pytest.raises(EndpointError, match="401: wrong key"):
        make(answers="ranking", replicas=[second.url, third.url], max_concurrency=1).score(
            QUESTIONS[:1]
        )
    assert sum(len(one.asked) for one in (endpoint, second, third)) == 1


def test_the_error_of_all_addresses_comes_after_as_many_retries(endpoint, others, make):
    second, _ = others
    for one in (endpoint, second):
        one.writes = lambda body: (503, {"error": {"message": "loading"}})
    solver = make(answers="ranking", replicas=[second.url], max_concurrency=1, max_retries=2)
    with pytest.raises(EndpointError, match="503: loading"):
        solver.score(QUESTIONS[:1])
    assert len(endpoint.asked) + len(second.asked) == 6


def test_no_server_at_all_is_told_at_once(closed_port, make):
    with pytest.raises(EndpointError, match="cannot connect"):
        make(base_url=closed_port, answers="ranking", replicas=[closed_port]).score(QUESTIONS)


def test_other_addresses_use_the_same_answers(endpoint, others, make):
    second, third = others
    first = make(answers="ranking", replicas=[second.url]).score(QUESTIONS)
    n_asked = sum(n_answered(endpoint, second))
    again = make(answers="ranking", replicas=[third.url])
    assert again.score(QUESTIONS).values.tobytes() == first.values.tobytes()
    assert sum(n_answered(endpoint, second, third)) == n_asked


def test_pauses_double_up_to_a_limit_and_follow_the_server():
    settings = ServedSettings(model="m", base_url="http://127.0.0.1:1/v1", max_concurrency=3)
    replica = Replica(settings, None, None)
    assert replica.has_room(0.0)
    pauses = []
    for _ in range(9):
        before = module.time.monotonic()
        replica.set_aside(EndpointDownError("down"))
        pauses.append(round(replica.free_at - before, 1))
    assert pauses == [0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 60.0, 60.0]
    assert not replica.has_room(module.time.monotonic())
    # After its pause, one request finds out whether it is back.
    assert replica.has_room(replica.free_at)
    replica.n_under_way = 1
    assert not replica.has_room(replica.free_at)
    asked = EndpointDownError("busy")
    asked.retry_after = 7.0
    before = module.time.monotonic()
    replica.set_aside(asked)
    assert round(replica.free_at - before, 1) == 7.0


def test_equal_loads_take_turns():
    async def choose():
        settings = ServedSettings(
            model="m", base_url="http://127.0.0.1:1/v1", replicas=["http://127.0.0.1:2/v1"]
        )
        chosen = []
        async with Replicas(settings, None, lambda: False) as replicas:
            for _ in range(6):
                one = await replicas._next()
                one.n_under_way += 1
                chosen.append(one.settings.base_url[-4])
        return chosen

    assert sorted(asyncio.run(choose())) == ["1"] * 3 + ["2"] * 3


def test_nothing_is_sent_after_a_stop():
    stopped = []

    async def stop_while_it_waits():
        settings = ServedSettings(
            model="m", base_url="http://127.0.0.1:1/v1", replicas=["http://127.0.0.1:2/v1"]
        )
        async with Replicas(settings, None, lambda: bool(stopped)) as replicas:
            for one in replicas._replicas:
                one.free_at = float("inf")
            waiting = asyncio.create_task(replicas.ask(None, None))
            await asyncio.sleep(0)
            assert not waiting.done()
            stopped.append(True)
            with pytest.raises(RequestNotSentError):
                await waiting
            assert [one.n_under_way for one in replicas._replicas] == [0, 0]

    asyncio.run(stop_while_it_waits())


def test_a_request_that_was_not_sent_is_no_failure(others, make, monkeypatch):
    n_asked = []

    async def ask(self, request, meter):
        n_asked.append(request)
        if len(n_asked) < 4:
            raise RequestNotSentError("the run was stopped before this request was sent")
        raise EndpointError("the server is gone")

    monkeypatch.setattr(Replicas, "ask", ask)
    solver = make(answers="ranking", replicas=[others[0].url])
    with pytest.raises(EndpointError, match=r"the server is gone.*4 answers are missing"):
        solver.score(QUESTIONS[:4])


@pytest.mark.parametrize("replicas", [5, [5], {"a": "b"}, True])
def test_addresses_of_another_type_are_an_error_of_the_settings(replicas):
    with pytest.raises(SettingsError) as caught:
        ServedSettings.parse({"model": "m", "replicas": replicas}, subject="s")
    assert "replicas" in str(caught.value)


def test_addresses_are_checked_like_the_first_one():
    def parse(**values):
        return ServedSettings.parse({"model": "m", **values}, subject="s")

    with pytest.raises(SettingsError, match="unencrypted"):
        parse(base_url="http://127.0.0.1:1/v1", replicas=["http://example.org/v1"])
    with pytest.raises(SettingsError, match="expected an address"):
        parse(replicas=["example.org"])
    with pytest.raises(SettingsError, match="user, password or query"):
        parse(replicas=["https://user:word@example.org/v1"])
    # The key of OpenAI is for OpenAI alone.
    assert parse().api_key_env == "OPENAI_API_KEY"
    assert parse(replicas="https://example.org/v1").api_key_env is None
    one = parse(base_url="http://127.0.0.1:1/v1", replicas=["http://127.0.0.1:1/v1/"])
    assert [found.base_url for found in addresses_of(one)] == ["http://127.0.0.1:1/v1"]
