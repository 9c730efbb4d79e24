import json

import pytest
import torch
import transformers
import typer
from tokenizers import Tokenizer, models, pre_tokenizers, processors
from typer.testing import CliRunner

from llmexam.cli.estimate import estimate as estimate_command
from llmexam.errors import SettingsError
from llmexam.exam.exam import Exam
from llmexam.exam.loading import load_exam
from llmexam.exam.question import Question
from llmexam.exam.writers import write_exam
from llmexam.lm.decoder.batches import count_work
from llmexam.machine import peak_memory_mb
from llmexam.solvers.cascade.solver import CascadeSettings, CascadeSolver
from llmexam.solvers.registry import create_solver
from llmexam.solvers.scoring import QUESTIONS_A_CALL, solve
from llmexam.testing import NoisySolver
from llmexam.workflows.estimate.decoder import DecoderReads, predict_decoder
from llmexam.workflows.estimate.predict import estimate, estimate_file, predict, together
from llmexam.workflows.estimate.prediction import (
    Prediction,
    Spread,
    describe,
    hold_to_limit,
)
from llmexam.workflows.estimate.timed import predict_timed


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
    """A model that takes 3 seconds a call and a second for 100 tokens, on a clock of its own.

    From the second round on it is slower, by a factor.
    """

    shares = True
    n_tokens = 500

    def __init__(self, reads, factor=1.0):
        self._reads = reads
        self._factor = factor
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
        self.now += (3 + padded / 100) * (self._factor if len(self.sizes) > 3 else 1)
        return padded


class Paced(NoisySolver):
    """Takes half a second a question, 2 seconds a call and 7 for the first, on its own clock."""

    def __init__(self, seconds=0.5):
        super().__init__()
        self.now = 0.0
        self.asked = []
        self._seconds = seconds

    def score(self, questions):
        self.now += (0 if self.asked else 7) + 2 + self._seconds * len(questions)
        self.asked.append([question.id for question in questions])
        return super().score(questions)


def prediction(seconds, n=100, fixed=0.0, **more):
    return Prediction("x", n, fixed, Spread.exact(seconds), **more)


@pytest.fixture(scope="module")
def reads(folder):
    return DecoderReads({"model": str(folder), "precision": "fp32"})


ASKED = {
    "letters": {"template": "letters"},
    "calibrated": {"template": "letters", "calibrate": True},
    "options": {"template": "options"},
    "pmi": {"template": "options", "norm": "pmi"},
    "pairs": {"template": "pairs"},
    "shots": {"template": "letters", "calibrate": True, "shots": {"n": 2}},
    "nearest shots": {"template": "options", "norm": "pmi", "shots": {"n": 1, "by": "nearest"}},
}


# Slow, and asked in parts by the others.
LONG = ("options", "pairs", "nearest shots")


@pytest.mark.parametrize(
    "way",
    [
        pytest.param(way, id=name, marks=pytest.mark.slow if name in LONG else [])
        for name, way in ASKED.items()
    ],
)
def test_the_tokens_it_counts_are_those_a_run_computes(folder, tmp_path, way):
    settings = {"model": str(folder), "precision": "fp32", "batch_tokens": 900, **way}
    if "shots" in way:
        examples = [
            Question(f"s{i}", word, ("iron", "salt", "gold"), i % 3)
            for i, word in enumerate(["Which rusts?", "Which is eaten?", "Whose price is highest?"])
        ]
        write_exam(tmp_path / "shots.jsonl", Exam(tuple(examples)), format="jsonl")
        settings["shots"] = {**way["shots"], "file": str(tmp_path / "shots.jsonl")}
    # Short ones, for a tokenizer of bytes, and more than a call gets.
    asked = [
        Question(f"q{i}", f"What is {i}?", (f"one {i % 7}", f"{i} or two", "three"), 0)
        for i in range(QUESTIONS_A_CALL + 6)
    ]
    found = predict(asked, create_solver("causal-lm", settings), name="x", samples=(1, 2))
    solver = create_solver("causal-lm", settings)
    _ = solver.scorer.decoder.shares
    solve(Exam(tuple(asked)), solver)
    n_tokens, n_plain = (
        found.counts[name] for name in ("tokens", "tokens without shared prefixes")
    )
    assert n_tokens == Spread.exact(solver.scorer.work.padded)
    assert n_plain == Spread.exact(solver.scorer.work.plain)
    assert n_tokens.likely < n_plain.likely


def test_a_line_through_two_sizes_says_what_the_exam_takes(reads, questions):
    slow = Slow(reads)
    found = predict_decoder(questions, slow, samples=(4, 12), clock=lambda: slow.now)
    # One to warm up, then the samples, twice.
    assert slow.sizes == [1, 4, 12, 4, 12]
    assert "100 tokens/s, measured on 4 and 12 questions, 2 times" in found.speed
    assert found.fixed_seconds == 40
    # 70 questions are two calls.
    expected = 40 + 2 * 3 + found.counts["tokens"].likely / 100
    assert found.seconds == Spread(*3 * [pytest.approx(expected)])
    assert found.memory == {"weights": 700, "cache": 200}
    assert (found.memory_bytes, found.available_bytes, found.fits_memory) == (900, 1000, True)


def test_rounds_that_differ_are_the_spread(reads, questions):
    slow = Slow(reads, factor=1.5)
    found = predict_decoder(questions, slow, samples=(4, 12), clock=lambda: slow.now)
    seconds = 2 * 3 + found.counts["tokens"].likely / 100
    assert found.moving.low == pytest.approx(seconds)
    assert found.moving.high == pytest.approx(1.5 * seconds)
    assert found.moving.likely == pytest.approx(1.25 * seconds)


@pytest.mark.slow
def test_it_plans_for_an_exam_of_another_size(reads, questions):
    slow = Slow(reads)
    found = predict_decoder(questions, slow, n_questions=700, clock=lambda: slow.now)
    own = predict_decoder(questions, Slow(reads))
    assert found.n_questions == 700
    n_tokens = found.counts["tokens"].likely
    assert n_tokens == 10 * own.counts["tokens"].likely
    assert found.seconds.likely == pytest.approx(40 + 11 * 3 + n_tokens / 100)


@pytest.mark.slow
def test_prompts_without_content_grow_with_the_exam_as_far_as_they_differ(folder, questions):
    def counted(n, n_questions=None, **asked):
        model = DecoderReads({"model": str(folder), "precision": "fp32", **asked})
        found = predict_decoder(questions[:n], model, n_questions=n_questions, samples=(1,))
        return found.counts["tokens"].likely

    same = {"template": "letters", "calibrate": True}
    few = counted(20, **same) - counted(20, template="letters")
    many = counted(20, 200, **same) - counted(20, 200, template="letters")
    assert few <= many < 1.5 * few
    own = {"template": "options", "norm": "pmi"}
    assert counted(20, 200, **own) == 10 * counted(20, **own)


def test_any_solver_is_timed_on_questions_of_its_own(questions):
    paced = Paced()
    found = predict_timed(questions, paced, name="x", samples=(4, 12), clock=lambda: paced.now)
    asked = [name for call in paced.asked for name in call]
    # What was asked before would be remembered.
    assert len(set(asked)) == len(asked)
    assert [len(call) for call in paced.asked] == [1, 4, 12, 4, 12]
    # Beside its call and its question.
    assert found.fixed_seconds == pytest.approx(7, abs=1)
    # 70 questions in two calls: the line is through characters, so not exactly.
    assert found.moving.low <= found.moving.likely <= found.moving.high
    assert found.moving.likely == pytest.approx(2 * 2 + 70 * 0.5, rel=0.2)
    assert found.memory_bytes > 1e7


@pytest.mark.parametrize("n", [1, 2, 3, 9])
def test_few_questions_are_shared_out(questions, n):
    paced = Paced()
    found = predict_timed(questions[:n], paced, name="x", clock=lambda: paced.now)
    assert sum(map(len, paced.asked)) <= max(n, 2)
    assert found.timed
    assert found.moving.low <= found.moving.likely <= found.moving.high


def test_a_streamed_model_is_read_twice_to_tell(folder, questions):
    settings = {"model": str(folder), "precision": "fp32", "streamed": True}
    solver = create_solver("causal-lm", settings)
    found = predict(questions, solver, name="x", samples=(2, 4))
    assert found.n_questions == 70
    assert [one.n_questions for one in found.timed] == [2, 4]
    # A run reads them once: to tell what it takes should cost little more.
    assert solver.scorer.reading.parts.count("layer 0") == 2
    assert "it scores all questions in one call, so it was called twice only" in found.notes


class Whole(Paced):
    """Gets all questions at once, and is loaded before."""

    whole_exam = True

    def load(self, questions):
        self.now += 7
        self.asked.append([])
        return True


def test_who_gets_all_questions_at_once_is_called_once(questions):
    whole = Whole()
    found = predict_timed(
        questions,
        whole,
        name="x",
        n_questions=700,
        samples=(4, 12),
        clock=lambda: whole.now,
    )
    assert [len(call) for call in whole.asked] == [0, 4, 12]
    assert found.fixed_seconds == 7
    # One call of 2 s and half a second a question; the line is through characters.
    assert found.moving.likely == pytest.approx(2 + 700 * 0.5, rel=0.3)
    # At least as long as 12 questions took, at most as if all of that grew with them.
    characters = [one.n_units for one in found.timed]
    total = 10 * sum(len(q.prompt) + len("".join(q.options)) for q in questions)
    assert found.moving.low == 2 + 12 * 0.5
    assert found.moving.high == pytest.approx((2 + 12 * 0.5) * total / characters[1])


class LoadedByItsFirstCall(Paced):
    """Gets all questions at once, and cannot be loaded before."""

    whole_exam = True

    def load(self, questions):
        return False


def test_loading_that_hides_the_line_leaves_it_open(questions):
    whole = LoadedByItsFirstCall()
    found = predict_timed(questions, whole, name="x", samples=(4, 12), clock=lambda: whole.now)
    assert [len(call) for call in whole.asked] == [4, 12]
    assert found.moving.low <= 2 + 70 * 0.5 <= found.moving.high
    assert "the first call includes the loading time" in found.notes


def test_a_limit_too_short_for_all_leaves_a_share():
    slow, first = prediction(1000.0, fixed=40.0), prediction(60.0)
    found = hold_to_limit(slow, limit_seconds=2000, margin=0.1, first=first)
    assert (found.fits, found.share) == (True, 1.0)
    found = hold_to_limit(slow, limit_seconds=600, margin=0, first=first)
    assert (found.fits, found.share) == (False, 0.5)
    assert (
        "after 'x' (1:00 min) time is left for the least certain 50.0%: --set share=0.5"
        in describe(found)
    )
    none = hold_to_limit(slow, limit_seconds=99, margin=0, first=first)
    assert none.share == 0
    assert "no time is left for 'x'" in describe(none)


def test_what_fits_does_so_where_it_was_slowest():
    shaky = Prediction("x", 100, 0.0, Spread(80.0, 70.0, 95.0))
    assert not hold_to_limit(shaky, limit_seconds=100, margin=0.1).fits
    assert hold_to_limit(shaky, limit_seconds=100, margin=0.05).fits
    assert "1:20 min (1:10 min to 1:35 min)" in describe(
        hold_to_limit(shaky, limit_seconds=None, margin=0)
    )


def test_a_cascade_takes_both_and_a_share_of_the_second(questions):
    first, second = Paced(0.1), Paced(2.0)
    settings = {"first": "random", "second": {"solver": "random", "name": "large"}, "share": 0.25}
    cascade = CascadeSolver(CascadeSettings.parse(settings, subject="cascade"))
    cascade = cascade.with_members({"first": first, "second": second})
    found = estimate(questions, cascade, name="cascade", first=first, n_questions=1000)
    one, two = found.prediction.stages
    assert (one.n_questions, two.n_questions, two.solver) == (1000, 250, "large")
    assert found.prediction.moving == one.moving + two.moving
    assert found.prediction.fixed_seconds == one.fixed_seconds + two.fixed_seconds
    # What the share may be grows with the room that the first leaves.
    room = found.prediction.seconds.high + two.moving.high
    wider = hold_to_limit(found.prediction, limit_seconds=room, margin=0, first=one, asked=two)
    assert wider.fits
    assert wider.share == pytest.approx(0.5, abs=0.002)
    assert "25.0% of the questions" in describe(wider)


def test_a_solver_that_asks_others_takes_what_they_take(questions):
    first, second = Paced(), Paced()
    settings = {"first": "random", "second": "random", "share": 0}
    cascade = CascadeSolver(CascadeSettings.parse(settings, subject="cascade"))
    cascade = cascade.with_members({"first": first, "second": second})
    found = estimate(questions, cascade, name="cascade", first=first)
    assert len(found.prediction.stages) == 1
    assert not second.asked


def test_members_of_a_decoder_kind_are_in_memory_together(folder, questions):
    spec = {"causal-lm": {"model": str(folder), "precision": "fp32"}}
    settings = {"first": spec, "second": spec, "share": 0.5}
    found = predict(questions[:4], create_solver("cascade", settings), name="x", samples=(1, 2))
    one, two = (stage.memory for stage in found.stages)
    assert found.memory["weights"] == one["weights"] + two["weights"] > 0
    for part in ("keys and values", "a layer's work", "logits", "Python and libraries"):
        assert found.memory[part] == max(one[part], two[part])


def test_weights_add_up_and_the_rest_is_that_of_the_largest():
    def member(available, **memory):
        return prediction(1.0, memory=memory, available_bytes=available)

    reader = {"peak memory of this process": 30}
    first = {"weights": 5, "logits": 4, "Python and libraries": 20}
    second = {"weights": 7, "logits": 1, "Python and libraries": 25}
    here = [member(99, **reader), member(98, **first), member(97, **second), member(0)]
    memory = {"weights": 12, "logits": 4, "peak memory of this process": 30}
    assert together(here) == (memory, 97)
    card = [member(50, weights=30, logits=4), member(50, weights=15, logits=6)]
    # 51 of 50 there, 46 of 97 here.
    assert together([*here, *card]) == ({"weights": 45, "logits": 6}, 50)
    assert together([member(0)]) == ({}, 0)


def test_what_was_large_before_is_not_this_solver(questions):
    before = bytearray(300_000_000)
    before[::4096] = b"x" * len(before[::4096])
    del before
    found = predict_timed(questions, NoisySolver(), name="x", samples=(1, 2))
    assert found.memory_bytes < peak_memory_mb() * 1e6 - 100_000_000


def test_an_estimate_needs_questions():
    solver = create_solver("first")
    with pytest.raises(SettingsError, match="expected at least one question"):
        estimate([], solver, name="first", first=solver)
    with pytest.raises(SettingsError, match="causal-lm"):
        estimate_file("bundled", {"model": "x", "norms": 1})


@pytest.fixture
def run(questions, tmp_path):
    write_exam(tmp_path / "exam.jsonl", Exam(tuple(questions[:10])), format="jsonl")
    app = typer.Typer()
    app.command()(estimate_command)

    def _run(*more):
        asked = [str(tmp_path / "exam.jsonl"), "--sample", "1", "--sample", "3"]
        return CliRunner().invoke(app, [*asked, *more])

    return _run


def test_the_command(folder, run):
    decoder = ("--model", str(folder), "--set", "precision=fp32")
    done = run(*decoder, "--json", "--questions", "20", "--limit", "9h")
    assert done.exit_code == 0, done.output
    found = json.loads(done.stdout)
    assert found["n_questions"] == 20
    assert [one["n_questions"] for one in found["timed"][:2]] == [1, 3]
    assert found["fits"]
    assert found["seconds"]["low"] <= found["seconds"]["likely"] <= found["seconds"]["high"]
    assert found["limit_seconds"] == 32400
    parts = {"weights", "keys and values", "a layer's work", "logits", "Python and libraries"}
    assert set(found["memory"]) == parts
    tight = run(*decoder, "--limit", "0.000001s")
    assert tight.exit_code == 1
    assert "does not fit" in tight.stdout
    assert "tokens/s, measured on 1 and 3 questions" in tight.stdout


def test_the_command_for_a_cascade(folder, run):
    second = f"second={{causal-lm: {{model: {folder}, precision: fp32}}}}"
    done = run("--solver", "cascade", "--set", "first=longest", "--set", second, "--limit", "1h")
    assert done.exit_code == 0, done.output
    assert done.stdout.startswith("longest:\n  questions  10\n")
    assert "causal-lm:\n  questions  2\n  tokens " in done.stdout
    assert "limit      1:00:00 h: it fits" in done.stdout


def test_the_command_needs_a_model_where_the_solver_does(run):
    done = run()
    assert isinstance(done.exception, SettingsError)
    assert "model" in str(done.exception)
