from dataclasses import replace

import pytest

from llmexam.errors import CacheError, ModelError
from llmexam.generation.local import LocalWriter, LocalWriterSettings
from llmexam.generation.writer import TextRequest
from llmexam.solvers.prompts.wording import Shot
from llmexam.storage.answer_store import AnswerStore

REQUESTS = [TextRequest(f"text {i}", f"Write about {i}.", system="Be short.") for i in range(40)]


def ignore(n_done, n_all):
    pass


@pytest.fixture
def writer(lm_folder, tmp_path):
    def _writer(cache="cache", **settings):
        own = {"model": str(lm_folder), "cache_dir": str(tmp_path / cache), "max_new_tokens": 5}
        return LocalWriter(LocalWriterSettings(**{**own, **settings}))

    return _writer


def test_answers_are_cached_and_counted(writer):
    done = []
    first = writer()
    found = first.write(REQUESTS, lambda *counts: done.append(counts))
    assert done == [(32, 40), (40, 40)]
    assert (first.usage.n_written, first.usage.n_cached) == (40, 0)
    assert first.usage.completion_tokens == sum(one.completion_tokens for one in found)
    again = writer()
    assert again.write(REQUESTS, ignore) == found
    assert (again.usage.n_written, again.usage.n_cached) == (0, 40)
    assert again.used().startswith("0 texts generated; 40 cached")
    assert first.name == "tiny-llama"


def test_draws_differ_and_each_is_cached(writer):
    model = writer(max_new_tokens=12)
    draws = [replace(REQUESTS[0], draw=draw) for draw in range(4)]
    texts = [one.text for one in model.write(draws, ignore)]
    assert len(set(texts)) == 4
    # Whatever stands beside it in the call.
    assert writer("other", max_new_tokens=12).write(draws[2:3], ignore)[0].text == texts[2]
    assert model.forecast(draws).n_cached == 4
    greedy = writer(do_sample=False).write(draws, ignore)
    assert len({one.text for one in greedy}) == 1


def test_a_request_has_its_own_limit_and_stop(writer):
    model = writer()
    short = replace(REQUESTS[0], max_new_tokens=2)
    whole = model.write(REQUESTS[:1], ignore)[0]
    assert model.write([short], ignore)[0].completion_tokens == 2
    assert whole.completion_tokens == 5
    letter = whole.text[1]
    stopped = model.write([replace(REQUESTS[0], stop=(letter,))], ignore)[0]
    assert letter not in stopped.text
    assert not stopped.is_cut


def test_prompts_of_chat_and_base_models(writer):
    request = TextRequest(
        "x", "What now?", system="Answer.", shots=(Shot("One?", "Two."),), cue="Reply:"
    )
    assert writer().format == "chat"
    assert writer().prompt(request) == (
        "<|system|>Answer.\n<|user|>One?\n<|assistant|>Two.\n<|user|>What now?\n<|assistant|>"
    )
    plain = writer(format="plain")
    assert plain.format == "plain"
    expected = "Answer.\n\nOne?\n\nReply: Two.\n\nWhat now?\n\nReply:"
    assert plain.prompt(request) == expected
    assert plain.version != writer().version


def test_a_forecast_counts_tokens_without_the_weights(writer, lm_tokenizer):
    model = writer(max_new_tokens=100)
    likely = [replace(one, likely_answer="A likely answer.") for one in REQUESTS]
    found = model.forecast(likely)
    n_likely = len(lm_tokenizer("A likely answer.", add_special_tokens=False)["input_ids"])
    assert (found.n_requests, found.completion_tokens) == (40, 40 * n_likely)
    assert found.max_completion_tokens == 40 * 100
    assert model._generator is None
    written = model.write(likely[:3], ignore)
    assert model.forecast(likely).n_cached == 3
    rest = model.forecast(likely).prompt_tokens
    assert rest + sum(one.prompt_tokens for one in written) == found.prompt_tokens
    assert "40 requests, 0 answers cached" in str(found)


def test_what_is_too_long_fails_before_anything_is_written(writer):
    long = replace(REQUESTS[39], user="word " * 3000)
    with pytest.raises(ModelError, match=r"text 39: .*2048"):
        writer().write([*REQUESTS[:39], long], ignore)
    assert writer().forecast(REQUESTS).n_cached == 0


def test_an_interrupted_call_resumes(writer, monkeypatch):
    whole = writer("whole").write(REQUESTS, ignore)

    def stop(n_done, n_all):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        writer().write(REQUESTS, stop)
    assert writer().forecast(REQUESTS).n_cached == 32
    assert writer().write(REQUESTS, ignore) == whole


def test_a_cache_that_cannot_be_written_is_told(writer, tmp_path, monkeypatch):
    (tmp_path / "file").touch()
    with pytest.raises(CacheError, match=r"cannot write to the answer cache.*cache_dir"):
        writer("file").write(REQUESTS, ignore)

    def fail(self, entries):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(AnswerStore, "put", fail)
    with pytest.raises(CacheError, match="No space left"):
        writer().write(REQUESTS[:2], ignore)
