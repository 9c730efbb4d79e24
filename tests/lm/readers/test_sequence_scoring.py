import subprocess
import sys
from dataclasses import dataclass, field

import numpy as np
import pytest

from llmexam.errors import ModelError, SettingsError
from llmexam.lm.models.loading import resolve_model

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")

from llmexam.lm.encoding.int8_linear import require_int8  # noqa: E402
from llmexam.lm.readers import torch_engine  # noqa: E402
from llmexam.lm.readers.reader import TokenBatch, load_reader  # noqa: E402
from llmexam.lm.readers.sequence_scoring import load_sequence_scorer  # noqa: E402


def int8_runs():
    try:
        require_int8()
    except ModelError:
        return False
    return True


needs_int8 = pytest.mark.skipif(not int8_runs(), reason="the processor has no int8")


@dataclass
class Sequence:
    ids: list[int]
    types: list[int] = field(default_factory=list)

    def __post_init__(self):
        self.types = self.types or [0] * (len(self.ids) // 2) + [1] * (-(-len(self.ids) // 2))


@pytest.fixture
def trained(tmp_path):
    """Return a function that writes a tiny reader with a head."""

    def make(head="native", family="Bert", task="multiple-choice", n_outputs=1, seed=0):
        config = getattr(transformers, family + "Config")(
            vocab_size=40,
            hidden_size=16,
            num_hidden_layers=2,
            num_attention_heads=2,
            intermediate_size=32,
            max_position_embeddings=40,
            type_vocab_size=2,
        )
        torch.manual_seed(1)
        model = transformers.AutoModel.from_config(config)
        with torch.no_grad():
            for parameter in model.parameters():
                parameter.add_(torch.randn_like(parameter) * 0.2)
        model.save_pretrained(tmp_path / "body")
        folder = tmp_path / f"{family}-{head}-{seed}"
        load_reader(
            resolve_model(str(tmp_path / "body")),
            head=head,
            task=task,
            n_outputs=n_outputs,
            new_head=True,
            seed=seed,
        ).save(folder)
        return resolve_model(str(folder))

    return make


def sequences(n=30, seed=0):
    draw = np.random.default_rng(seed)
    return [Sequence(draw.integers(3, 40, size=draw.integers(2, 33)).tolist()) for _ in range(n)]


def reader_says(folder, head, task, items):
    reader = load_reader(folder, head=head, task=task)
    tokens = TokenBatch.of(items)
    with torch.inference_mode():
        return reader(tokens.ids, tokens.types, tokens.lengths).numpy()


@pytest.mark.parametrize("family", ["Bert", "Electra"])
@pytest.mark.parametrize(
    ("head", "task", "n_outputs"),
    [
        ("native", "multiple-choice", 1),
        ("native", "classification", 3),
        ("mean", "multiple-choice", 2),
    ],
)
def test_scores_are_those_of_the_reader(trained, family, head, task, n_outputs):
    folder = trained(head, family, task, n_outputs)
    scorer = load_sequence_scorer(folder, head=head, task=task, precision="fp32")
    items = sequences()
    found = scorer.score(items)
    assert found.shape == (30, n_outputs)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, reader_says(folder, head, task, items), atol=1e-5)
    assert scorer.backend == "torch-fp32"


@pytest.mark.parametrize("family", ["Bert", "Electra"])
@pytest.mark.parametrize("head", ["native", "mean"])
def test_neighbours_and_order_change_nothing(trained, family, head, monkeypatch):
    scorer = load_sequence_scorer(trained(head, family), head=head, precision="fp32")
    items = sequences()
    together = scorer.score(items)
    alone = np.concatenate([scorer.score([one]) for one in items])
    np.testing.assert_allclose(together, alone, atol=1e-6)
    np.testing.assert_allclose(together[::-1], scorer.score(items[::-1]), atol=1e-6)
    monkeypatch.setattr(torch_engine, "_CPU_TOKENS", 40)
    small = load_sequence_scorer(trained(head, family), head=head, precision="fp32")
    np.testing.assert_allclose(together, small.score(items), atol=1e-6)
    assert small.n_forwards > 5


@pytest.mark.parametrize(("family", "pads"), [("Bert", False), ("Electra", True)])
def test_what_is_equal_is_computed_once(trained, family, pads):
    scorer = load_sequence_scorer(trained(family=family), head="native")
    items = sequences()
    n_tokens = sum(len(one.ids) for one in items)
    twice = scorer.score(items + [Sequence(list(one.ids)) for one in items])
    assert np.array_equal(twice[:30], twice[30:])
    assert scorer.n_tokens == n_tokens
    assert scorer.n_reused == 30
    assert (scorer.n_padding > 0) == pads
    n_padded = scorer.n_padding
    assert n_padded <= scorer.n_forwards * 2048


def test_types_tell_sequences_apart(trained):
    scorer = load_sequence_scorer(trained(), head="native")
    one, other = scorer.score([Sequence([5, 6, 7], [0, 0, 0]), Sequence([5, 6, 7], [0, 1, 1])])
    assert one != other
    # The same numbers, but cut between ids and types elsewhere.
    scorer.score([Sequence([1, 1], [0, 1]), Sequence([1, 1], [1, 0])])
    assert scorer.n_reused == 0


def test_bf16_is_near(trained):
    folder = trained()
    items = sequences()
    exact = load_sequence_scorer(folder, head="native", precision="fp32").score(items)
    scorer = load_sequence_scorer(folder, head="native", precision="bf16")
    near = scorer.score(items)
    assert scorer.backend == "torch-bf16"
    assert near.dtype == np.float32
    np.testing.assert_allclose(exact, near, atol=0.05)
    assert not np.array_equal(exact, near)


@pytest.mark.parametrize("family", ["Bert", "Electra"])
def test_the_cache_serves_what_was_scored(trained, tmp_path, family, monkeypatch):
    monkeypatch.setattr("llmexam.lm.readers.sequence_scoring._STORE_EVERY", 4)
    folder, items = trained(family=family), sequences()
    first = load_sequence_scorer(folder, head="native", cache_dir=tmp_path / "cache")
    scores = first.score(items[:20])
    assert np.array_equal(first.score(items[:20]), scores)
    assert first.n_tokens == sum(len(one.ids) for one in items[:20])
    again = load_sequence_scorer(folder, head="native", cache_dir=tmp_path / "cache")
    assert np.array_equal(again.score(items)[:20], scores)
    assert again.n_tokens == sum(len(one.ids) for one in items[20:])
    assert again.n_reused == 20


def test_the_cache_knows_weights_head_and_precision(trained, tmp_path):
    items = sequences(8)

    def n_computed(folder, head, precision):
        scorer = load_sequence_scorer(
            folder, head=head, precision=precision, cache_dir=tmp_path / "cache"
        )
        scorer.score(items)
        return scorer.n_tokens

    one, other = trained("mean", seed=0), trained("mean", seed=1)
    native = trained("native")
    all_tokens = sum(len(item.ids) for item in items)
    cases = [(one, "mean", "fp32"), (other, "mean", "fp32"), (one, "mean", "bf16")]
    assert [n_computed(*case) for case in [*cases, (native, "native", "fp32")]] == [all_tokens] * 4
    assert [n_computed(*case) for case in cases] == [0] * 3


def test_two_scorers_share_a_cache(trained, tmp_path):
    folder, items = trained(), sequences()
    one, other = (
        load_sequence_scorer(folder, head="native", cache_dir=tmp_path / "cache") for _ in range(2)
    )
    for start in range(0, 30, 10):
        np.testing.assert_array_equal(
            one.score(items[start : start + 10]), other.score(items[start : start + 10])
        )
    assert other.n_forwards == 0


@pytest.mark.slow
def test_two_processes_share_a_cache(trained, tmp_path):
    folder = trained()
    script = f"""
import sys
sys.path.insert(0, {str(__file__.rsplit("/", 1)[0])!r})
from test_sequence_scoring import load_sequence_scorer, resolve_model, sequences
folder = resolve_model({str(folder.path)!r})
scorer = load_sequence_scorer(
    folder, head="native", precision="fp32", cache_dir={str(tmp_path / "cache")!r}
)
for start in range(0, 30, 3):
    scorer.score(sequences()[start : start + 3])
"""
    runs = [subprocess.Popen([sys.executable, "-c", script]) for _ in range(2)]
    assert [run.wait() for run in runs] == [0, 0]
    scorer = load_sequence_scorer(
        folder, head="native", precision="fp32", cache_dir=str(tmp_path / "cache")
    )
    scores = scorer.score(sequences())
    assert scorer.n_forwards == 0
    expected = reader_says(folder, "native", "multiple-choice", sequences())
    np.testing.assert_allclose(scores, expected, atol=1e-5)


def test_progress_counts_distinct_sequences(trained):
    scorer = load_sequence_scorer(trained(), head="native")
    seen = []
    items = sequences(6)
    scorer.score(items + items, lambda done, whole: seen.append((done, whole)))
    assert seen[0] == (0, 6)
    assert seen[-1] == (6, 6)


def test_nothing_to_score(trained):
    scorer = load_sequence_scorer(trained(), head="native")
    assert scorer.score([]).shape == (0, 1)
    assert scorer.n_forwards == 0


@pytest.mark.parametrize(
    ("sequence", "message"),
    [
        (Sequence([], [0]), "got 1 for 0"),
        (Sequence([1, 2], [0]), "got 1 for 2"),
        (Sequence([5] * 41), "limit of 40"),
    ],
    ids=["empty", "types", "long"],
)
def test_a_sequence_that_cannot_be_read_is_an_error(trained, sequence, message):
    with pytest.raises(ModelError, match=message):
        load_sequence_scorer(trained(), head="native").score([sequence])


@needs_int8
@pytest.mark.parametrize("head", ["native", "mean"])
def test_int8_is_near_whatever_is_scored_together(trained, head, monkeypatch):
    folder, items = trained(head), sequences()
    exact = load_sequence_scorer(folder, head=head, precision="fp32").score(items)
    scorer = load_sequence_scorer(folder, head=head, precision="int8")
    near = scorer.score(items)
    assert scorer.backend == "torch-int8-static-1"
    assert not np.array_equal(exact, near)
    assert np.abs(exact - near).max() < 0.05 * (exact.max() - exact.min())
    # A rounding that turns round, after other sums in attention, is worth a fraction of a code.
    np.testing.assert_allclose(scorer.score(items[::-1])[::-1], near, atol=1e-3)
    monkeypatch.setattr(torch_engine, "_INT8_TOKENS", 40)
    small = load_sequence_scorer(folder, head=head, precision="int8")
    np.testing.assert_allclose(small.score(items), near, atol=1e-3)
    assert small.n_forwards > scorer.n_forwards


@needs_int8
def test_int8_ranks_as_fp32_with_the_bundled_weights(tmp_path):
    load_reader(resolve_model(), head="mean", new_head=True).save(tmp_path / "reader")
    folder = resolve_model(str(tmp_path / "reader"))
    draw = np.random.default_rng(0)
    items = [Sequence(draw.integers(1000, 30_000, size=n).tolist()) for n in (40, 30, 20, 35) * 5]
    exact, near = (
        load_sequence_scorer(folder, head="mean", precision=precision).score(items)[:, 0]
        for precision in ("fp32", "int8")
    )
    assert np.corrcoef(exact, near)[0, 1] > 0.99


@needs_int8
def test_int8_scores_are_not_taken_for_others(trained, tmp_path):
    prints = {
        load_sequence_scorer(trained(), head="native", precision=precision).fingerprint
        for precision in ("fp32", "bf16", "int8")
    }
    assert len(prints) == 3


@needs_int8
def test_int8_refuses_what_it_cannot_do(trained, monkeypatch):
    with pytest.raises(ModelError, match="supports BERT") as caught:
        load_sequence_scorer(trained(family="Electra"), head="native", precision="int8")
    assert "onnx-int8" in caught.value.hint
    with pytest.raises(SettingsError, match="device"):
        load_sequence_scorer(trained(), head="native", precision="int8", device="cuda:99")
    # A card that is there, for all that is asked of it before.
    monkeypatch.setattr(torch_engine, "torch_device", torch.device)
    with pytest.raises(ModelError, match="expected device cpu"):
        load_sequence_scorer(trained(), head="native", precision="int8", device="cuda")
