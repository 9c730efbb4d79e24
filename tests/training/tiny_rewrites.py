"""Rewrites whose prompt can be told from the texts, and a tokenizer of their words."""

import random

from llmexam.recovery.rewrites import Rewrite, RewriteExam

N_WORDS = 16
# What is done to the words, and the prompt that asks for it.
TASKS = {
    "put w0 first": lambda words: ["w0", *words],
    "put w1 first": lambda words: ["w1", *words],
    "repeat the first word": lambda words: [words[0], *words],
}


def word_tokenizer():
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    special = ["<pad>", "<unk>", "<s>", "</s>"]
    words = ["Original", "Rewritten", "text", ":", "Prompt", "."]
    words += ["first", "put", "repeat", "the", "word", *(f"w{i}" for i in range(N_WORDS))]
    vocabulary = {word: i for i, word in enumerate([*special, *words])}
    core = Tokenizer(models.WordLevel(vocabulary, unk_token="<unk>"))
    core.pre_tokenizer = pre_tokenizers.Whitespace()
    return PreTrainedTokenizerFast(
        tokenizer_object=core,
        pad_token="<pad>",
        unk_token="<unk>",
        bos_token="<s>",
        eos_token="</s>",
    )


def rewrites(n_rows, seed=0):
    """Rewrites whose prompt can be told from the texts."""
    draw = random.Random(seed)
    rows = []
    for i in range(n_rows):
        words = [f"w{draw.randrange(2, N_WORDS)}" for _ in range(draw.randint(2, 9))]
        prompt = draw.choice(sorted(TASKS))
        rewritten = " ".join(TASKS[prompt](words))
        rows.append(Rewrite(f"r{seed}-{i}", " ".join(words), rewritten, prompt))
    return RewriteExam(tuple(rows), source=f"rows {seed}")
