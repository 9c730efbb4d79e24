import json
import subprocess
import sys
import textwrap
from pathlib import Path

import numpy as np
import pytest
import torch
import transformers

from llmexam.errors import ModelError, SettingsError
from llmexam.lm.decoder.model import Decoder
from llmexam.lm.decoder.requests import Continuation
from llmexam.lm.decoder.scorer import LikelihoodScorer
from llmexam.lm.decoder.streaming.scorer import StreamedScorer
from llmexam.lm.models.loading import resolve_model

VOCABULARY = 97
SHARING = ("llama", "mistral", "qwen3", "gemma2", "gemma3", "phi", "gpt2", "gpt-oss", "granite")


def draw(rng, n):
    return tuple(int(token) for token in rng.integers(3, VOCABULARY, n))


def make_groups(n_groups=5, *, prefix=12):
    """Questions behind one prefix, each with five options of which two begin alike."""
    rng = np.random.default_rng(0)
    shots = draw(rng, prefix)
    groups = []
    for _ in range(n_groups):
        context = shots + draw(rng, int(rng.integers(3, 15)))
        options = [draw(rng, int(rng.integers(1, 7))) for _ in range(4)]
        options.append(options[0] + draw(rng, 2))
        groups.append([Continuation(context + option, len(context)) for option in options])
    return groups


def save(decoder, folder):
    """Write a decoder to a folder and return it as the library opens it."""
    decoder.model.save_pretrained(folder)
    return resolve_model(str(folder))


def assert_same(found, expected, tolerance=1e-5):
    assert [len(group) for group in found] == [len(group) for group in expected]
    for group, rows in zip(found, expected, strict=True):
        for one, other in zip(group, rows, strict=True):
            np.testing.assert_allclose(one, other, atol=tolerance)


@pytest.mark.parametrize("name", SHARING)
def test_streamed_layers_say_what_the_whole_model_says(make_decoder, name, tmp_path):
    decoder = make_decoder(name)
    groups = [*make_groups(), []]
    scorer = StreamedScorer(save(decoder, tmp_path), precision="fp32", n_tokens=64)
    assert_same(scorer.score(groups), LikelihoodScorer(decoder).score(groups))
    whole = LikelihoodScorer(decoder, n_tokens=64)
    whole.score(groups)
    assert scorer.work == whole.work


def test_every_weight_is_read_once_and_of_the_table_only_the_rows_needed(make_decoder, tmp_path):
    decoder = make_decoder("llama")
    folder = save(decoder, tmp_path)
    groups = make_groups()
    scorer = StreamedScorer(folder, precision="fp32", n_tokens=64)
    before = scorer.reading.n_bytes
    scorer.score(groups)
    names = scorer.reading.parts
    assert names[:2] == ["layer 0", "layer 1"]
    assert all(name.startswith("head ") for name in names[2:])
    base = decoder.model.model
    assert before == base.norm.weight.nbytes
    layers = sum(p.nbytes for p in base.layers.parameters())
    # The last token of a request goes through only where another goes on from it; padding is 0.
    rows = {t for group in groups for r in group for t in r.tokens[:-1]} | {0}
    table = len(rows) * base.embed_tokens.weight[0].nbytes
    head = decoder.model.lm_head.weight.nbytes
    assert scorer.reading.n_bytes - before == layers + table + head


def test_the_head_is_read_in_parts_no_larger_than_a_layer(tmp_path):
    torch.manual_seed(0)
    config = transformers.LlamaConfig(
        vocab_size=3000,
        hidden_size=16,
        intermediate_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        max_position_embeddings=128,
        tie_word_embeddings=True,
    )
    model = transformers.AutoModelForCausalLM.from_config(config).eval()
    model.save_pretrained(tmp_path)
    scorer = StreamedScorer(resolve_model(str(tmp_path)), precision="fp32")
    groups = make_groups()
    assert_same(scorer.score(groups), LikelihoodScorer(Decoder(model, None)).score(groups))
    layer = sum(p.nbytes for p in model.model.layers.parameters())
    bounds = [name.split()[1].split("-") for name in scorer.reading.parts[1:]]
    assert [int(begin) for begin, _ in bounds[1:]] == [int(end) for _, end in bounds[:-1]]
    assert (int(bounds[0][0]), int(bounds[-1][1])) == (0, 3000)
    assert max(int(end) - int(begin) for begin, end in bounds) * 16 * 4 <= layer
    assert len(bounds) > 1


def test_states_that_do_not_fit_are_kept_in_a_file(make_decoder, tmp_path):
    decoder = make_decoder("gemma3")
    folder = save(decoder, tmp_path / "model")
    groups = make_groups(40)
    roomy = StreamedScorer(folder, precision="fp32", n_tokens=64, memory_bytes=1 << 28)
    expected = roomy.score(groups)
    assert not roomy.plan.in_file
    spare = roomy.plan.weights + roomy.plan.batch + roomy.plan.states // 2
    (tmp_path / "scratch").mkdir()
    tight = StreamedScorer(
        folder, precision="fp32", n_tokens=64, memory_bytes=spare, scratch=tmp_path / "scratch"
    )
    assert_same(tight.score(groups), expected)
    assert tight.plan.in_file
    assert list((tmp_path / "scratch").iterdir()) == []


def test_a_memory_too_small_for_two_layers_is_refused_before_anything_is_read(
    make_decoder, tmp_path
):
    scorer = StreamedScorer(save(make_decoder("llama"), tmp_path), memory_bytes=1 << 20)
    with pytest.raises(ModelError, match=r"1 MB are not enough: two layers .* need \d+ MB"):
        scorer.score(make_groups())
    assert scorer.reading.parts == []


def test_types_are_changed_while_reading(make_decoder, tmp_path):
    decoder = make_decoder("llama")
    for parameter in decoder.model.parameters():
        parameter.data = parameter.data.bfloat16()
    folder = save(decoder, tmp_path)
    assert (tmp_path / "model.safetensors").stat().st_size < 3 * decoder.model.num_parameters()
    scorer = StreamedScorer(folder, precision="fp32")
    for parameter in decoder.model.parameters():
        parameter.data = parameter.data.float()
    groups = make_groups()
    assert_same(scorer.score(groups), LikelihoodScorer(decoder).score(groups))


@pytest.mark.parametrize("name", ["mamba", "bloom"])
def test_a_model_that_is_no_plain_sequence_is_refused_by_name(make_decoder, name, tmp_path):
    folder = save(make_decoder(name), tmp_path)
    with pytest.raises(ModelError, match=f"{name} cannot be streamed layer by layer"):
        StreamedScorer(folder, precision="fp32").score(make_groups())


def test_a_layer_that_loses_its_weights_file_is_refused(make_decoder, tmp_path):
    from safetensors.torch import load_file, save_file

    folder = save(make_decoder("llama"), tmp_path)
    file = tmp_path / "model.safetensors"
    weights = load_file(file)
    lost = weights.pop("model.layers.1.mlp.up_proj.weight")
    save_file(weights, file, metadata={"format": "pt"})
    with pytest.raises(ModelError, match=r"no 'model.layers.1.mlp.up_proj.weight'"):
        StreamedScorer(folder)
    weights["model.layers.1.mlp.up_proj.weight"] = lost[:-1].clone()
    save_file(weights, file, metadata={"format": "pt"})
    with pytest.raises(ModelError, match="another shape"):
        StreamedScorer(folder)
    file.write_bytes(file.read_bytes()[:-100])
    with pytest.raises(ModelError, match="is truncated"):
        StreamedScorer(folder)


def test_what_it_cannot_do_is_said_first(make_decoder, tmp_path):
    folder = save(make_decoder("llama"), tmp_path)
    with pytest.raises(SettingsError, match="for a streamed model, got nf4"):
        StreamedScorer(folder, precision="nf4")
    long = Continuation(tuple([5] * 257), 1)
    with pytest.raises(ModelError, match="257 tokens, more than the model's limit of 256"):
        StreamedScorer(folder).score([[long]])
    assert StreamedScorer(folder).score([]) == []
    assert StreamedScorer(folder).score([[]]) == [[]]


_MEASURE = """
import json, sys
import numpy as np
from pathlib import Path
from llmexam.lm.decoder.model import Decoder
from llmexam.lm.decoder.requests import Continuation
from llmexam.lm.decoder.streaming.scorer import StreamedScorer
from llmexam.lm.models.loading import resolve_model

def resident(field):
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(l.split()[1]) for l in lines if l.startswith(field)) * 1024

def groups(n, length):
    rng = np.random.default_rng(0)
    draw = lambda n: tuple(int(t) for t in rng.integers(3, 97, n))
    shots = draw(20)
    found = []
    for _ in range(n):
        context = shots + draw(length)
        found.append([Continuation(context + draw(8), len(context)) for _ in range(5)])
    return found

small, large, limit = sys.argv[1], sys.argv[2], int(sys.argv[3])
StreamedScorer(resolve_model(small), precision="fp32").score(groups(2, 10))
before = resident("VmRSS")
Path("/proc/self/clear_refs").write_text("5")
scorer = StreamedScorer(resolve_model(large), precision="fp32", memory_bytes=limit)
found = scorer.score(groups(20, 60))
print(json.dumps({"before": before, "peak": resident("VmHWM"), "in_file": scorer.plan.in_file,
                  "finite": bool(np.isfinite(found[0][0]).all()),
                  "read": scorer.reading.n_bytes}))
"""


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/clear_refs").exists(), reason="needs Linux's peak count")
def test_a_model_several_times_larger_than_its_memory_stays_below_it(make_decoder, tmp_path):
    save(make_decoder("llama"), tmp_path / "small")
    torch.manual_seed(0)
    config = transformers.LlamaConfig(
        vocab_size=VOCABULARY,
        hidden_size=512,
        intermediate_size=1408,
        num_hidden_layers=32,
        num_attention_heads=8,
        max_position_embeddings=512,
    )
    model = transformers.AutoModelForCausalLM.from_config(config)
    model.save_pretrained(tmp_path / "large")
    size = (tmp_path / "large" / "model.safetensors").stat().st_size
    limit = 82_000_000
    assert size > 4 * limit
    done = subprocess.run(
        [
            sys.executable,
            "-c",
            textwrap.dedent(_MEASURE),
            str(tmp_path / "small"),
            str(tmp_path / "large"),
            str(limit),
        ],
        capture_output=True,
        text=True,
        check=True,
    )
    found = json.loads(done.stdout.splitlines()[-1])
    assert found["finite"]
    assert found["in_file"]
    assert found["read"] >= size * 0.99
    assert found["peak"] - found["before"] < limit


@pytest.mark.parametrize(
    "seed", [0, 1, *(pytest.param(seed, marks=pytest.mark.slow) for seed in range(2, 8))]
)
def test_a_layer_that_adds_little_is_streamed_in_bf16(make_decoder, tmp_path, seed):
    """What it adds was lost in the rounding of states that were drawn too large."""
    decoder = make_decoder("llama")
    torch.manual_seed(seed)
    for name, parameter in decoder.model.named_parameters():
        if ".layers." in name and parameter.dim() > 1:
            torch.nn.init.normal_(parameter, std=0.01)
    scorer = StreamedScorer(save(decoder, tmp_path), precision="bf16")
    groups = make_groups()
    assert_same(scorer.score(groups), LikelihoodScorer(decoder).score(groups), tolerance=0.2)


@pytest.mark.parametrize("name", ["cuda:99", "foo"])
def test_a_device_that_is_not_here_is_told(make_decoder, tmp_path, name):
    folder = save(make_decoder("llama"), tmp_path)
    with pytest.raises(SettingsError, match="device"):
        StreamedScorer(folder, device=name)
