import json

import pytest
import torch
import transformers
import typer
from tokenizers import Tokenizer, models, pre_tokenizers, processors
from typer.testing import CliRunner

from llmexam.cli.plan import plan
from llmexam.errors import SettingsError
from llmexam.exam.exam import Exam
from llmexam.exam.writers import write_exam
from llmexam.lm.decoder.batches import count_work
from llmexam.solvers.registry import create_solver
from llmexam.workflows.estimate import describe, estimate, estimate_file, parse_duration
from llmexam.workflows.estimate_decoder import DecoderReads
from llmexam.workflows.evaluate import load_exam
from llmexam.workflows.solve import solve


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A tiny random Llama that reads bytes."""
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    vocabulary = {"<s>": 0, **{letter: i + 1 for i, letter in enumerate(alphabet)}}
    tokenizer = Tokenizer(models.BPE(vocab=vocabulary, merges=[]))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A", special_tokens=[("<s>", 0)]
    )
    torch.manual_seed(0)
    config = transformers.LlamaConfig(
        vocab_size=len(vocabulary),
        hidden_size=8,
        intermediate_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        max_position_embeddings=4096,
        bos_token_id=0,
        eos_token_id=0,
    )
    path = tmp_path_factory.mktemp("models") / "tiny"
    transformers.AutoModelForCausalLM.from_config(config).save_pretrained(path)
    transformers.PreTrainedTokenizerFast(tokenizer_object=tokenizer).save_pretrained(path)
    return path


@pytest.fixture(scope="module")
def questions():
    return load_exam("bundled").questions[:70]


class Slow:
    """A model that takes 3 seconds a call and a second for 100 tokens, on a clock of its own."""

    shares = True
    n_tokens = 500

    def __init__(self, reads):
        self._reads = reads
        self.now = 0.0
        self.sizes = []

    def load(self):
        self.now += 40
        return {"weights": 700, "cache": 200, "available": 1000}

    def requests(self, questions):
        return self._reads.requests(questions)

    def compute(self, groups):
        self.sizes.append(len(groups))
        padded = count_work([groups], n_tokens=self.n_tokens).padded
        self.now += 3 + padded / 100
        return padded

    def first(self, questions):
        self.now += 0.5 * len(questions)


@pytest.fixture(scope="module")
def reads(folder):
    return DecoderReads({"model": str(folder), "precision": "fp32"})


@pytest.mark.parametrize("template", ["letters", "options"])
def test_the_tokens_it_counts_are_those_a_run_computes(folder, questions, template):
    settings = {
        "model": str(folder),
        "precision": "fp32",
        "batch_tokens": 900,
        "template": template,
    }
    found = estimate(
        questions, DecoderReads(settings), create_solver("longest").score, samples=(1, 2)
    )
    solver = create_solver("causal-lm", settings)
    _ = solver.scorer.decoder.shares
    solve(Exam(tuple(questions)), solver)
    assert found.n_tokens == solver.scorer.work.padded
    assert found.n_plain_tokens == solver.scorer.work.plain
    assert found.n_tokens < found.n_plain_tokens


def test_a_line_through_two_sizes_says_what_the_exam_takes(reads, questions):
    slow = Slow(reads)
    found = estimate(questions, slow, slow.first, samples=(4, 12), clock=lambda: slow.now)
    # One to warm up, then the samples.
    assert slow.sizes == [1, 4, 12]
    assert found.seconds_a_call == pytest.approx(3)
    assert found.tokens_a_second == pytest.approx(100)
    assert found.load_seconds == 40
    # 70 questions are two calls.
    assert found.seconds == pytest.approx(40 + 2 * 3 + found.n_tokens / 100)
    assert (found.fits, found.share) == (True, 1.0)
    assert found.first_seconds == pytest.approx(35)
    assert found.memory == {"weights": 700, "cache": 200}
    assert (found.memory_bytes, found.available_bytes, found.fits_memory) == (900, 1000, True)


def test_a_limit_too_short_for_all_leaves_a_share(reads, questions):
    slow = Slow(reads)
    whole = estimate(questions, slow, slow.first, clock=lambda: slow.now)
    limit = 40 + 35 + (whole.seconds - 40) / 2
    slow = Slow(reads)
    found = estimate(
        questions, slow, slow.first, limit_seconds=limit, margin=0, clock=lambda: slow.now
    )
    assert not found.fits
    assert found.share == pytest.approx(0.5, abs=0.002)
    assert "the least certain 50.0% fit" in describe(found, "x") or found.share == 0.499
    slow = Slow(reads)
    none = estimate(questions, slow, slow.first, limit_seconds=50, clock=lambda: slow.now)
    assert none.share == 0
    assert "no time left" in describe(none, "x")


def test_it_plans_for_an_exam_of_another_size(reads, questions):
    slow = Slow(reads)
    found = estimate(questions, slow, slow.first, n_questions=700, clock=lambda: slow.now)
    own = estimate(questions, Slow(reads), slow.first)
    assert found.n_questions == 700
    assert found.n_tokens == 10 * own.n_tokens
    assert found.seconds == pytest.approx(40 + 11 * 3 + found.n_tokens / 100)
    assert found.first_seconds == pytest.approx(350)


@pytest.mark.parametrize("text", ["", "h", "9x", "-1h", "0", "1h 30m"])
def test_what_is_no_duration(text):
    with pytest.raises(SettingsError, match="is no duration"):
        parse_duration(text)


def test_an_estimate_needs_questions(reads):
    with pytest.raises(SettingsError, match="needs questions"):
        estimate([], reads, len)
    with pytest.raises(SettingsError, match="causal-lm"):
        estimate_file("bundled", {"model": "x", "norms": 1})


def test_the_command(folder, questions, tmp_path):
    write_exam(tmp_path / "exam.jsonl", Exam(tuple(questions[:10])), format="jsonl")
    app = typer.Typer()
    app.command()(plan)

    def run(*more):
        asked = [str(tmp_path / "exam.jsonl"), "--model", str(folder), "--sample", "1"]
        return CliRunner().invoke(app, [*asked, "--sample", "3", "--set", "precision=fp32", *more])

    done = run("--json", "--questions", "20", "--limit", "9h")
    assert done.exit_code == 0, done.output
    found = json.loads(done.stdout)
    assert found["n_questions"] == 20
    assert [one["n_questions"] for one in found["timed"]] == [1, 3]
    assert found["fits"]
    assert found["limit_seconds"] == 32400
    parts = {"weights", "keys and values", "logits", "Python and libraries"}
    assert set(found["memory"]) == parts
    tight = run("--limit", "0.000001s")
    assert tight.exit_code == 1
    assert "does not fit" in tight.stdout
    assert "tokens/s, measured on 1 and 3 questions" in tight.stdout
