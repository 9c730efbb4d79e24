import subprocess
import sys

import numpy as np
import pytest

from llmexam.errors import MissingDependencyError, ModelError, SettingsError
from llmexam.exam.question import Passage, Question
from llmexam.lm.models import loading
from llmexam.lm.models.card import EvidenceOrigin, ModelCard, write_card
from llmexam.solvers.registry import create_solver
from llmexam.testing import check_solver

pytest.importorskip("torch")
pytest.importorskip("transformers")

WORDS = "the sky is blue for light of short waves scatters most in air why not ? ."
SKY = Passage("The sky is blue. Light of short waves scatters most in air. Why not ?")
OPTIONS = ("light scatters", "the air is blue", "all of the above")
QUESTION = Question("q", "Why is the sky blue ?", OPTIONS, None, (SKY,))
ENCODING = {"max_tokens": 48, "n_sentences": 2}


@pytest.fixture(scope="module")
def make_folder(tmp_path_factory):
    """Return a function that writes a model of random weights, with a card or without."""
    import torch
    import transformers

    from llmexam.lm.readers.heads import MeanHead

    def make(head="mean", **card):
        folder = tmp_path_factory.mktemp("model")
        torch.manual_seed(0)
        vocab = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *dict.fromkeys(WORDS.split())]
        tokenizer = transformers.BertTokenizerFast(vocab={w: i for i, w in enumerate(vocab)})
        config = transformers.BertConfig(
            vocab_size=len(vocab),
            hidden_size=16,
            num_hidden_layers=2,
            num_attention_heads=2,
            intermediate_size=32,
            max_position_embeddings=64,
            initializer_range=0.3,
        )
        if head == "mean":
            transformers.BertModel(config).save_pretrained(folder)
            own = MeanHead(16, 1)
            own.draw(0)
            own.save(folder)
        else:
            transformers.BertForMultipleChoice(config).save_pretrained(folder)
        tokenizer.save_pretrained(folder)
        if card is not None and card.get("family") != "":
            given = {"family": "multiple-choice", "head": head, "encoding": ENCODING, **card}
            write_card(folder, ModelCard(base_model="tiny", base_weights_hash="0" * 64, **given))
        return folder

    return make


@pytest.fixture(scope="module")
def folder(make_folder):
    return make_folder()


def solver_of(folder, **values):
    return create_solver("multiple-choice", {"model": str(folder), "precision": "fp32", **values})


@pytest.mark.parametrize("head", ["mean", "native"])
def test_it_keeps_the_contract(make_folder, head):
    folder = make_folder(head)
    check_solver(lambda: solver_of(folder), tolerance=2e-5)


@pytest.mark.parametrize("head", ["mean", "native"])
def test_scores_are_those_of_transformers(make_folder, head):
    import torch
    import transformers

    from llmexam.lm.readers.heads import load_mean_head

    folder = make_folder(head, encoding={"max_tokens": 24, "evidence": "whole"})
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    kind = "AutoModel" if head == "mean" else "AutoModelForMultipleChoice"
    model = getattr(transformers, kind).from_pretrained(folder).eval()
    expected = []
    for option in OPTIONS:
        inputs = tokenizer(
            SKY.text,
            f"{QUESTION.prompt} {option}",
            truncation="only_first",
            max_length=24,
            return_tensors="pt",
        )
        with torch.no_grad():
            if head == "mean":
                mean = model(**inputs).last_hidden_state.mean(1)
                expected.append(load_mean_head(folder, 16, torch.float32)(mean).item())
            else:
                rows = {name: value[None] for name, value in inputs.items()}
                expected.append(model(**rows).logits.item())
    scores = solver_of(folder).score([QUESTION])
    np.testing.assert_allclose(scores.values[0], expected, atol=1e-5)
    assert scores.truncated.tolist() == [True]


def test_all_options_of_all_questions_are_one_call(folder):
    solver = solver_of(folder)
    calls = []
    real = solver._scorer

    class Counting:
        def score(self, sequences):
            calls.append(len(sequences))
            return real.score(sequences)

    solver._scorer = Counting()
    questions = [QUESTION, Question("r", "Why ?", ("the sky", "the air"))]
    solver.score(questions)
    solver.explain(questions)
    solver.score(questions[::-1])
    assert calls == [5]


def test_what_was_cut_is_told(folder, make_folder):
    long = Question("l", "Why ?", ("light", "air"), None, (Passage("sky " * 60 + "."),))
    assert solver_of(folder).score([QUESTION, long]).truncated.tolist() == [False, True]
    note = solver_of(folder).explain([long])[0].options[0].note
    assert "context tokens were truncated" in note
    few = make_folder(encoding={"max_tokens": 16, "evidence": "whole"})
    read = solver_of(few).explain([QUESTION])[0].options[0].supports
    assert read
    assert all(support.start < len(SKY.text) / 2 for support in read)


def test_explanations_name_what_was_read(folder, make_folder):
    reasons = solver_of(folder).explain([QUESTION])[0].options
    said = {SKY.text[s.start : s.end]: s.terms for s in reasons[0].supports}
    assert said == {
        "The sky is blue.": (),
        "Light of short waves scatters most in air.": ("light", "scatters"),
    }
    shares = [float(reason.note.split()[1]) for reason in reasons]
    assert sum(shares) == pytest.approx(1, abs=0.02)
    assert max(len(r.supports) for r in reasons) == 2
    weights = [s.weight for s in reasons[0].supports]
    assert weights == sorted(weights, reverse=True)
    assert solver_of(folder, n_supports=0).explain([QUESTION])[0].options[0].supports == ()
    bare = solver_of(folder).explain([QUESTION.with_passages(())])[0].options[0]
    assert bare.note.endswith("no evidence")
    closed = make_folder(encoding={"max_tokens": 48, "evidence": "none"})
    assert solver_of(closed).explain([QUESTION])[0].options[0].supports == ()


def test_wording_is_read_where_asked(folder):
    plain = solver_of(folder).score([QUESTION])
    read = solver_of(folder, read_wording=True).score([QUESTION])
    assert read.values[0].argmax() == 2
    assert not np.allclose(plain.values, read.values)


def test_the_card_is_shown(make_folder):
    origin = EvidenceOrigin(source="retrieved", kinds=("sparse",), k=5)
    solver = solver_of(make_folder(evidence=origin))
    assert solver.trained_on_evidence == origin
    assert len(solver.weights_hash) == 64


def test_scores_are_kept_on_disk(folder, tmp_path):
    first = solver_of(folder, cache_dir=str(tmp_path / "cache"))
    expected = first.score([QUESTION]).values
    again = solver_of(folder, cache_dir=str(tmp_path / "cache"))
    np.testing.assert_array_equal(again.score([QUESTION]).values, expected)
    assert (first._scorer.n_forwards, again._scorer.n_forwards) == (1, 0)


def test_untrained_and_foreign_models_are_refused(make_folder):
    with pytest.raises(SettingsError, match=r"not trained.*Train one: llmexam train"):
        solver_of(make_folder(family="")).score([QUESTION])
    with pytest.raises(SettingsError, match="trained for solver 'cross-encoder'"):
        solver_of(make_folder(family="cross-encoder")).score([QUESTION])
    with pytest.raises(
        ModelError, match=r"llmexam\.json field 'encoding\.max_token': the model card"
    ):
        solver_of(make_folder(encoding={"max_token": 16})).score([QUESTION])
    with pytest.raises(ModelError, match="model folder"):
        solver_of("/no/such/folder").score([QUESTION])
    headless = make_folder()
    (headless / "head.safetensors").unlink()
    with pytest.raises(ModelError, match="head"):
        solver_of(headless).score([QUESTION])


def test_the_model_must_be_given():
    with pytest.raises(SettingsError, match="model"):
        create_solver("multiple-choice")
    with pytest.raises(SettingsError, match="no setting 'max_tokens'"):
        create_solver("multiple-choice", {"model": "x", "max_tokens": 12})


def test_missing_packages_are_named_when_it_is_made(monkeypatch):
    found = loading.find_spec
    monkeypatch.setattr(loading, "find_spec", lambda n: None if n == "torch" else found(n))
    with pytest.raises(MissingDependencyError, match="torch"):
        create_solver("multiple-choice", {"model": "x"})


def test_making_it_does_not_import_torch():
    code = (
        "import sys; from llmexam.solvers.registry import create_solver; "
        "create_solver('multiple-choice', {'model': 'x'}); sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
