import json
import shutil

import numpy as np
import pytest

from llmexam.errors import ModelError, SettingsError
from llmexam.lm.models.card import ModelCard, read_card, write_card
from llmexam.lm.models.loading import load_tokenizer, resolve_model

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")
pytest.importorskip("onnxruntime")
pytest.importorskip("onnxscript")

from llmexam.cli.app import app  # noqa: E402
from llmexam.lm.readers.reader import load_reader  # noqa: E402
from llmexam.lm.readers.sequence_scoring import load_sequence_scorer  # noqa: E402
from llmexam.workflows.export import export_model  # noqa: E402

# Each exports a model, which takes seconds.
pytestmark = pytest.mark.slow

SPECIAL = "[PAD] [UNK] [CLS] [SEP] [MASK]"
WORDS = f"{SPECIAL} light water heat cell the of a is in to and with it".split()


class Sequence:
    def __init__(self, ids):
        self.ids = ids
        self.types = [0] * (len(ids) // 2) + [1] * (len(ids) - len(ids) // 2)


SEQUENCES = [Sequence([2, *range(5, 5 + n), 3]) for n in (1, 12, 5, 5, 9)]


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """Return a function that writes a tiny reader with its card."""

    def make(family="multiple-choice", head="mean", kind="Bert"):
        root = tmp_path_factory.mktemp("model")
        config = getattr(transformers, kind + "Config")(
            vocab_size=len(WORDS),
            hidden_size=16,
            num_hidden_layers=1,
            num_attention_heads=2,
            intermediate_size=32,
            max_position_embeddings=256,
        )
        torch.manual_seed(0)
        model = transformers.AutoModel.from_config(config)
        with torch.no_grad():
            for parameter in model.parameters():
                parameter.add_(torch.randn_like(parameter) * 0.2)
        model.save_pretrained(root / "body")
        (root / "vocab.txt").write_text("\n".join(WORDS), "utf-8")
        tokenizer = transformers.BertTokenizerFast(vocab=str(root / "vocab.txt"))
        tokenizer.save_pretrained(root / "body")
        body = resolve_model(str(root / "body"))
        folder = root / "reader"
        load_reader(
            body,
            head=head,
            task="multiple-choice" if family == "multiple-choice" else "classification",
            new_head=True,
        ).save(folder)
        load_tokenizer(body).save_pretrained(folder)
        card = ModelCard(
            family=family,
            base_model="tiny",
            base_weights_hash=body.weights_hash,
            head=head,
            encoding={"max_tokens": 64},
        )
        write_card(folder, card)
        return folder

    return make


@pytest.fixture(scope="module")
def exported(trained, tmp_path_factory):
    """One source and its int8 export."""
    source = trained()
    out = tmp_path_factory.mktemp("out") / "int8"
    return source, out, export_model(str(source), out, to="onnx-int8", n_questions=6)


def logits(folder, **settings):
    return load_sequence_scorer(resolve_model(str(folder)), **settings).score(SEQUENCES)


def test_an_export_is_used_like_its_source(exported):
    source, out, result = exported
    scorer = load_sequence_scorer(resolve_model(str(out)), head="mean")
    near = scorer.score(SEQUENCES)
    exact = logits(source, head="mean", precision="fp32")
    assert scorer.backend.startswith("onnx-int8")
    np.testing.assert_allclose(near, exact, atol=0.1 * exact.std() + 0.02)
    assert not np.array_equal(near, exact)
    assert scorer.max_tokens == 256
    assert (result.backend, result.folder, result.n_questions) == ("onnx-int8", out, 6)
    assert json.loads(json.dumps(result.as_dict()))["backend"] == "onnx-int8"
    assert 0 < result.largest_difference < result.spread
    assert 0 <= result.same_top3 <= result.same_first <= 1
    assert result.megabytes_export > 0
    # Nothing half-written stays.
    assert [path.name for path in out.parent.iterdir()] == ["int8"]
    assert {path.name for path in out.glob("*.onnx*")} == {"model.onnx"}


def test_the_card_says_where_it_is_from(exported):
    source, out, _ = exported
    card = read_card(out)
    assert card.export.backend == "onnx-int8"
    assert card.export.source == resolve_model(str(source)).weights_hash
    assert card.model_copy(update={"export": None}) == read_card(source)


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({"head": "native"}, "head 'mean', got 'native'"),
        ({"head": "mean", "task": "classification"}, "task 'multiple-choice'"),
    ],
    ids=["head", "task"],
)
def test_a_mismatch_is_refused(exported, asked, message):
    with pytest.raises(ModelError, match=message):
        load_sequence_scorer(resolve_model(str(exported[1])), **asked)


def test_a_changed_file_is_refused(exported, tmp_path):
    out = tmp_path / "out"
    shutil.copytree(exported[1], out)
    whole = (out / "model.onnx").read_bytes()
    (out / "model.onnx").write_bytes(whole[:-1])
    with pytest.raises(ModelError, match="differs from"):
        load_sequence_scorer(resolve_model(str(out)), head="mean")


@pytest.mark.parametrize("kind", ["Bert", pytest.param("Electra", marks=pytest.mark.slow)])
def test_openvino_gives_the_same_scores(trained, tmp_path, kind):
    pytest.importorskip("openvino")
    source = trained("cross-encoder", "native", kind)
    result = export_model(str(source), tmp_path / "ov", to="openvino", n_questions=3)
    settings = {"head": "native", "task": "classification"}
    scorer = load_sequence_scorer(resolve_model(str(tmp_path / "ov")), **settings)
    # bf16 where the processor has it.
    near = 1e-4 if scorer.backend == "openvino-f32" else 0.05
    exact = logits(source, precision="fp32", **settings)
    np.testing.assert_allclose(scorer.score(SEQUENCES), exact, atol=near)
    assert result.largest_difference < near


def test_what_cannot_be_exported(trained, exported, tmp_path):
    source = str(trained())
    with pytest.raises(SettingsError, match="Did you mean 'onnx-int8'"):
        export_model(source, tmp_path / "a", to="onnx-int4")
    with pytest.raises(SettingsError, match="exists already"):
        export_model(source, exported[1], to="onnx-int8")
    with pytest.raises(SettingsError, match="is an export already"):
        export_model(str(exported[1]), tmp_path / "a", to="onnx-int8")
    with pytest.raises(SettingsError, match=r"no llmexam\.json"):
        export_model("bundled", tmp_path / "a", to="onnx-int8")
    card = read_card(source)
    write_card(source, card.model_copy(update={"family": "bi-encoder"}))
    with pytest.raises(SettingsError, match="'bi-encoder' cannot be exported"):
        export_model(source, tmp_path / "a", to="onnx-int8")
    assert not list(tmp_path.iterdir())


def test_the_command_shows_what_differs(trained, tmp_path):
    from typer.testing import CliRunner

    arguments = ["export", str(trained()), "--to", "onnx-int8", "--n-questions", "3"]
    shown = CliRunner().invoke(app, [*arguments, "--out", str(tmp_path / "a")])
    assert shown.exit_code == 0, shown.output
    for label in ("largest score difference", "same top 3", "MAP@3", "MB", "x speed"):
        assert label in shown.stdout
