"""Models of transformers without a card of ours, read with an encoding that the user gives."""

import numpy as np
import pytest

from llmexam.errors import ModelError, SettingsError, UntrainedModelError
from llmexam.exam.question import Passage, Question
from llmexam.lm.models.card import ModelCard, write_card
from llmexam.solvers.readers.foreign import (
    ForeignEncoding,
    encode_foreign,
    foreign_scores,
    output_names,
)
from llmexam.solvers.registry import create_solver
from llmexam.testing import check_solver

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")

WORDS = "the sky is blue for light of short waves scatters most in air why not ? ."
SKY = Passage("the sky is blue . light of short waves scatters most in air .")
OPTIONS = ("light scatters", "the air is blue", "not the sky")
QUESTION = Question("q", "why is the sky blue ?", OPTIONS, None, (SKY,))


@pytest.fixture(scope="module")
def make_folder(tmp_path_factory):
    """Return a function that saves a model with a head as transformers does."""

    def make(kind, **config):
        folder = tmp_path_factory.mktemp("model")
        torch.manual_seed(0)
        vocab = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *dict.fromkeys(WORDS.split())]
        tokenizer = transformers.BertTokenizerFast(vocab={w: i for i, w in enumerate(vocab)})
        sizes = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2}
        sizes |= {"intermediate_size": 32, "max_position_embeddings": 64}
        settings = transformers.BertConfig(
            vocab_size=len(vocab), initializer_range=0.3, **sizes, **config
        )
        getattr(transformers, kind)(settings).save_pretrained(folder)
        tokenizer.save_pretrained(folder)
        return folder

    return make


@pytest.fixture(scope="module")
def choice(make_folder):
    return make_folder("BertForMultipleChoice")


def expected(kind, folder, pairs, **cut):
    """Return the logits that transformers itself gives."""
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    model = getattr(transformers, kind).from_pretrained(folder).eval()
    rows = []
    for first, second in pairs:
        inputs = tokenizer(first, second, return_tensors="pt", **cut)
        if kind.endswith("MultipleChoice"):
            inputs = {name: value[None] for name, value in inputs.items()}
        with torch.inference_mode():
            rows.append(model(**inputs).logits[0].numpy())
    return np.array(rows)


def scored(solver, folder, **encoding):
    settings = {"model": str(folder), "precision": "fp32", "encoding": encoding}
    return create_solver(solver, settings).score([QUESTION]).rows()[0]


def test_a_multiple_choice_model_is_read_as_it_was_trained(choice):
    pairs = [(SKY.text, f"{QUESTION.prompt} {option}") for option in OPTIONS]
    wanted = expected("AutoModelForMultipleChoice", choice, pairs)[:, 0]
    found = scored("multiple-choice", choice, layout="evidence|prompt+option")
    assert found == pytest.approx(wanted, abs=1e-5)
    assert len(set(found.tolist())) == 3


def test_evidence_is_cut_at_its_end_wherever_it_stands(choice):
    pairs = [(SKY.text, f"{QUESTION.prompt} {option}") for option in OPTIONS]
    cut = {"truncation": "only_first", "max_length": 18}
    wanted = expected("AutoModelForMultipleChoice", choice, pairs, **cut)[:, 0]
    found = scored("multiple-choice", choice, layout="evidence|prompt+option", max_tokens=18)
    assert found == pytest.approx(wanted, abs=1e-5)
    # Before the prompt, it is cut all the same, and the prompt is not.
    pairs = [(f"the sky is {QUESTION.prompt}", option) for option in ("light scatters",)]
    wanted = expected("AutoModelForMultipleChoice", choice, pairs)[:, 0]
    found = scored("multiple-choice", choice, layout="evidence+prompt|option", max_tokens=16)
    # Two option tokens, six of the prompt and three special ones leave five.
    assert found[0] != pytest.approx(wanted[0], abs=1e-5)
    pairs = [(f"the sky is blue . {QUESTION.prompt}", "light scatters")]
    wanted = expected("AutoModelForMultipleChoice", choice, pairs)[:, 0]
    assert found[0] == pytest.approx(wanted[0], abs=1e-5)


@pytest.mark.parametrize(
    "layout",
    [
        "option|prompt",
        "prompt|option",
        "option|evidence+prompt",
        "prompt+option|evidence",
        "evidence|prompt+option",
        "option+prompt|evidence",
        "prompt+evidence|option",
    ],
)
def test_a_long_prompt_is_cut_at_its_end_and_the_option_never(choice, layout):
    long = Question("q", " ".join(["why is the sky blue ?"] * 10), OPTIONS, None, (SKY,))
    tokenizer = transformers.AutoTokenizer.from_pretrained(choice)
    settings = ForeignEncoding(layout=layout, max_tokens=18)
    (encoded,) = encode_foreign([long], settings, tokenizer)
    for option, pair in zip(OPTIONS, encoded.options, strict=True):
        text = tokenizer.decode(pair.ids)
        assert option in text
        assert "why is the sky" in text
        assert "scatters most" not in text
        assert len(pair.ids) == 18
    assert encoded.truncated
    scores = create_solver(
        "multiple-choice",
        {"model": str(choice), "encoding": {"layout": layout, "max_tokens": 18}},
    ).score([long])
    assert len(set(scores.rows()[0].tolist())) == 3


@pytest.mark.parametrize("layout", ["option|prompt", "prompt+option|evidence", "evidence|option"])
def test_options_that_are_equal_after_truncation_are_an_error(choice, layout):
    tokenizer = transformers.AutoTokenizer.from_pretrained(choice)
    settings = ForeignEncoding(layout=layout, max_tokens=18)
    long = "light " * 30
    question = Question("q7", "why ?", ("the air", f"{long} is", f"{long} not"), None, (SKY,))
    with pytest.raises(
        ModelError, match=r"18 tokens are too few .* 'q7': .* options B and C is equal"
    ):
        encode_foreign([question], settings, tokenizer)
    # What is left of one long option still differs from the others.
    question = Question("q8", "why ?", ("the air", long, "not"), None, (SKY,))
    (encoded,) = encode_foreign([question], settings, tokenizer)
    assert encoded.truncated
    assert len(encoded.options[1].ids) == 18


def test_cuts_inside_characters_of_several_tokens_end():
    tokenizers = pytest.importorskip("tokenizers")
    alphabet = sorted(tokenizers.pre_tokenizers.ByteLevel.alphabet())
    model = tokenizers.models.BPE({one: i for i, one in enumerate(["[SEP]", *alphabet])}, [])
    raw = tokenizers.Tokenizer(model)
    raw.pre_tokenizer = tokenizers.pre_tokenizers.ByteLevel(add_prefix_space=False)
    raw.decoder = tokenizers.decoders.ByteLevel()
    tokenizer = transformers.PreTrainedTokenizerFast(tokenizer_object=raw)
    # Each emoji has four tokens, and the lone surrogate comes from a damaged file.
    question = Question("q", "\ud800" + "😀" * 20 + "  ", ("yes", "no"), None)
    settings = ForeignEncoding(layout="prompt|option", max_tokens=18)
    (encoded,) = encode_foreign([question], settings, tokenizer)
    assert [tokenizer.decode(pair.ids) for pair in encoded.options] == [
        "?😀😀😀\nyes",
        "?😀😀😀\nno",
    ]


def test_cross_encoders_with_one_output_and_with_labels(make_folder):
    one = make_folder("BertForSequenceClassification", num_labels=1)
    pairs = [(QUESTION.prompt, f"{option} [SEP] {SKY.text}") for option in OPTIONS]
    kind = "AutoModelForSequenceClassification"
    layout = {"layout": "prompt|option+evidence", "separator": " [SEP] "}
    wanted = expected(kind, one, pairs)[:, 0]
    assert scored("cross-encoder", one, **layout) == pytest.approx(wanted, abs=1e-5)
    two = make_folder("BertForSequenceClassification", num_labels=2)
    outputs = expected(kind, two, pairs)
    found = scored("cross-encoder", two, **layout)
    assert found == pytest.approx(outputs[:, 1] - outputs[:, 0], abs=1e-5)
    turned = scored("cross-encoder", two, **layout, label=0)
    assert turned == pytest.approx(outputs[:, 0] - outputs[:, 1], abs=1e-5)
    three = make_folder("BertForSequenceClassification", num_labels=3)
    with pytest.raises(ModelError, match=r"3 outputs, and none is chosen.*Set encoding.label"):
        scored("cross-encoder", three, **layout)
    outputs = expected(kind, three, pairs)
    others = np.logaddexp(outputs[:, 0], outputs[:, 1])
    found = scored("cross-encoder", three, **layout, label=2)
    assert found == pytest.approx(outputs[:, 2] - others, abs=1e-5)
    with pytest.raises(ModelError, match="number 3 is not among them"):
        scored("cross-encoder", three, **layout, label=3)


@pytest.mark.parametrize(
    "names",
    [
        {0: "correct", 1: "incorrect"},
        {0: "entailment", 1: "not_entailment"},
        {0: "incorrect", 1: "correct"},
        {0: "1", 1: "0"},
    ],
)
def test_two_outputs_with_names_need_a_label(make_folder, names):
    folder = make_folder("BertForSequenceClassification", num_labels=2, id2label=names)
    with pytest.raises(ModelError, match=f"2 outputs .0 is '{names[0]}', 1 is '{names[1]}'., and"):
        scored("cross-encoder", folder, layout="prompt|option")
    first = scored("cross-encoder", folder, layout="prompt|option", label=0)
    second = scored("cross-encoder", folder, layout="prompt|option", label=1)
    assert first == pytest.approx(-second)


@pytest.mark.parametrize(
    "config",
    [
        {},
        [],
        {"id2label": None},
        {"id2label": {"0": "label_0", "1": "1"}},
        {"id2label": {"a": "b", "9" * 5000: "c"}},
    ],
)
def test_outputs_without_names(config):
    assert output_names(config) == {}
    assert foreign_scores(np.array([[1, 3]], np.float32), None, {}) == pytest.approx([2.0])


def test_the_contract(choice):
    settings = {"model": str(choice), "encoding": {"layout": "evidence|prompt+option"}}
    settings["encoding"]["max_tokens"] = 40
    check_solver(lambda: create_solver("multiple-choice", settings), tolerance=2e-5)


def test_reports_say_that_the_model_is_foreign(choice):
    encoding = {"layout": "prompt | option"}
    solver = create_solver("multiple-choice", {"model": str(choice), "encoding": encoding})
    said = "foreign model: not trained by llmexam, and read with the encoding that was given"
    assert str(solver.used()).startswith(said)
    assert not solver.describe().reads_passages
    assert solver.describe().trained_on is None
    assert solver.explain([QUESTION])[0].options[0].note


def test_without_an_encoding_the_error_says_how_to_give_one(choice):
    with pytest.raises(UntrainedModelError, match=r"give its encoding, such as encoding.layout="):
        create_solver("multiple-choice", {"model": str(choice)}).score([QUESTION])


def test_a_model_of_ours_keeps_its_encoding(make_folder):
    folder = make_folder("BertForMultipleChoice")
    card = {"family": "multiple-choice", "base_model": "tiny", "base_weights_hash": "0" * 64}
    write_card(folder, ModelCard(**card))
    with pytest.raises(SettingsError, match=r"an encoding of its own.*Leave out encoding"):
        scored("multiple-choice", folder, layout="prompt|option")


@pytest.mark.parametrize(
    "layout", ["prompt", "prompt|", "option|option", "prompt|choice", "prompt|evidence", "a|b|c"]
)
def test_layouts_that_cannot_be(choice, layout):
    with pytest.raises(SettingsError, match="expected the parts evidence, prompt and option"):
        scored("multiple-choice", choice, layout=layout)


def test_a_bi_encoder_refuses_models_with_other_heads(choice, capfd):
    with pytest.raises(ModelError, match=r"expected a bi-encoder.*Use solver multiple-choice"):
        create_solver("bi-encoder", {"model": str(choice)}).score([QUESTION])
    said = capfd.readouterr()
    assert "LOAD REPORT" not in said.out + said.err
