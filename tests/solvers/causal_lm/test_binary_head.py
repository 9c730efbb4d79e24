"""Options judged by a decoder's binary head."""

import numpy as np
import pytest
import torch
import transformers

from llmexam import sample
from llmexam.errors import ModelError, SettingsError
from llmexam.exam.parsers import read_exam
from llmexam.exam.question import Passage, Question
from llmexam.solvers.registry import create_solver
from llmexam.testing import check_solver

EXAM = read_exam(sample.EXAM_PATH)
PASSAGE = Passage("Iron rusts in wet air, and gold does not.")
QUESTIONS = [question.with_passages([PASSAGE]) for question in EXAM.questions[:6]]


@pytest.fixture(scope="module")
def judge(folder, tokenizer, tmp_path_factory):
    """The tiny Llama with a binary head."""
    torch.manual_seed(1)
    config = transformers.AutoConfig.from_pretrained(folder, num_labels=1)
    model = transformers.LlamaForSequenceClassification(config)
    for parameter in model.parameters():
        if parameter.dim() > 1:
            torch.nn.init.normal_(parameter, std=0.2)
    path = tmp_path_factory.mktemp("models") / "judge"
    model.save_pretrained(path)
    tokenizer.save_pretrained(path)
    return path


def solver(folder, **settings):
    values = {"model": str(folder), "precision": "fp32", "template": "binary_head", **settings}
    return create_solver("causal-lm", values)


def plain(folder, tokenizer, prompt, **special):
    """What transformers says of a prompt."""
    model = transformers.AutoModelForSequenceClassification.from_pretrained(folder).eval()
    with torch.inference_mode():
        return float(model(**tokenizer(prompt, return_tensors="pt", **special)).logits)


@pytest.mark.parametrize("chat", [False, True], ids=["plain", "chat"])
def test_scores_are_what_transformers_says(judge, tokenizer, chat):
    one = solver(judge, chat=chat)
    prompts = one.prompts(QUESTIONS[:2])
    assert [len(each) for each in prompts] == [5, 5]
    found = one.score(QUESTIONS[:2]).values
    special = {"add_special_tokens": not chat}
    for row, each in zip(found, prompts, strict=True):
        expected = [plain(judge, tokenizer, prompt, **special) for prompt in each]
        np.testing.assert_allclose(row, expected, atol=2e-5)
    assert np.ptp(found) > 0.5


def test_question_and_evidence_are_read_once(judge, tokenizer):
    one = solver(judge)
    one.score(QUESTIONS[:1])
    (prompts,) = one.prompts(QUESTIONS[:1])
    ids = [tuple(tokenizer(prompt)["input_ids"]) for prompt in prompts]
    work = one.scorer.work
    assert work.tokens == len({text[:n] for text in ids for n in range(1, len(text) + 1)})
    assert work.tokens < sum(map(len, ids)) / 2


@pytest.mark.slow
def test_it_keeps_the_contract(judge):
    check_solver(lambda: solver(judge), tolerance=1e-4)
    assert solver(judge).order_invariant


def test_neighbours_and_batches_make_no_difference(judge):
    whole = solver(judge).score(QUESTIONS).values
    small = solver(judge, batch_tokens=1).score(QUESTIONS[::-1]).values[::-1]
    np.testing.assert_allclose(small, whole, atol=2e-5)


def test_an_explanation_tells_the_logit(judge):
    one = solver(judge)
    scores = one.score(QUESTIONS[:1])
    (told,) = one.explain(QUESTIONS[:1])
    assert told.options[0].note == f"logit of the model's binary head {scores.values[0, 0]:+.2f}"


def test_what_is_kept_is_that_of_the_head(judge, folder, tmp_path):
    cache = {"cache_dir": str(tmp_path / "cache")}
    before = solver(judge, **cache).score(QUESTIONS).values
    again = solver(judge, **cache)
    np.testing.assert_array_equal(again.score(QUESTIONS).values, before)
    assert again.scorer.work.forwards == 0
    # The same body under the other head has results of its own.
    other = solver(folder, template="options", **cache)
    other.score(QUESTIONS)
    assert other._scorer.n_reused == 0
    assert other.weights_hash != again.weights_hash


def test_odd_texts_are_scored(judge):
    odd = [
        Question("a", "", ("None", "none of the above")),
        Question("b", "Ünïcode 🙂 {{ prompt }}", ("{% raw %}", "<s></s>", " ", "")),
    ]
    scores = solver(judge).score(odd)
    assert np.isfinite(scores.values[scores.present]).all()


def test_a_text_of_no_token_begins_as_texts_begin(judge, tmp_path, tokenizer):
    path = tmp_path / "bare.yaml"
    path.write_text("mode: binary-head\nquestion: '{{ option }}'\n")
    # Behind a chat template nothing is put around a text, so here nothing is left of it.
    blank = transformers.AutoTokenizer.from_pretrained(judge)
    blank.chat_template = "{{ messages[-1].content }}"
    from llmexam.solvers.causal_lm.asking import Ask
    from llmexam.solvers.causal_lm.prompting import Prompter
    from llmexam.solvers.prompts.template import read_template

    prompter = Prompter(read_template(str(path)), blank, max_tokens=None, n_passages=0, chat=True)
    prompted = prompter.prompts(None, [Ask({"option": ""}, ())], ())[0]
    assert prompted.requests[0].tokens == (tokenizer.bos_token_id, -1)


def test_template_and_head_go_together(judge, folder):
    with pytest.raises(SettingsError, match="so it gives no token likelihoods"):
        solver(judge, template="letters").score(QUESTIONS)
    with pytest.raises(SettingsError, match="has none"):
        solver(folder).score(QUESTIONS)


def test_more_labels_than_one_are_refused(judge, folder, tmp_path, tokenizer):
    config = transformers.AutoConfig.from_pretrained(folder, num_labels=2)
    transformers.LlamaForSequenceClassification(config).save_pretrained(tmp_path / "two")
    tokenizer.save_pretrained(tmp_path / "two")
    with pytest.raises(ModelError, match="with one label, got 2"):
        solver(tmp_path / "two").score(QUESTIONS)


def test_evidence_is_cut_and_the_option_is_not(judge, tokenizer):
    long = QUESTIONS[0].with_passages([Passage("Water boils and freezes. " * 200)])
    one = solver(judge, max_tokens=300)
    (prompts,) = one.prompts([long])
    assert all(p.endswith(f"Answer: {o}") for p, o in zip(prompts, long.options, strict=True))
    assert 200 < max(len(tokenizer(prompt)["input_ids"]) for prompt in prompts) <= 300
    assert one.score([long, QUESTIONS[1]]).truncated.tolist() == [True, False]


def test_layers_are_streamed(judge):
    whole = solver(judge).score(QUESTIONS).values
    streamed = solver(judge, streamed=True).score(QUESTIONS).values
    np.testing.assert_allclose(streamed, whole, atol=2e-5)


def test_examples_are_shown(judge, tmp_path):
    from llmexam.exam.writers import write_exam

    write_exam(tmp_path / "train.csv", EXAM.subset(list(range(20, 40))), format="kaggle")
    one = solver(judge, shots={"file": str(tmp_path / "train.csv"), "n": 2})
    (prompts,) = one.prompts(QUESTIONS[:1])
    assert prompts[0].count("Question:") == 3
    assert np.isfinite(one.score(QUESTIONS[:1]).values).all()


def test_what_it_would_take_is_told(judge):
    from llmexam.workflows.estimate.predict import estimate_file
    from llmexam.workflows.estimate.prediction import Spread

    settings = {"model": str(judge), "precision": "fp32", "template": "binary_head"}
    exam = EXAM.subset(range(8))
    found = estimate_file(exam, settings, samples=(1, 3)).prediction
    one = solver(judge)
    one.score(exam.questions)
    assert found.counts["tokens"] == Spread.exact(one.scorer.work.padded)
    assert found.memory["logits"] == 0
