"""The same against servers that people run, on loopback, with a tiny random Llama."""

from __future__ import annotations

import json
import os
import signal
import socket
import sqlite3
import subprocess
import sys
import textwrap
import time
from contextlib import closing
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
from tests.tiny_gguf import write_gguf

from llmexam.exam.exam import Exam
from llmexam.exam.question import Question
from llmexam.exam.writers import write_exam
from llmexam.solvers.registry import create_solver
from llmexam.solvers.served.requests import write_request
from llmexam.solvers.served.settings import ServedSettings
from llmexam.storage.answer_store import FILE
from llmexam.workflows.estimate.predict import predict

pytest.importorskip("openai", reason="the extra openai is not installed")

pytestmark = pytest.mark.slow

QUESTIONS = [
    Question(f"q{i}", f"Number {i}?", tuple(f"option {i} {j}" for j in range(5)), i % 5)
    for i in range(12)
]
TRANSFORMERS = """
    import sys
    from transformers.cli.transformers import app
    app(["serve", sys.argv[1], "--device", "cpu", "--host", "127.0.0.1", "--port", sys.argv[2]])
"""
LLAMA_CPP = """
    import sys, time, xllamacpp
    params = xllamacpp.CommonParams()
    params.model.path, params.port, params.hostnames = sys.argv[1], int(sys.argv[2]), ["127.0.0.1"]
    params.n_parallel, params.n_ctx, params.n_gpu_layers, params.warmup = 2, 8192, 0, False
    params.cpuparams.n_threads = params.cpuparams_batch.n_threads = 1
    server = xllamacpp.Server(params)
    time.sleep(600)
"""
SOLVE = """
    import json, signal, sys
    from llmexam.exam.question import Question
    from llmexam.solvers.registry import create_solver
    signal.signal(signal.SIGINT, signal.default_int_handler)
    questions = [
        Question(f"q{i}", f"Number {i}?", tuple(f"option {i} {j}" for j in range(5)), i % 5)
        for i in range(12)
    ]
    solver = create_solver("openai", json.loads(sys.argv[1]))
    solver.score(questions)
    print(json.dumps([solver.usage.n_requests, solver.usage.n_kept]))
"""


def python(program, *arguments):
    return subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(program), *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env={**os.environ, "OMP_NUM_THREADS": "1", "NO_PROXY": "127.0.0.1"},
    )


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as free:
        return free.getsockname()[1]


def serving(program, model):
    """Start a server, wait until it listens, yield its port, and end it."""
    port = free_port()
    server = python(program, model, port)
    try:
        for _ in range(600):
            assert server.poll() is None, "the server has ended"
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    break
            time.sleep(0.2)
        yield port
    finally:
        server.kill()
        server.communicate()


@pytest.fixture(scope="module")
def tiny_llama(tmp_path_factory) -> Path:
    """A Llama with a token a byte and one for a space before each of the first ten letters."""
    import torch
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers
    from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

    folder = tmp_path_factory.mktemp("served") / "tiny"
    letters = "ABCDEFGHIJ"
    tokens = ["<s>", "</s>", *sorted(pre_tokenizers.ByteLevel.alphabet())]
    vocabulary = {token: i for i, token in enumerate([*tokens, *(f"\u0120{x}" for x in letters)])}
    merges = [("\u0120", letter) for letter in letters]
    tokenizer = Tokenizer(models.BPE(vocab=vocabulary, merges=merges))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    fast = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, bos_token="<s>", eos_token="</s>", pad_token="</s>"
    )
    fast.chat_template = (
        "{{ bos_token }}{% for m in messages %}{{ m['role'] }}: {{ m['content'] }}\n{% endfor %}"
        "{% if add_generation_prompt %}assistant:{% endif %}"
    )
    fast.save_pretrained(folder)
    torch.manual_seed(0)
    model = LlamaForCausalLM(
        LlamaConfig(
            vocab_size=len(vocabulary),
            hidden_size=32,
            intermediate_size=64,
            num_hidden_layers=2,
            num_attention_heads=2,
            num_key_value_heads=2,
            max_position_embeddings=4096,
            bos_token_id=0,
            eos_token_id=1,
            pad_token_id=1,
        )
    )
    with torch.no_grad():
        # Far from the others, so that some letters are among the most likely tokens.
        rows = [vocabulary[f"{space}{x}"] for x in letters for space in ("", "\u0120")]
        model.lm_head.weight[rows] *= 8
    model.save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def transformers_port(tiny_llama):
    if not (find_spec("fastapi") and find_spec("uvicorn") and find_spec("transformers")):
        pytest.skip("transformers serve is not installed: pip install 'transformers[serving]'")
    yield from serving(TRANSFORMERS, tiny_llama)


@pytest.fixture(scope="module")
def llama_cpp_port(tiny_llama):
    if not (find_spec("xllamacpp") and find_spec("gguf")):
        pytest.skip("llama.cpp's server is not installed: pip install xllamacpp gguf")
    file = tiny_llama.parent / "tiny.gguf"
    write_gguf(tiny_llama, file)
    yield from serving(LLAMA_CPP, file)


def settings_of(port, model, tmp_path, **more):
    base = {"base_url": f"http://127.0.0.1:{port}/v1", "model": str(model), "max_concurrency": 2}
    return {**base, "cache_dir": str(tmp_path / "answers"), "timeout": 120, **more}


@pytest.mark.parametrize("template", [None, "letters_instructed"])
@pytest.mark.parametrize("form", ["chat", "completion"])
def test_transformers_serve_answers_in_words(
    transformers_port, tiny_llama, tmp_path, form, template
):
    asked = {"endpoint": form, "template": template, "max_tokens": 8}
    settings = settings_of(transformers_port, tiny_llama, tmp_path, **asked)
    solver = create_solver("openai", settings)
    scores = solver.score(QUESTIONS[:3])
    usage = solver.usage
    # One more finds out that it tells no log-probabilities, which it leaves out in silence.
    assert usage.n_requests == 4
    assert usage.prompt_tokens > 600
    assert 0 < usage.completion_tokens <= 4 * 8
    again = create_solver("openai", settings)
    assert np.array_equal(again.score(QUESTIONS[:3]).values, scores.values)
    assert (again.usage.n_requests, again.usage.n_kept) == (0, 3)


def test_llama_cpp_tells_the_log_probabilities_that_the_model_has(
    llama_cpp_port, tiny_llama, tmp_path
):
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    settings = settings_of(llama_cpp_port, "tiny", tmp_path)
    scores = create_solver("openai", settings).score(QUESTIONS)
    model = AutoModelForCausalLM.from_pretrained(tiny_llama, dtype=torch.float32).eval()
    tokenizer = AutoTokenizer.from_pretrained(tiny_llama)
    n_compared = 0
    for question, row in zip(QUESTIONS, scores.rows(), strict=True):
        body = write_request(question, ServedSettings(**settings), ranking=False).body
        ids = tokenizer.apply_chat_template(
            body["messages"], add_generation_prompt=True, return_tensors="pt", return_dict=False
        )
        with torch.no_grad():
            told = model(ids).logits[0, -1].log_softmax(-1)
        floor = told.sort(descending=True).values[19]
        for letter, score in zip("ABCDE", row, strict=True):
            both = told[tokenizer.convert_tokens_to_ids([letter, f"\u0120{letter}"])]
            listed = both[both >= floor - 1e-6]
            if len(listed):
                assert score == pytest.approx(float(listed.logsumexp(0)), abs=1e-3)
                n_compared += 1
            else:
                assert score == pytest.approx(float(floor) - 1, abs=1e-3)
    assert n_compared > 12


@pytest.mark.parametrize("template", ["letters", "alpaca"])
def test_examples_before_a_served_model_are_those_before_a_decoder(
    llama_cpp_port, tiny_llama, tmp_path, template
):
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    write_exam(tmp_path / "train.jsonl", Exam(QUESTIONS[6:]), format="jsonl")
    asked = [
        Question("x", "What melts at 801 degrees?", ("salt", "iron", "ice"), 0),
        Question("y", "Who wrote of Don Quixote and his horse?", ("Cervantes", "Goethe"), 0),
    ]
    put = {"template": template, "shots": {"file": str(tmp_path / "train.jsonl"), "n": 3}}
    own = create_solver("causal-lm", {"model": str(tiny_llama), "precision": "fp32", **put})
    prompts = [prompt for (prompt,) in own.prompts(asked)]
    settings = settings_of(llama_cpp_port, "tiny", tmp_path, endpoint="completion", **put)
    served = create_solver("openai", settings)
    scores = served.score(asked)
    bodies = [one.body for (one,) in served.requests(asked)]
    # The line break before the letter is the template's, not the model's to say.
    assert [body["prompt"].rstrip("\n") for body in bodies] == prompts
    model = AutoModelForCausalLM.from_pretrained(tiny_llama, dtype=torch.float32).eval()
    tokenizer = AutoTokenizer.from_pretrained(tiny_llama)
    for body, row in zip(bodies, scores.rows(), strict=True):
        ids = tokenizer(body["prompt"], return_tensors="pt")["input_ids"]
        with torch.no_grad():
            told = model(ids).logits[0, -1].log_softmax(-1)
        floor = told.sort(descending=True).values[19]
        for letter, score in zip("ABC", row, strict=False):
            both = told[tokenizer.convert_tokens_to_ids([letter, f"\u0120{letter}"])]
            listed = both[both >= floor - 1e-6]
            expected = listed.logsumexp(0) if len(listed) else floor - 1
            assert score == pytest.approx(float(expected), abs=1e-3)


def test_a_plan_for_a_real_server_counts_what_the_run_sends(llama_cpp_port, tmp_path):
    settings = settings_of(llama_cpp_port, "tiny", tmp_path, prompt_price=1.0)
    found = predict(QUESTIONS, create_solver("openai", settings), name="openai", samples=(4,))
    assert "s per answer" in found.speed
    run = create_solver("openai", settings)
    run.score(QUESTIONS)
    assert (run.usage.n_requests, run.usage.n_kept) == (7, 5)
    assert found.counts["requests"].likely == 7
    sent = found.counts["prompt tokens"]
    # A token a byte, so a line through a few requests meets the others.
    assert sent.likely == pytest.approx(run.usage.prompt_tokens, rel=0.01)
    assert found.counts["cost"].likely == pytest.approx(run.usage.cost, rel=0.01)


def test_a_run_killed_against_a_real_server_goes_on(llama_cpp_port, tmp_path):
    settings = settings_of(llama_cpp_port, "tiny", tmp_path, max_concurrency=1)
    folder = tmp_path / "answers"

    def n_kept():
        try:
            with closing(sqlite3.connect(folder / FILE)) as connection:
                return connection.execute("SELECT COUNT(*) FROM answer").fetchone()[0]
        except sqlite3.OperationalError:  # not made yet
            return 0

    run = python(SOLVE, json.dumps(settings))
    while n_kept() < 5 and run.poll() is None:
        time.sleep(0.002)
    run.send_signal(signal.SIGKILL)
    run.communicate()
    # One line says that the server tells log-probabilities.
    kept = n_kept() - 1
    assert kept >= 4
    printed, _ = python(SOLVE, json.dumps(settings)).communicate(timeout=120)
    assert json.loads(printed) == [12 - kept, kept]
