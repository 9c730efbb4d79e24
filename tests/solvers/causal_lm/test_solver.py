import shutil

import numpy as np
import pytest
import torch

from llmexam import sample
from llmexam.errors import ModelError, SettingsError
from llmexam.exam.exam import Exam
from llmexam.exam.parsers import read_exam
from llmexam.exam.question import Passage, Question
from llmexam.exam.writers import write_exam
from llmexam.solvers.prompts.template import template_names
from llmexam.solvers.registry import create_solver
from llmexam.solvers.scoring import solve

EXAM = read_exam(sample.EXAM_PATH)
QUESTIONS = EXAM.questions[:6]
# Those that ask how likely tokens are.
TEMPLATES = [name for name in template_names() if name != "binary_head"]


def solver(folder, **settings):
    return create_solver("causal-lm", {"model": str(folder), "precision": "fp32", **settings})


def plain(folder, tokenizer, prompt, answer):
    """Log-likelihood of an answer as transformers gives it, tokenised in one piece."""
    import transformers

    model = transformers.AutoModelForCausalLM.from_pretrained(folder).eval()
    n = len(tokenizer(prompt)["input_ids"])
    ids = torch.tensor([tokenizer(prompt + answer)["input_ids"]])
    with torch.inference_mode():
        probs = torch.log_softmax(model(ids).logits[0], dim=-1)
    return sum(float(probs[i - 1, ids[0, i]]) for i in range(n, ids.shape[1]))


def test_letters_are_what_transformers_says(folder, tokenizer):
    question = QUESTIONS[0].with_passages([Passage("Iron rusts in wet air.")])
    one = solver(folder)
    ((prompt,),) = one.prompts([question])
    assert prompt.startswith("Context: Iron rusts in wet air.\n\nQuestion: ")
    logs = np.array([plain(folder, tokenizer, prompt, f" {letter}") for letter in "ABCDE"])
    expected = logs - np.logaddexp.reduce(logs)
    np.testing.assert_allclose(one.score([question]).values[0], expected, atol=2e-4)


def test_option_texts_are_what_transformers_says(folder, tokenizer):
    one = solver(folder, template="options", norm="sum")
    ((prompt,),) = one.prompts(QUESTIONS[:1])
    expected = [plain(folder, tokenizer, prompt, f" {text}") for text in QUESTIONS[0].options]
    np.testing.assert_allclose(one.score(QUESTIONS[:1]).values[0], expected, atol=5e-4)


@pytest.mark.parametrize("name", TEMPLATES)
@pytest.mark.parametrize(
    "chat", [False, pytest.param(True, marks=pytest.mark.slow)], ids=["plain", "chat"]
)
def test_every_template_scores_alike_alone_and_together(folder, name, chat):
    together = solver(folder, template=name, chat=chat).score(QUESTIONS[:3])
    for i, question in enumerate(QUESTIONS[:3]):
        alone = solver(folder, template=name, chat=chat).score([question])
        np.testing.assert_allclose(alone.values[0], together.values[i], atol=1e-4)


def test_a_chat_template_goes_around_the_prompt(folder):
    one = solver(folder, chat=True, template="letters_instructed")
    ((prompt,),) = one.prompts(QUESTIONS[:1])
    assert prompt.startswith("<|system|>The following")
    assert prompt.endswith("<|assistant|>")


def test_rotations_undo_an_order(folder):
    one = solver(folder, rotations=5)
    question = QUESTIONS[0]
    order = [1, 2, 3, 4, 0]
    turned = one.score([question.with_option_order(order)]).values[0]
    np.testing.assert_allclose(turned, one.score([question]).values[0][order], atol=1e-4)
    assert not solver(folder).order_invariant
    assert solver(folder, template="options").order_invariant


def test_examples_are_read_once(folder, tmp_path):
    write_exam(tmp_path / "train.csv", EXAM.subset(list(range(20, 40))), format="kaggle")
    shots = {"file": str(tmp_path / "train.csv"), "n": 2, "seed": 1}
    one = solver(folder, shots=shots, batch_tokens=2000)
    one.score(QUESTIONS)
    work = one._scorer.scorer.work
    prompts = one.prompts(QUESTIONS)
    assert len({prompt[:200] for (prompt,) in prompts}) == 1
    assert prompts[0][0].count("Question:") == 3
    assert work.tokens < work.plain / 6


def test_examples_are_drawn_by_seed_with_letters_in_turn(folder, tmp_path):
    write_exam(tmp_path / "train.csv", EXAM.subset(list(range(20, 80))), format="kaggle")

    def drawn(seed):
        shots = {"file": str(tmp_path / "train.csv"), "n": 5, "seed": seed}
        one = solver(folder, shots=shots)
        return one._pool.choose(QUESTIONS[:1])[0]

    assert sorted(q.answer for q in drawn(0)) == [0, 1, 2, 3, 4]
    assert [q.id for q in drawn(0)] == [q.id for q in drawn(0)]
    assert [q.id for q in drawn(0)] != [q.id for q in drawn(1)]


def test_the_nearest_example_is_shown_last(folder, tmp_path):
    pool = [
        Question("a", "Why is the daytime sky blue?", ("scattering", "dust"), answer=0),
        Question("b", "Who wrote the first novel in Spanish?", ("x", "y"), answer=1),
        Question("c", "How do bees dance?", ("round", "not"), answer=0),
    ]
    write_exam(tmp_path / "train.jsonl", Exam(pool), format="jsonl")
    one = solver(folder, shots={"file": str(tmp_path / "train.jsonl"), "n": 2, "by": "nearest"})
    asked = Question("q", "What makes the sky look blue?", ("light", "sea"))
    assert one._pool.choose([asked])[0][-1].id == "a"


def test_examples_never_come_from_the_exam(folder, tmp_path):
    write_exam(tmp_path / "train.csv", EXAM.subset([3, 50, 51]), format="kaggle")
    one = solver(folder, shots={"file": str(tmp_path / "train.csv"), "n": 3})
    with pytest.raises(
        SettingsError, match=f"'{EXAM[3].id}' of the exam is among the few-shot examples"
    ):
        one.score(QUESTIONS)


def test_templates_never_quote_the_exam(folder, tmp_path):
    path = tmp_path / "mine.yaml"
    prompt = QUESTIONS[2].prompt.replace("'", "''")
    path.write_text(
        f"mode: letters\ninstructions: '{prompt} Answer: B'\n"
        "question: '{{ prompt }}'\nanswer: ' {{ letter }}'\n"
    )
    with pytest.raises(SettingsError, match="the template quotes question"):
        solver(folder, template=str(path)).score(QUESTIONS)


def test_examples_without_answers_or_too_few(folder, tmp_path):
    write_exam(
        tmp_path / "none.jsonl",
        Exam([Question("a", "What is this one?", ("x", "y"))]),
        format="jsonl",
    )
    with pytest.raises(SettingsError, match="has no answer"):
        solver(folder, shots={"file": str(tmp_path / "none.jsonl"), "n": 1}).score(QUESTIONS)
    write_exam(tmp_path / "one.csv", EXAM.subset([50]), format="kaggle")
    with pytest.raises(
        SettingsError, match="expected at least 2 questions for the examples, got 1"
    ):
        solver(folder, shots={"file": str(tmp_path / "one.csv"), "n": 2}).score(QUESTIONS)
    several = Question("s", "Which of these?", ("x", "y", "z"), 0, right=(0, 1))
    write_exam(tmp_path / "two.jsonl", Exam((EXAM[50], several)), format="jsonl")
    with pytest.raises(SettingsError, match="for the examples, got 1 with one right option"):
        solver(folder, shots={"file": str(tmp_path / "two.jsonl"), "n": 2}).score(QUESTIONS)


def test_the_context_is_cut_and_the_options_are_not(folder, tokenizer):
    long = QUESTIONS[0].with_passages([Passage("Water boils and freezes. " * 200)])
    one = solver(folder, max_tokens=700)
    ((prompt,),) = one.prompts([long])
    assert all(f". {text}" in prompt for text in long.options)
    assert len(tokenizer(prompt + " A")["input_ids"]) <= 700
    assert len(tokenizer(prompt + " A")["input_ids"]) > 650
    assert one.score([long, QUESTIONS[1]]).truncated.tolist() == [True, False]


def test_a_prompt_that_never_fits(folder):
    long = Question("q", "Why? " * 900, ("x", "y"))
    with pytest.raises(ModelError, match="even without its evidence"):
        solver(folder).score([long])


def test_nothing_is_scored_twice(folder, tmp_path):
    first = solver(folder, cache_dir=str(tmp_path / "cache"))
    before = first.score(QUESTIONS)
    again = solver(folder, cache_dir=str(tmp_path / "cache"))
    after = again.score(QUESTIONS)
    np.testing.assert_array_equal(before.values, after.values)
    assert again._scorer.scorer.work.forwards == 0
    assert again._scorer.n_reused == 30
    other = solver(folder, cache_dir=str(tmp_path / "cache"), precision="bf16")
    other.score(QUESTIONS[:1])
    assert other._scorer.n_reused == 0


def test_explaining_asks_nothing_again(folder):
    one = solver(folder)
    scores = one.score(QUESTIONS)
    before = one._scorer.scorer.work.forwards
    (first, *_) = one.explain(QUESTIONS)
    assert one._scorer.scorer.work.forwards == before
    assert f"{scores.values[0, 0]:.2f}" in first.options[0].note


def test_odd_texts_are_scored(folder):
    odd = [
        Question("a", "", ("None", "none of the above")),
        Question("b", "Ünïcode 🙂 {{ prompt }}", ("{% raw %}", "<s></s>", " ", "")),
        Question("c", "x" * 300, tuple("abcdefgh")),
    ]
    for name in TEMPLATES:
        scores = solver(folder, template=name).score(odd)
        assert np.isfinite(scores.values[scores.present]).all()


def test_an_encoder_is_no_decoder():
    with pytest.raises(ModelError):
        solver("bundled").score(QUESTIONS)


def test_other_examples_and_templates_are_other_results(folder, tmp_path):
    path = tmp_path / "train.jsonl"
    shots = {"file": str(path), "n": 1}
    hashes = []
    for row in (50, 51):
        write_exam(path, EXAM.subset([row]), format="jsonl")
        hashes.append(solver(folder, shots=shots).weights_hash)
    hashes += [solver(folder).weights_hash, solver(folder, template="alpaca").weights_hash]
    assert len(set(hashes)) == 4
    assert solver(folder).weights_hash == hashes[2]


@pytest.mark.parametrize("settings", [{"calibrate": True}, {"template": "options", "norm": "pmi"}])
def test_what_says_nothing_is_asked_once(folder, tmp_path, settings):
    write_exam(tmp_path / "train.csv", EXAM.subset(list(range(20, 40))), format="kaggle")
    one = solver(folder, shots={"file": str(tmp_path / "train.csv"), "n": 2}, **settings)
    together = one.score(QUESTIONS)
    alone = solver(
        folder, **one.settings.model_dump(exclude_unset=True, exclude={"model", "precision"})
    )
    np.testing.assert_allclose(alone.score(QUESTIONS[:1]).values[0], together.values[0], atol=1e-4)
    bare = solver(folder).score(QUESTIONS)
    assert not np.allclose(bare.values, together.values, atol=1e-3)


@pytest.mark.slow
def test_streamed_layers_answer_alike_and_read_the_weights_once_for_an_exam(folder):
    one = solver(folder, streamed=True)
    whole = solver(folder)
    found = solve(Exam(EXAM.questions[:70]), one)
    np.testing.assert_allclose(
        found.values, solve(Exam(EXAM.questions[:70]), whole).values, atol=1e-4
    )
    assert one.scorer.reading.n_bytes < 1.2 * (folder / "model.safetensors").stat().st_size
    assert [e.question_id for e in one.explain(EXAM.questions[:70])] == list(found.question_ids)


def test_streamed_layers_keep_sums_for_the_next_run(folder, tmp_path):
    first = solver(folder, streamed=True, cache_dir=str(tmp_path)).score(QUESTIONS)
    # What streamed layers said is good for a model in memory.
    again = solver(folder, cache_dir=str(tmp_path))
    np.testing.assert_array_equal(again.score(QUESTIONS).values, first.values)
    assert again.scorer.work.forwards == 0


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"memory_mb": 100}, "needs `streamed: true`"),
        ({"streamed": True, "precision": "int8"}, "for a streamed model, got int8"),
    ],
)
def test_settings_of_streamed_layers_go_together(folder, settings, told):
    with pytest.raises(SettingsError, match=told):
        solver(folder, **settings)


def test_too_little_memory_for_streamed_layers_is_told(folder):
    with pytest.raises(ModelError, match="1 MB are not enough"):
        solver(folder, streamed=True, memory_mb=1).score(QUESTIONS)


def test_questions_without_content_are_asked_once_for_all_calls(folder):
    one = solver(folder, calibrate=True)
    one.score(QUESTIONS[:3])
    first = one.scorer.work.targets
    one.score(QUESTIONS[3:])
    # Three questions and the one without content, then three questions.
    assert (one.scorer.work.targets - first) * 4 == first * 3
    groups = solver(folder, calibrate=True).requests(QUESTIONS)
    assert sum(len(group) for group in groups) == 5 * 6 + 5


def test_a_prompt_is_tokenised_once_with_all_its_answers(folder, monkeypatch):
    one = solver(folder)
    calls = []
    tokenizer = type(one.scorer.tokenizer)
    encode = tokenizer.__call__

    def counted(self, text, *args, **options):
        calls.append(text)
        return encode(self, text, *args, **options)

    monkeypatch.setattr(tokenizer, "__call__", counted)
    one.requests(QUESTIONS[:1])
    assert [len(texts) for texts in calls] == [6]


def test_options_listed_in_the_question_have_places(folder, tmp_path):
    listed = tmp_path / "listed.yaml"
    listed.write_text(
        "mode: options\nquestion: |-\n  {{ prompt }}\n  {% for o in options %}\n  {{ o.text }}\n"
        '  {% endfor %}\nanswer: " {{ option }}"\n'
    )
    assert not solver(folder, template=str(listed)).order_invariant


@pytest.mark.parametrize("template", ["yes_no", "pairs", "letters", "options"])
def test_all_options_of_a_question_read_the_same_context(folder, template):
    question = Question(
        "q",
        "What is it?",
        ("iron", "a rather long option " * 8, "salt"),
        passages=(Passage("Sea water tastes of salt, and rivers bring it there. " * 20),),
    )
    one = solver(folder, template=template, max_tokens=300)
    (prompts,) = one.prompts([question])
    kept = {prompt.count("Sea water") for prompt in prompts}
    cut = {prompt.split("Context: ")[1].split("\n\n")[0] for prompt in prompts}
    assert len(cut) == 1
    assert 0 < kept.pop() < 20
    assert one.score([question]).truncated.all()
    assert max(len(r.tokens) for group in one.requests([question]) for r in group) <= 300


def test_instructions_reach_a_chat_that_knows_no_system(folder, tokenizer, tmp_path):
    strict = "{% if messages[0].role == 'system' %}{{ raise_exception('no system') }}{% endif %}"
    known = tokenizer.chat_template
    tokenizer.chat_template = strict + known
    try:
        shutil.copytree(folder, tmp_path / "model")
        tokenizer.save_pretrained(tmp_path / "model")
    finally:
        tokenizer.chat_template = known
    one = solver(tmp_path / "model", chat=True, template="letters_instructed")
    ((prompt,),) = one.prompts(QUESTIONS[:1])
    assert prompt.startswith("<|user|>The following")
    one.score(QUESTIONS[:1])


@pytest.mark.parametrize("chat", [False, True])
def test_a_blank_option_is_as_likely_as_that_nothing_follows(folder, tmp_path, chat):
    bare = tmp_path / "bare.yaml"
    bare.write_text('mode: options\nquestion: "{{ prompt }} It is"\nanswer: "{{ option }}"\n')
    question = Question("q", "What is it?", (" iron", "", " salt"))
    one = solver(folder, template=str(bare), norm="sum", chat=chat)
    ((_, blank, _),) = one.requests([question])
    assert blank.targets == (one.scorer.tokenizer.eos_token_id,)
    assert np.isfinite(one.score([question]).values[0]).all()
