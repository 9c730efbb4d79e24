"""Questions by a real server on loopback."""

import json
import zlib

import pytest

from fake_endpoint import Endpoint, serving
from llmexam.authoring.generators.language_model.generator import LanguageModelGenerator
from llmexam.authoring.generators.protocol import Request
from llmexam.generation.endpoint import EndpointWriter, EndpointWriterSettings

REQUEST = Request(n_options=3, per_passage=2, styles=("definition", "cause"))


@pytest.fixture
def endpoint():
    with serving() as served:
        yield served


def writing(body):
    """Return a question that depends on the request, in JSON; every fourth seed gives none."""
    asked = body["messages"][-1]["content"]
    if body["seed"] % 4 == 1:
        return "Sorry, I have no idea."
    words = asked.removeprefix("Passage: ").split()
    question = f"What is the number {zlib.crc32(asked.encode()) % 100} of {words[0]}?"
    wrong = [{"text": text, "why_wrong": "It is not."} for text in ("No", "Never")]
    said = {"quote": " ".join(words[:4]), "question": question, "answer": "Yes"}
    return f"```json\n{json.dumps({**said, 'distractors': wrong})}\n```"


def generator(endpoint: Endpoint, folder, **settings):
    own = {"model": "tiny", "base_url": endpoint.url, "cache_dir": str(folder), "max_retries": 0}
    return LanguageModelGenerator(EndpointWriter(EndpointWriterSettings(**{**own, **settings})))


def test_an_endpoint_writes_questions_and_a_second_run_asks_nothing(endpoint, sources, tmp_path):
    endpoint.writes = writing
    ice, iron, short = generator(endpoint, tmp_path).write(sources, REQUEST)
    assert [len(one.items) for one in (ice, iron, short)] == [2, 2, 0]
    assert ice.reasons == {"no question": 1}
    assert {item.generator for item in ice.items} == {"language-model:tiny"}
    assert all(set(item.distractor_notes) == {"", "It is not."} for item in ice.items)
    n_asked = len(endpoint.asked)
    assert n_asked == 4 + 2
    assert list(generator(endpoint, tmp_path).write(sources, REQUEST)) == [ice, iron, short]
    assert len(endpoint.asked) == n_asked


def test_another_seed_gives_other_requests(endpoint, sources, tmp_path):
    endpoint.writes = writing
    list(generator(endpoint, tmp_path).write(sources, REQUEST))
    seeds = {body["seed"] for body in endpoint.asked}
    endpoint.asked.clear()
    list(generator(endpoint, tmp_path).write(sources, Request(n_options=3, seed=1)))
    assert endpoint.asked
    assert seeds.isdisjoint(body["seed"] for body in endpoint.asked)


def test_a_dry_run_has_a_price(endpoint, sources, tmp_path):
    prices = {"prompt_price": 1.0, "completion_price": 4.0}
    found = generator(endpoint, tmp_path, **prices).forecast(sources, REQUEST)
    assert endpoint.asked == []
    assert found.n_requests == 4
    expected = found.prompt_tokens + 4 * found.completion_tokens
    assert found.cost == pytest.approx(expected / 1e6)
    assert found.max_cost > 3 * found.cost
