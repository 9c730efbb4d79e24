"""Ten kinds of rewrites that templates make, so that their prompts can be recovered exactly."""

import random

import pytest

pytest.importorskip("peft")

from llmexam.recovery.metrics.text_match import ExactMatch
from llmexam.recovery.recoverers.fine_tuned import FineTunedLm
from llmexam.recovery.rewrites import Rewrite, RewriteExam
from llmexam.tracking.tracker import NoTracker
from llmexam.training.recoverer.settings import RecovererTrainingSettings
from llmexam.training.recoverer.trainer import RecovererTrainer

NAMES = ("Anna", "Tom", "Mary", "Paul", "The cook", "A child", "My uncle", "The pilot")
VERBS = ("found", "sold", "lost", "painted", "washed", "forgot", "carried", "liked")
THINGS = ("bread", "a car", "the keys", "two apples", "a letter", "the boat", "shoes", "tea")
PROMPTS = {
    "Convert this to uppercase.": lambda sentences: " ".join(sentences).upper(),
    "Convert this to lowercase.": lambda sentences: " ".join(sentences).lower(),
    "Write the words in reverse order.": lambda sentences: " ".join(
        " ".join(sentences).split()[::-1]
    ),
    "Add an exclamation mark after each sentence.": lambda sentences: " ".join(
        f"{one}!" for one in sentences
    ),
    "Put the text in quotation marks.": lambda sentences: f'"{" ".join(sentences)}"',
    "Make a list with one sentence per line.": lambda sentences: "\n".join(
        f"- {one}" for one in sentences
    ),
    "Keep only the first sentence.": lambda sentences: sentences[0],
    "Repeat the text twice.": lambda sentences: " ".join([*sentences, *sentences]),
    "Replace every space with an underscore.": lambda sentences: "_".join(
        " ".join(sentences).split()
    ),
    "Start with a greeting to a friend.": lambda sentences: " ".join(
        ["Hello, friend!", *sentences]
    ),
}


def templated(n_rows, seed, taken=frozenset()):
    """Rows with the ten prompts in turn, whose texts are not among some that are taken."""
    draw = random.Random(seed)
    rows = []
    while len(rows) < n_rows:
        sentences = [
            f"{draw.choice(NAMES)} {draw.choice(VERBS)} {draw.choice(THINGS)}." for _ in range(2)
        ]
        text = " ".join(sentences)
        if text in taken:
            continue
        prompt = list(PROMPTS)[len(rows) % len(PROMPTS)]
        rows.append(Rewrite(f"{seed}-{len(rows)}", text, PROMPTS[prompt](sentences), prompt))
    return RewriteExam(tuple(rows), source="templates")


def test_templates_give_different_rewrites():
    rows = templated(40, seed=0)
    assert len({row.prompt for row in rows}) == 10
    assert all(row.original != row.rewritten for row in rows)
    assert len({row.rewritten for row in rows}) == 40


@pytest.mark.slow
def test_templated_prompts_are_recovered_exactly_on_new_texts(shared_models, tmp_path):
    train = templated(480, seed=0)
    held_out = templated(60, seed=1, taken=frozenset(train.originals))
    settings = RecovererTrainingSettings.parse(
        {
            "model": str(shared_models / "gemma-3-270m"),
            "prompting": {"instructions": "Find the prompt."},
            "lora": {"r": 8, "alpha": 16},
            "learning_rate": 1e-3,
            "batch_size": 8,
            "device": "cpu",
        },
        subject="test",
    )
    done = RecovererTrainer(settings).fit(
        train, None, tmp_path / "model", card={}, tracker=NoTracker()
    )
    recoverer = FineTunedLm(model=str(done.folder), max_new_tokens=16)
    found = recoverer.recover(held_out.without_prompts())
    exact = ExactMatch().values(held_out, [one.text for one in found])
    assert exact.mean() >= 0.9
